"""Metrics at every segment count asked for, from one pass over the boards."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hrm.distributed import boards_at_a_time
from hrm.models.hrm import HRM
from hrm.tasks.boardpath.boards import Boards, label, solved


@dataclass(frozen=True)
class Metrics:
    """How good a model's answers are, each a mean over boards."""

    loss: float
    """Cross-entropy over all cells, averaged over the segments so far."""
    cell_acc: float
    """Cells that equal the label."""
    board_acc: float
    """Boards of which every cell equals the label."""
    solved: float
    """Boards answered by a shortest path, the label's or another."""

    def as_dict(self, suffix: str = "") -> dict[str, float]:
        """The metrics by name, each name ending in `suffix`."""
        return {name + suffix: value for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Scores:
    """What became of each board; every array is ``(B,)``."""

    cell_acc: NDArray[np.float64]
    exact: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    loss: NDArray[np.float64]

    def as_dict(self) -> dict[str, float]:
        """Means over the boards, by the names of `Metrics`; without the loss."""
        means = {"cell_acc": self.cell_acc, "board_acc": self.exact, "solved": self.solved}
        return {name: float(values.mean()) for name, values in means.items()}


def evaluate(
    model: HRM,
    boards: Boards,
    segments: Collection[int],
    labels: Boards | None = None,
    batch_size: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[int, Metrics]:
    """Think as long as the largest segment count asked for; measure at each on the way.

    Args:
        model: left in evaluation mode.
        boards: ``(B, N, N)`` solvable inputs.
        segments: segment counts, in any order.
        labels: of `boards`, if they are at hand.
        batch_size: boards at a time; by default as many as fit the cache.
        on_batch: called with the number of boards in each batch that is done.

    Returns:
        Metrics by segment count, ascending.

    Raises:
        ValueError: if no segment count is given, or one below 1, or if the model does not work on
            boards of this size.
    """
    found = score_boards(model, boards, segments, labels, batch_size, on_batch)
    return {
        count: Metrics(loss=float(scores.loss.mean()), **scores.as_dict())
        for count, scores in found.items()
    }


def score_boards(
    model: HRM,
    boards: Boards,
    segments: Collection[int],
    labels: Boards | None = None,
    batch_size: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[int, Scores]:
    """As `evaluate`, but board by board."""
    model.require_size(boards.shape[1])
    counts = sorted(set(segments))
    if not counts or counts[0] < 1:
        raise ValueError(f"segments: {list(segments)}; give counts of 1 or more")
    labels = label(boards) if labels is None else labels
    model.eval()
    device = next(model.parameters()).device
    batch_size = batch_size or boards_at_a_time(device, boards.shape[1])
    parts: dict[int, list[Scores]] = {count: [] for count in counts}
    for start in range(0, len(boards), batch_size):
        part = slice(start, start + batch_size)
        for count, scores in _score_batch(model, boards[part], labels[part], counts).items():
            parts[count].append(scores)
        if on_batch:
            on_batch(len(boards[part]))
    return {count: joined(scores) for count, scores in parts.items()}


@torch.inference_mode()
def _score_batch(
    model: HRM, boards: Boards, labels: Boards, counts: list[int]
) -> dict[int, Scores]:
    device = next(model.parameters()).device
    tokens, targets = to_tokens(boards, device), to_tokens(labels, device)
    state = model.initial_state(len(boards), boards.shape[1])
    losses, scores = np.zeros(len(boards)), {}
    for segment in range(1, counts[-1] + 1):
        state, logits = model(state, tokens)
        losses += _losses(logits, targets)
        if segment in counts:
            answers = to_boards(logits.argmax(-1))
            right = (answers == labels).reshape(len(boards), -1)
            scores[segment] = Scores(
                right.mean(axis=1), right.all(axis=1), solved(boards, answers), losses / segment
            )
    return scores


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of several batches as one."""
    names = [field.name for field in fields(Scores)]
    return Scores(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` independent trials (Wilson 1927)."""
    z = 1.959964
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (centre - spread) / scale, (centre + spread) / scale


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over all cells of all boards, in float32."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def _losses(logits: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """``(B,)`` mean cross-entropy over the cells of each board."""
    cells = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return cells.view_as(targets).mean(dim=1).cpu().double().numpy()


def to_tokens(boards: Boards, device: torch.device) -> Tensor:
    """``(B, N, N)`` codes as ``(B, S)`` int64 tokens."""
    return torch.from_numpy(boards.reshape(len(boards), -1).astype(np.int64)).to(device)


def to_boards(tokens: Tensor) -> Boards:
    """``(B, S)`` tokens as ``(B, N, N)`` codes."""
    size = round(tokens.shape[1] ** 0.5)
    return tokens.cpu().numpy().astype(np.uint8).reshape(len(tokens), size, size)
