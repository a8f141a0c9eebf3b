"""A puzzle of the tests' own: how many mines lie around each cell that is none.

Unlike board paths its grids may be oblong, its answers have other codes than its puzzles, and the
cells of mines are not graded.
"""

import numpy as np

from hrm import Code, Numbers, Task, turns_of
from hrm.tasks.grid import IGNORE, NINE, Structure
from hrm.tasks.settings import Side, TaskSettings

FREE, MINE = range(2)


class MinesSettings(TaskSettings):
    """Where there are how many mines."""

    rows: Side = 3
    """Cells from top to bottom."""
    columns: Side = 5
    """Cells from left to right."""


class Mines(Task):
    """How many mines lie around each free cell."""

    Config = MinesSettings
    codes = (Code(".", "free"), Code("*", "mine"))
    structure = Structure(NINE)

    @property
    def answer_codes(self):
        """Counts of mines."""
        return [Code(str(count), f"{count} mines around") for count in range(9)]

    @property
    def symmetries(self):
        """Turns and mirror images."""
        return turns_of(self.shape)

    def draw(self, count, key):
        """A mine in a quarter of the cells."""
        mines = Numbers(*key).below(4, (count, *self.shape)) == 0
        return np.where(mines, MINE, FREE).astype(np.uint8)

    def answer(self, inputs):
        """Counted cell by cell."""
        answers = np.full_like(inputs, IGNORE)
        for puzzle, row, column in np.argwhere(inputs == FREE):
            top, left = max(0, row - 1), max(0, column - 1)
            around = inputs[puzzle, top : row + 2, left : column + 2]
            answers[puzzle, row, column] = (around == MINE).sum()
        return answers

    def open_cells(self, inputs):
        """The free ones."""
        return inputs == FREE
