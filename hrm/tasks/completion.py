"""Puzzles that show some cells of a filled grid, so many that no other grid fits."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hrm.randomness import Numbers
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task


class Completion(Task):
    """Fill the grid.

    For puzzles of which all filled grids can be listed: up to some 20,000, or drawing takes longer
    than learning. A derived class gives `every_grid`; how puzzles are drawn, answered and checked
    follows from it. Code 0 is an open cell, and is in no filled grid.
    """

    open_code = 0

    def every_grid(self) -> Cells:
        """All filled grids that keep the rules, ``(n, R, C)``."""
        raise ValueError(f"task {type(self).__name__}: write `every_grid`, which lists the answers")

    @cached_property
    def grids(self) -> Cells:
        """`every_grid`, each grid as a row: ``(n, R · C)``."""
        grids = self.every_grid()
        return grids.reshape(len(grids), -1)

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(grid.tobytes() for grid in self.grids)

    def draw_one(self, numbers: Numbers) -> Cells:
        """Cells of a random grid are shown, one by one, until no other grid fits."""
        left, solution = self.grids, self.grids[numbers.below(len(self.grids))]
        puzzle = np.zeros_like(solution)
        for cell in numbers.order(len(solution)):
            if len(left) > 1:
                puzzle[cell] = solution[cell]
                left = left[left[:, cell] == solution[cell]]
        return puzzle.reshape(self.shape)

    def answer_one(self, puzzle: Cells) -> Cells | None:
        """The grid that fits; of several the first."""
        left, cells = self.grids, puzzle.ravel()
        for cell in np.flatnonzero(cells):
            left = left[left[:, cell] == cells[cell]]
        return left[0].reshape(puzzle.shape) if len(left) else None

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Whether each answer is one of the grids, and keeps what its puzzle shows."""
        kept = ((inputs == self.open_code) | (inputs == answers)).all(axis=(1, 2))
        return kept & np.array([answer.tobytes() in self._names for answer in answers], dtype=bool)

    def dead_ends(self, inputs: Cells) -> NDArray[np.bool_]:
        """Puzzles that no grid fits."""
        return np.array([self.answer_one(puzzle) is None for puzzle in inputs], dtype=bool)
