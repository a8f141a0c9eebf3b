"""Puzzles with their answers, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells, Shape


@dataclass(frozen=True, eq=False)
class Examples:
    """Puzzles of one shape with the answers that they are graded by."""

    inputs: Cells
    """``(n, R, C)`` codes."""
    answers: Cells
    """``(n, R, C)`` codes; `IGNORE` where a cell is not graded."""
    groups: NDArray[np.int64] | None = None
    """``(n,)`` puzzles that were made of one another have the same number; None: none were."""
    puzzle_ids: NDArray[np.int64] | None = None
    """``(n,)`` the identifier of each, from 0 to `Grid.puzzle_identifiers` - 1; None: they have
    none."""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.inputs.shape[1], self.inputs.shape[2]

    def take(self, which: "NDArray[np.int64] | slice") -> "Examples":
        """Some of them, in the order asked for."""
        groups = None if self.groups is None else self.groups[which]
        puzzle_ids = None if self.puzzle_ids is None else self.puzzle_ids[which]
        return Examples(self.inputs[which], self.answers[which], groups, puzzle_ids)
