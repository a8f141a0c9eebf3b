"""Metrics at every segment count asked for, from one pass over the puzzles."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm.data.source import require_answers
from hrm.inference import voting
from hrm.inference.models import task_of
from hrm.machine import puzzles_at_a_time
from hrm.models.batch import to_cells, to_inputs, to_targets
from hrm.models.losses import cross_entropy_each
from hrm.models.network import Network
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE, Cells, equal_where_graded
from hrm.tasks.supply import Ballot
from hrm.tasks.task import Task

LONG = 4
"""Metrics named ``…_4x`` are after so many times the model's own think time."""


@dataclass(frozen=True)
class Metrics:
    """How good a model's answers are, each a mean over puzzles."""

    loss: float
    """Cross-entropy over all graded cells, averaged over the segments so far."""
    cell_acc: float
    """Cells that equal the label."""
    open_acc: float
    """Of the cells that are to be filled in, those that equal the label."""
    board_acc: float
    """Puzzles of which every cell equals the label."""
    solved: float
    """Puzzles answered rightly, as the label says or otherwise."""
    q_halt_acc: float | None = None
    """Puzzles of which the network says rightly whether its answer is exact; None: it says nothing.
    """

    def as_dict(self, suffix: str = "") -> dict[str, float]:
        """The metrics by name, each name ending in `suffix`."""
        return {k + suffix: value for k, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, eq=False)
class Scores:
    """What became of each puzzle; every array is ``(B,)``."""

    cell_acc: NDArray[np.float64]
    open_acc: NDArray[np.float64]
    exact: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    loss: NDArray[np.float64]
    ballots: list[Ballot] = field(default_factory=list)
    """Where puzzles are views of questions: a vote each."""
    halt_right: NDArray[np.bool_] | None = None
    """Whether the network says rightly that the answer is exact; None: it says nothing."""

    @staticmethod
    def joined(parts: "Sequence[Scores]") -> "Scores":
        """The scores of several batches as one."""
        ballots = [ballot for part in parts for ballot in part.ballots]
        names = [field.name for field in fields(Scores) if field.name != "ballots"]
        columns = {name: [getattr(part, name) for part in parts] for name in names}
        there = {name: column for name, column in columns.items() if column[0] is not None}
        arrays = {name: np.concatenate(column) for name, column in there.items()}
        return Scores(**arrays, ballots=ballots)

    @property
    def means(self) -> Metrics:
        """Over the puzzles."""
        columns = {"loss": self.loss, "cell_acc": self.cell_acc, "open_acc": self.open_acc}
        columns |= {"board_acc": self.exact, "solved": self.solved}
        if self.halt_right is not None:
            columns["q_halt_acc"] = self.halt_right
        return Metrics(**{name: float(values.mean()) for name, values in columns.items()})

    def as_dict(self) -> dict[str, float]:
        """The means by name, without the loss; and what the votes find, where there are any."""
        means = self.means.as_dict()
        del means["loss"]
        return means | voting.shares(self.ballots)


def evaluate(
    model: Network,
    boards: Cells | Examples,
    segments: Collection[int],
    labels: Cells | None = None,
    batch_size: int | None = None,
) -> dict[int, Metrics]:
    """Think as long as the largest segment count asked for; measure at each on the way.

    Args:
        model: left in the mode in which it was.
        boards: ``(B, R, C)`` solvable puzzles, or examples.
        segments: segment counts, in any order.
        labels: of `boards`, if they are at hand.
        batch_size: puzzles at a time; by default as many as fit the cache.

    Returns:
        Metrics by segment count, ascending.

    Raises:
        ValueError: if there is no puzzle, no segment count, or one below 1, if a puzzle has no
            answer, or if the model does not work on puzzles of this shape.
    """
    task = task_of(model)
    if not isinstance(boards, Examples):
        if not len(boards):
            raise ValueError("boards: there are none; give one or more")
        own = task.of_shape(task.shape_of(boards))
        answers = require_answers(own, boards, "boards") if labels is None else labels
        boards = Examples(boards, answers, puzzle_ids=own.identify(boards))
    batches = score(model, task, boards, segments, batch_size)
    found = joined(list(batches))
    return {count: scores.means for count, scores in found.items()}


