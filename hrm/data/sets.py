"""The puzzles of a run: what it trains on, epoch by epoch, and what it validates on.

Everything is a function of (seed, purpose, epoch), so a run can be continued from any point, and
two runs with the same seed see the same puzzles in the same order on every machine.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from hrm.data.hashing import content_hash, examples_hash
from hrm.data.source import fresh, require_answers
from hrm.randomness import Numbers, Purpose
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells, Symmetry
from hrm.tasks.task import Task


@dataclass(frozen=True)
class TrainingSet:
    """The puzzles of one shape that a run learns from: fixed, or drawn afresh for each epoch."""

    task: Task
    fixed: Examples | None
    """None: drawn (`task.stream`)."""
    forbidden: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Puzzles (as bytes) that must not come up: for validation, or held out."""

    def epoch(self, epoch: int, seed: int) -> Examples:
        """The examples of an epoch in the order of training.

        A view that must not come up is left out, and its puzzle shown as it is.

        Args:
            epoch: counted from 1.
            seed: of the run; the puzzles themselves depend on `task.seed` only.
        """
        puzzle_ids = None
        if self.fixed is None:
            inputs, answers = self._draw(epoch), None
        else:
            examples = self.fixed.take(Numbers(seed, Purpose.ORDER, epoch).order(len(self.fixed)))
            examples = self.task.show(examples, (seed, Purpose.VARIATION, epoch))
            inputs, answers, puzzle_ids = examples.inputs, examples.answers, examples.puzzle_ids
        views = self.task.vary(inputs, (seed, Purpose.VARIATION, epoch))
        if views is not inputs:
            answers = None
        if self.task.config.augment:
            symmetries = self._symmetries(len(views), seed, epoch)
            views = _each(symmetries, "view", views)
            if answers is not None:
                known = None if self.task.relabels else _each(symmetries, "view_answer", answers)
                answers = known
        if views is not inputs:
            is_forbidden = np.array([view.tobytes() in self.forbidden for view in views])
            views = np.where(is_forbidden[:, None, None], inputs, views)
            if answers is not None and self.fixed is not None:
                answers = np.where(is_forbidden[:, None, None], examples.answers, answers)
        answers = require_answers(self.task, views) if answers is None else answers
        return Examples(views, answers, puzzle_ids=puzzle_ids)

    def _symmetries(self, count: int, seed: int, epoch: int) -> list[Symmetry]:
        every = self.task.symmetries
        which = Numbers(seed, Purpose.SYMMETRY, epoch).raw(count) % np.uint64(len(every))
        return [every[int(i)] for i in which]

    def _draw(self, epoch: int) -> Cells:
        settings = self.task.config
        puzzles = fresh(self.task, (settings.seed, Purpose.STREAM, epoch), set(self.forbidden))
        return np.stack([next(puzzles) for _ in range(settings.train_count)])


def _each(symmetries: list[Symmetry], name: str, cells: Cells) -> Cells:
    """Each grid under its own symmetry."""
    maps = [getattr(symmetry, name) for symmetry in symmetries]
    return np.stack([each(grid) for each, grid in zip(maps, cells, strict=True)])


@dataclass(frozen=True)
class Part:
    """The puzzles of one shape: those to learn from, and those to validate on."""

    train: TrainingSet
    val: Examples
    given: bool = False
    """Whether answers came with the puzzles, so that they do not follow from them."""

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes; a stream has none, its puzzles follow from the seed."""
        sets = {"val": self.val, "train": self.train.fixed}
        return {
            name: examples_hash(examples) if self.given else content_hash(examples.inputs)
            for name, examples in sets.items()
            if examples is not None
        }


@dataclass(frozen=True)
class Dataset:
    """Training puzzles, and validation puzzles that are disjoint from them."""

    parts: tuple[Part, ...]
    """One for each shape that a run trains on; the shape of the model first."""

    @property
    def train(self) -> TrainingSet:
        """The training puzzles of the model's own shape."""
        return self.parts[0].train

    @property
    def val(self) -> Examples:
        """The validation puzzles of the model's own shape."""
        return self.parts[0].val

    @property
    def val_sets(self) -> list[Examples]:
        """All validation puzzles, a set for each shape."""
        return [part.val for part in self.parts]

    def batch_cnt(self, batch_size: int) -> int:
        """Batches an epoch."""
        counts = [part.train.task.config.train_count for part in self.parts]
        return sum(math.ceil(count / batch_size) for count in counts)

    def batches(self, epoch: int, seed: int, batch_size: int) -> list[Examples]:
        """An epoch's examples in the order of training (see `TrainingSet.epoch`), as batches.

        Each is of one shape; the shapes take turns in an order that `seed` and `epoch` decide.
        """
        batches = []
        for part in self.parts:
            examples = part.train.epoch(epoch, seed)
            starts = range(0, len(examples), batch_size)
            batches += [examples.take(slice(start, start + batch_size)) for start in starts]
        if len(self.parts) == 1:
            return batches
        return [batches[i] for i in Numbers(seed, Purpose.SIZES, epoch).order(len(batches))]

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes of all sets; a shape that is not the model's is in the name."""
        own, *others = self.parts
        hashes = dict(own.hashes)
        for part in others:
            shape = "x".join(map(str, part.val.shape))
            hashes |= {f"{name}_{shape}": digest for name, digest in part.hashes.items()}
        return hashes
