"""How far an output is from the answer."""

import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from hrm.models.batch import NOT_GRADED


def cross_entropy(
    logits: Float[Tensor, "B S V"], targets: Integer[Tensor, "B S"]
) -> Float[Tensor, ""]:
    """Mean over all graded cells of all puzzles, in float32."""
    flat = logits.flatten(0, 1).float()
    return F.cross_entropy(flat, targets.flatten(), ignore_index=NOT_GRADED)


def cross_entropy_each(
    logits: Float[Tensor, "B S V"], targets: Integer[Tensor, "B S"]
) -> Float[Tensor, "B"]:  # noqa: F821
    """For each puzzle, the mean over its graded cells, in float32."""
    flat = logits.flatten(0, 1).float()
    cells = F.cross_entropy(flat, targets.flatten(), reduction="none", ignore_index=NOT_GRADED)
    graded = (targets != NOT_GRADED).sum(dim=1)
    if bool((graded == targets.shape[1]).all()):
        return cells.view_as(targets).mean(dim=1)
    return cells.view_as(targets).sum(dim=1) / graded.clamp(min=1)
