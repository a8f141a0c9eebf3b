"""How far an output is from the answer."""

from collections.abc import Callable

import torch
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


def stablemax_cross_entropy(
    logits: Float[Tensor, "B S V"], targets: Integer[Tensor, "B S"]
) -> Float[Tensor, ""]:
    """As `cross_entropy`, with stablemax; in float64."""
    graded = (targets != NOT_GRADED).sum()
    return _stablemax_cells(logits, targets).sum() / graded.clamp(min=1)


def stablemax_cross_entropy_each(
    logits: Float[Tensor, "B S V"], targets: Integer[Tensor, "B S"]
) -> Float[Tensor, "B"]:  # noqa: F821
    """As `cross_entropy_each`, with stablemax; in float64."""
    graded = (targets != NOT_GRADED).sum(dim=1)
    return _stablemax_cells(logits, targets).sum(dim=1) / graded.clamp(min=1)


def _stablemax_cells(logits: Tensor, targets: Tensor) -> Tensor:
    """Of each cell, 0 where it is not graded.

    Stablemax (Prieto et al. 2025, arXiv 2501.04697) is s(x) / Σ s(x), with s(x) = x + 1 where x is
    positive and 1 / (1 - x) elsewhere. In float32 its gradient is not a number at a logit of 1,
    where the branch that is not taken is infinite; the small number does away with that in float64.
    """
    x = logits.double()
    s = torch.where(x < 0, 1 / (1 - x + 1e-30), x + 1)
    graded = targets != NOT_GRADED
    chosen = torch.where(graded, targets, 0).unsqueeze(-1)
    probabilities = s.gather(-1, chosen) / s.sum(dim=-1, keepdim=True)
    return -torch.where(graded, probabilities.squeeze(-1).log(), 0.0)


Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {"softmax": cross_entropy, "stablemax": stablemax_cross_entropy}
"""Over all graded cells, by `train.loss`."""
LOSSES_EACH: dict[str, Loss] = {
    "softmax": cross_entropy_each,
    "stablemax": stablemax_cross_entropy_each,
}
"""Of each puzzle."""
