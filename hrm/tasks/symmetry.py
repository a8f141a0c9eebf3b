"""The symmetries of a square or rectangular grid: turns and mirror images."""

from functools import partial

import numpy as np

from hrm.tasks.grid import Cells, Shape, Symmetry


def turn(cells: Cells, symmetry: int) -> Cells:
    """Grids (or answers) under one of the square's eight symmetries.

    Args:
        cells: ``(..., N, N)`` codes.
        symmetry: 0 to 3: that many quarter turns to the left; 4 to 7: mirrored along the main
            diagonal first. 0 leaves them as they are.
    """
    mirrored = cells.swapaxes(-1, -2) if symmetry >= 4 else cells
    return np.ascontiguousarray(np.rot90(mirrored, symmetry % 4, axes=(-2, -1)))


def turn_back(cells: Cells, symmetry: int) -> Cells:
    """Undo `turn`."""
    back = np.rot90(cells, -(symmetry % 4), axes=(-2, -1))
    return np.ascontiguousarray(back.swapaxes(-1, -2) if symmetry >= 4 else back)


_ALL = tuple(
    Symmetry(partial(turn, symmetry=which), partial(turn_back, symmetry=which))
    for which in range(8)
)
_KEEP_A_RECTANGLE = (0, 2, 5, 7)
"""No turn, half a turn, and the two mirror images; all others change rows for columns."""


def turns_of(shape: Shape) -> tuple[Symmetry, ...]:
    """The turns and mirror images that keep a shape, the one that changes nothing first: eight of
    a square, four of a rectangle."""
    return _ALL if shape[0] == shape[1] else tuple(_ALL[which] for which in _KEEP_A_RECTANGLE)
