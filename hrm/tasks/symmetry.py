"""Symmetries of grids: turns and mirror images, and codes that change places."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

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


MOST = 1000
"""Symmetries that are made at once; a puzzle with more makes each when it is asked for."""


def with_exchanges(
    symmetries: tuple[Symmetry, ...], interchangeable: tuple[tuple[int, ...], ...]
) -> tuple[Symmetry, ...]:
    """Each symmetry with the codes of each set in every order, unless that makes over `MOST`.

    Args:
        symmetries: the one that changes nothing first.
        interchangeable: sets of codes, as in `Structure`.
    """
    count = len(symmetries) * math.prod(math.factorial(len(codes)) for codes in interchangeable)
    if not interchangeable or count > MOST:
        return symmetries
    return tuple(
        _exchanged(each, codes) for codes in orders(interchangeable) for each in symmetries
    )


def orders(interchangeable: tuple[tuple[int, ...], ...]) -> Iterator[Cells]:
    """Every way to exchange codes within sets: the new code of each, ``(256,)``; the one that
    changes nothing first."""
    for chosen in product(*map(permutations, interchangeable)):
        codes = np.arange(256, dtype=np.uint8)
        for old, new in zip(interchangeable, chosen, strict=True):
            codes[list(old)] = new
        yield codes


def permutation(length: int, number: int) -> NDArray[np.int64]:
    """One of the orders of the numbers from 0 to `length` - 1; number 0 is the ascending one."""
    left, order = list(range(length)), []
    for choices in range(length, 0, -1):
        number, which = divmod(number, choices)
        order.append(left.pop(which))
    return np.array(order)


def _exchanged(symmetry: Symmetry, codes: Cells) -> Symmetry:
    """A symmetry, and then an exchange of codes."""
    back = np.argsort(codes).astype(np.uint8)
    return Symmetry(
        lambda cells: codes[symmetry.view(cells)],
        lambda cells: symmetry.undo(back[cells]),
        lambda cells: codes[symmetry.view_answer(cells)],
    )
