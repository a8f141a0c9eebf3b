"""Puzzles that are not drawn: the examples of a data set, with a train and a test split."""

import hashlib
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from hrm.randomness import Numbers
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE, Cells, Verdict
from hrm.tasks.settings import TaskSettings
from hrm.tasks.task import Task


class GivenSettings(TaskSettings):
    """For tasks whose examples are given."""

    @model_validator(mode="after")
    def _of_a_data_set(self) -> Self:
        if self.stream:
            raise ValueError("stream: the examples of a data set are fixed; set task.stream=false")
        if self.train_boards:
            raise ValueError("train_boards: the data set gives the puzzles; leave it out")
        return self


class GivenTask(Task):
    """A task whose examples are given; whoever derives from it writes `_read`."""

    answerless = Verdict("unknown", "no answer is known", False)
    pad_id: int = 0
    """The number of padding, in the layout of the published code."""
    ignore_label_id: int | None = 0
    """The number of a label that is not graded, there."""
    known_splits: tuple[str, ...] = ("train", "test")
    """In which answers are looked up; of puzzles that stand in both, the first counts."""

    def __init__(self, config: TaskSettings | None = None):
        super().__init__(config)
        self._splits: dict[str, Examples] = {}
        self._places: dict[bytes, tuple[str, int]] | None = None

    def _read(self, split: str) -> Examples:
        """The examples of a split."""
        raise NotImplementedError

    def given(self, split: str) -> Examples:
        """The examples of a split, read once.

        Raises:
            ValueError: if they cannot be read.
        """
        if split not in self._splits:
            self._splits[split] = self._read(split)
        return self._splits[split]

    def known(self, split: str) -> Examples:
        """The examples of a split in which answers are looked up."""
        return self.given(split)

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """Puzzles of the test split, for a look at some."""
        inputs = self.known("test").inputs
        return inputs[Numbers(*key).below(len(inputs), count)]

    def answer(self, inputs: Cells) -> Cells:
        """The labels of those puzzles that are in the data set, the first where one is in it more
        than once; none of others."""
        answers = np.full_like(inputs, IGNORE)
        for i, split, number in self._found(inputs):
            answers[i] = self.known(split).answers[number]
        return answers

    def identify(self, inputs: Cells) -> NDArray[np.int64] | None:
        """The identifiers of those puzzles that are in the data set; 0 of others. None where the
        data set has no identifiers."""
        if self.puzzle_identifiers == 1:
            return None
        identifiers = np.zeros(len(inputs), dtype=np.int64)
        for i, split, number in self._found(inputs):
            known = self.known(split).puzzle_ids
            identifiers[i] = 0 if known is None else known[number]
        return identifiers

    def _found(self, inputs: Cells) -> Iterator[tuple[int, str, int]]:
        """Of the puzzles that are in the data set: which it is, its split, and its number there."""
        if self._places is None:
            self._places = {}
            for split in self.known_splits:
                for number, digest in enumerate(_digests(self.known(split).inputs)):
                    self._places.setdefault(digest, (split, number))
        for i, digest in enumerate(_digests(inputs)):
            if digest in self._places:
                yield i, *self._places[digest]


def _digests(puzzles: Cells) -> Iterator[bytes]:
    """Of each puzzle 16 bytes that no other has: of a million puzzles, they all fit in memory."""
    for puzzle in np.ascontiguousarray(puzzles):
        yield hashlib.blake2b(puzzle.data, digest_size=16).digest()