def score(
    model: Network,
    task: Task,
    examples: Examples,
    segments: Collection[int],
    batch_size: int | None = None,
) -> Iterator[dict[int, Scores]]:
    """Scores by segment count, a batch at a time; see `evaluate`, as for errors."""
    if not len(examples):
        raise ValueError("examples: there are none to measure on; give one or more")
    task = task.of_shape(examples.shape)
    model = model.on(task.grid)
    counts = sorted(set(segments))
    if not counts or counts[0] < 1:
        raise ValueError(f"segments: {list(segments)}; give counts of 1 or more")
    device = next(model.parameters()).device
    size = batch_size or puzzles_at_a_time(device, examples.shape[0] * examples.shape[1])
    return _batches(model, task, examples, counts, size)


def joined(batches: Sequence[dict[int, Scores]]) -> dict[int, Scores]:
    """The scores of all batches, by segment count."""
    return {count: Scores.joined([scores[count] for scores in batches]) for count in batches[0]}


def _batches(
    model: Network, task: Task, examples: Examples, counts: list[int], size: int
) -> Iterator[dict[int, Scores]]:
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(examples), size):
            yield _score_batch(model, task, examples.take(slice(start, start + size)), counts)
    finally:
        model.train(was_training)


@torch.inference_mode()
def _score_batch(
    model: Network, task: Task, examples: Examples, counts: list[int]
) -> dict[int, Scores]:
    device = next(model.parameters()).device
    inputs = to_inputs(examples.inputs, examples.puzzle_ids, device)
    targets = to_targets(examples.answers, device)
    state = model.initial_state(len(examples), examples.shape)
    losses, scores = np.zeros(len(examples)), {}
    for segment in range(1, counts[-1] + 1):
        state, output = model(state, inputs)
        losses += cross_entropy_each(output.logits, targets).cpu().double().numpy()
        if segment in counts:
            answers = to_cells(output.logits.argmax(-1), examples.shape)
            scores[segment] = _judge(task, examples, answers, losses / segment, output.halt)
    return scores


def _judge(
    task: Task,
    examples: Examples,
    answers: Cells,
    losses: NDArray[np.float64],
    halt: Tensor | None,
) -> Scores:
    count = len(examples)
    graded = (examples.answers != IGNORE).reshape(count, -1)
    right = (answers == examples.answers).reshape(count, -1)
    filled = task.open_cells(examples.inputs).reshape(count, -1) & graded
    exact = equal_where_graded(answers, examples.answers)
    return Scores(
        cell_acc=_share(right, graded),
        open_acc=_share(right, filled),
        exact=exact,
        solved=task.solves(examples, answers),
        loss=losses,
        ballots=_ballots(task, examples, answers, halt),
        halt_right=None if halt is None else (halt[:, 0] >= 0).cpu().numpy() == exact,
    )


def _ballots(task: Task, examples: Examples, answers: Cells, halt: Tensor | None) -> list[Ballot]:
    """The votes of the answers, each as sure as the network is that it may stop."""
    ballots = task.ballots(examples, answers)
    if halt is None or not ballots:
        return ballots
    sure = halt[:, 0].float().sigmoid().tolist()
    return [b._replace(confidence=q) for b, q in zip(ballots, sure, strict=True)]


def _share(right: NDArray[np.bool_], of: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of the cells that count, those that are right; all, where none counts."""
    if of.all():
        return right.mean(axis=1)
    counts = of.sum(axis=1)
    return np.where(counts > 0, (right & of).sum(axis=1) / np.maximum(counts, 1), 1.0)
