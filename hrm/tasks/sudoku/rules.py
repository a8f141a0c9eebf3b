"""The rules of Sudoku: sizes, boxes, and which cells may not hold the same digit."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells

OPEN = 0
"""The code of a cell that is to be filled in; a digit is its own code."""

SIZES = (4, 6, 9, 16)
"""Cells on a side, and digits."""

GLYPHS = ".123456789ABCDEFG"
"""The glyph of each code."""

_BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}
_KINDS = ("row", "column", "box")


class Place(NamedTuple):
    """A cell; rows and columns are counted from 1."""

    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Rules:
    """What holds for puzzles of one size (N)."""

    size: int
    """Cells on a side (N)."""
    box: tuple[int, int]
    """Rows and columns of a box."""
    units: NDArray[np.int64]
    """``(3N, N)`` numbers of the cells of each row, then of each column, then of each box."""
    units_of: NDArray[np.int64]
    """``(N·N, 3)`` the units that each cell is in."""

    @property
    def groups(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The units by kind: "row", "column" and "box"."""
        by_kind = self.units.reshape(3, self.size, self.size).tolist()
        return {
            kind: tuple(tuple(unit) for unit in units)
            for kind, units in zip(_KINDS, by_kind, strict=True)
        }

    def name_of(self, unit: int) -> str:
        """Such as "row 3"; boxes are counted row by row."""
        return f"{_KINDS[unit // self.size]} {unit % self.size + 1}"

    def place(self, cell: int) -> Place:
        """Where a cell is, by its number."""
        return Place(cell // self.size + 1, cell % self.size + 1)


@lru_cache
def rules_of(size: int) -> Rules:
    """The rules for grids with so many cells on a side.

    Raises:
        ValueError: if there are no such puzzles.
    """
    if size not in SIZES:
        sizes = ", ".join(map(str, SIZES))
        raise ValueError(f"size: {size} is not among the sizes of Sudoku; choose one of {sizes}")
    box_rows, box_columns = _BOXES[size]
    row, column = np.divmod(np.arange(size * size), size)
    box = row // box_rows * (size // box_columns) + column // box_columns
    owners = (row, column, box)
    units = np.concatenate([owner.argsort(kind="stable").reshape(size, size) for owner in owners])
    units_of = np.stack([owner + size * kind for kind, owner in enumerate(owners)], axis=1)
    return Rules(size, (box_rows, box_columns), units, units_of)


def rules_for(cells: Cells) -> Rules:
    """The rules for ``(..., N, N)`` cells.

    Raises:
        ValueError: if there are no puzzles of that shape.
    """
    rows, columns = cells.shape[-2:]
    if rows != columns:
        raise ValueError(f"size: {rows}×{columns} is not square; Sudoku is")
    return rules_of(columns)


def clashes(cells: Cells) -> NDArray[np.bool_]:
    """Which of the digits in ``(n, N, N)`` cells stand twice in a row, a column or a box.

    All codes but 1 to N count as open.
    """
    rules = rules_for(cells)
    flat = cells.reshape(len(cells), rules.size**2)
    found = np.zeros(flat.shape, dtype=bool)
    for digit in range(1, rules.size + 1):
        here = flat == digit
        crowded = here[:, rules.units].sum(axis=2) > 1
        found |= here & crowded[:, rules.units_of].any(axis=2)
    return found.reshape(cells.shape)


def contradictions(inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
    """The cells of ``(n, N, N)`` answers with a digit that is there twice, or a given changed."""
    return clashes(answers) | ((inputs != OPEN) & (answers != inputs))


def first_clash(cells: Cells) -> tuple[int, str] | None:
    """The first digit of ``(N, N)`` cells that stands twice in a row, a column or a box.

    Returns:
        The number of its second cell, and what is wrong in words; None: nothing is.
    """
    rules = rules_for(cells)
    for unit, members in enumerate(rules.units):
        seen: dict[int, int] = {}
        for cell in members.tolist():
            digit = int(cells.flat[cell])
            if digit in seen:
                one, other = (rules.place(each) for each in (seen[digit], cell))
                return cell, (
                    f"digit {GLYPHS[digit]} stands twice in {rules.name_of(unit)}"
                    f" (row {one.row}, column {one.column}; row {other.row}, column"
                    f" {other.column})"
                )
            if digit != OPEN:
                seen[digit] = cell
    return None


def dead_ends(cells: Cells) -> NDArray[np.bool_]:
    """``(n,)`` where a digit stands twice in a unit, or an open cell has no digit left."""
    rules = rules_for(cells)
    taken = np.bitwise_or.reduce(_digits_in_units(rules, cells)[:, rules.units_of], axis=2)
    full = _all_digits(rules)
    stuck = (cells.reshape(taken.shape) == OPEN) & (taken & full == full)
    return clashes(cells).any(axis=(1, 2)) | stuck.any(axis=1)


def solved(inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
    """``(n,)`` whether each answer keeps the givens and has every digit once in every unit.

    Args:
        inputs: ``(n, N, N)`` puzzles.
        answers: ``(n, N, N)`` codes.
    """
    rules = rules_for(inputs)
    kept = ((inputs == OPEN) | (answers == inputs)).all(axis=(1, 2))
    return kept & (_digits_in_units(rules, answers) == _all_digits(rules)).all(axis=1)


def _digits_in_units(rules: Rules, cells: Cells) -> NDArray[np.uint32]:
    """``(n, 3N)`` the codes that each unit holds: bit d for digit d, bit 0 for an open cell."""
    bits = np.where(cells <= rules.size, np.uint32(1) << cells.astype(np.uint32), np.uint32(0))
    flat = bits.reshape(len(bits), rules.size**2)
    return np.bitwise_or.reduce(flat[:, rules.units], axis=2)


def _all_digits(rules: Rules) -> int:
    """A bit for each digit."""
    return (2 << rules.size) - 2
