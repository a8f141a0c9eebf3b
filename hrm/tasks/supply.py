"""What a task says of examples that are given to it, not drawn: splits, identifiers, views."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells
from hrm.tasks.settings import TaskSettings


class Ballot(NamedTuple):
    """The vote of an answer to one view of a question for an answer to the question."""

    group: int
    """What the question is scored with."""
    question: bytes
    """Names it."""
    answer: bytes
    """That is voted for."""
    right: bool
    """Whether it is."""
    confidence: float = 0.0
    """Of the network in it, from 0 to 1; 0 where it gives none."""


class Supply:
    """For tasks whose examples are given. By default nothing is."""

    config: TaskSettings

    identifier_names: Sequence[str] = ("<blank>",)
    """What each puzzle identifier stands for. Networks may learn a vector for each; the first is
    that of all puzzles that have none of their own."""

    @property
    def puzzle_identifiers(self) -> int:
        """How many identifiers puzzles may have."""
        return len(self.identifier_names)

    def given(self, split: str) -> Examples | None:
        """The examples of a data set that is not drawn: of its "train" or its "test" split; None:
        the task draws its puzzles."""
        return None

    def written(self, split: str) -> Examples | None:
        """The same for other programs: all views of each example, those of one side by side."""
        return self.given(split)

    def part(self, train: Examples) -> tuple[Examples, Examples]:
        """Training and validation examples of a train split: by default the last whole groups, so
        that no puzzle is validated on of which a view is trained on.

        Raises:
            ValueError: if `val_count` leaves nothing to train on.
        """
        groups = np.arange(len(train)) if train.groups is None else train.groups
        wanted = max(0, len(train) - self.config.val_count)
        first = int(np.searchsorted(groups, groups[wanted], side="left")) if len(train) else 0
        if not 0 < first < len(train):
            raise ValueError(
                f"task.val_count: {self.config.val_count} of {len(train)} examples leave nothing to"
                " train on; use fewer"
            )
        return train.take(slice(0, first)), train.take(slice(first, None))

    def show(self, examples: Examples, key: tuple[int, ...]) -> Examples:
        """The training examples of an epoch, in their order, as they are shown: by default as they
        are. A function of its arguments on every machine."""
        return examples

    def identify(self, inputs: Cells) -> NDArray[np.int64] | None:
        """``(n,)`` the identifier of each puzzle; by default None: puzzles have none."""
        return None

    def ballots(self, examples: Examples, answers: Cells) -> list[Ballot]:
        """Where examples are views of questions: what each answer votes for; by default nothing."""
        return []
