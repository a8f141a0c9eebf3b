"""The symmetries of Sudoku: digits renamed, rows and columns exchanged as far as boxes stay boxes.

Each is a number written with one figure for each free choice (the order of the digits, of the
bands, of the rows in each band, and so on), so that it can be had without making the others: there
are over 10¹² for 9×9 grids.
"""

import math
import sys
from collections.abc import Sequence
from functools import partial
from typing import overload

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells, Symmetry
from hrm.tasks.sudoku.rules import OPEN, Rules
from hrm.tasks.symmetry import permutation


class Symmetries(Sequence[Symmetry]):
    """All symmetries of the puzzles of one size; number 0 changes nothing.

    Of 16×16 grids there are more (`order`, about 10²⁷) than a sequence may be long in Python; it
    holds 2⁶³ - 1 of them, spread evenly.
    """

    def __init__(self, rules: Rules):
        self._size = rules.size
        box_rows, box_columns = rules.box
        bands, stacks = rules.size // box_rows, rules.size // box_columns
        self._sides = ((bands, box_rows), (stacks, box_columns))
        self._turns = 2 if box_rows == box_columns else 1
        lengths = [self._turns, math.factorial(rules.size)]
        for groups, lines in self._sides:
            lengths += [math.factorial(groups), *[math.factorial(lines)] * groups]
        self._lengths = lengths
        self.order = math.prod(lengths)
        """How many there are."""
        self._stride = 1
        if self.order > sys.maxsize:
            # Without a common factor, so that every figure takes all its values.
            self._stride = self.order // sys.maxsize
            while math.gcd(self._stride, self.order) > 1:
                self._stride -= 1

    def __len__(self) -> int:
        return min(self.order, sys.maxsize)

    @overload
    def __getitem__(self, index: int) -> Symmetry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Symmetry]: ...

    def __getitem__(self, index: int | slice) -> Symmetry | list[Symmetry]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"symmetry {index} of {len(self)}")
        turned, digits, cells = self._decoded(place * self._stride)
        names = np.arange(256, dtype=np.uint8)
        names[OPEN + 1 : self._size + 1] = digits + 1
        view = (cells.T if turned else cells).ravel()
        names_back, back = np.argsort(names).astype(np.uint8), np.argsort(view)
        return Symmetry(
            partial(_seen, names=names, view=view), partial(_seen, names=names_back, view=back)
        )

    def _decoded(self, number: int) -> tuple[bool, NDArray[np.int64], NDArray[np.int64]]:
        """Whether rows become columns, the new digits, and the cell that comes to each place."""
        figures = []
        for length in self._lengths:
            number, figure = divmod(number, length)
            figures.append(figure)
        turned, digits, *rest = figures
        lines = []
        for groups, inside in self._sides:
            order, *orders = rest[: groups + 1]
            rest = rest[groups + 1 :]
            starts = permutation(groups, order)[:, None] * inside
            lines.append((starts + [permutation(inside, each) for each in orders]).ravel())
        rows, columns = lines
        cells = rows[:, None] * self._size + columns
        return turned == 1, permutation(self._size, digits), cells


def _seen(cells: Cells, names: NDArray[np.uint8], view: NDArray[np.int64]) -> Cells:
    """``(..., N, N)`` cells taken from their places in the view, under their new names."""
    flat = cells.reshape(*cells.shape[:-2], -1)
    return names[flat[..., view]].reshape(cells.shape)
