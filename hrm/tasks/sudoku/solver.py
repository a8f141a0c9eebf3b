"""The stated solver: finds a Sudoku's solution, proves that there is no other, counts its guesses.

It knows singles only: a cell with one candidate left, and a digit with one place left in a row, a
column or a box. It applies them until nothing changes. Then it guesses, at the cell with the fewest
candidates (of equals the first, counted row by row), each of its digits in ascending order, and
goes on like that until every digit of every guess has been tried or a second solution is found.
Each digit that it tries is a guess. So the count is that of the whole search that proves the
solution to be the only one, and does not depend on luck with the digits.

It is there twice: in `solver.c`, and in `plain_solver` for machines without a C compiler.
"""

import ctypes
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells
from hrm.tasks.sudoku.compiled import address, library
from hrm.tasks.sudoku.plain_solver import solve_plain
from hrm.tasks.sudoku.rules import rules_for

MOST_GUESSES = 10_000_000
"""At which it gives up on a puzzle, after some seconds in C. Of 20,000 puzzles from public lists of
hard ones none needs over 4,000."""

_AT_A_TIME = 256
"""Puzzles that are solved in one go, so that Ctrl-C is heard soon."""


class Solved(NamedTuple):
    """What the solver finds out about n puzzles."""

    solutions: Cells
    """``(n, N, N)`` the one solution of each; all open where there is not just one."""
    outcomes: NDArray[np.uint8]
    """``(n,)`` `NONE`, `ONE`, `SEVERAL` or `UNDECIDED`, of `plain_solver`."""
    guesses: NDArray[np.int64]
    """``(n,)``."""


def solve(puzzles: Cells, limit: int = MOST_GUESSES) -> Solved:
    """Solve ``(n, N, N)`` puzzles.

    Args:
        puzzles: codes from 0, open, to N.
        limit: guesses after which the solver gives up on a puzzle.

    Raises:
        ValueError: if there are other codes, or no puzzles of that shape.
    """
    rules = rules_for(puzzles)
    if puzzles.size and puzzles.max() > rules.size:
        raise ValueError(f"puzzles: code {puzzles.max()} is no digit; use 0 to {rules.size}")
    flat = np.ascontiguousarray(puzzles.reshape(len(puzzles), rules.size**2))
    solutions = np.zeros_like(flat)
    outcomes = np.zeros(len(flat), dtype=np.uint8)
    guesses = np.zeros(len(flat), dtype=np.int64)
    compiled = library("solver")
    for first in range(0, len(flat), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        if compiled is None:
            found = solve_plain(rules, flat[part], limit)
            solutions[part], outcomes[part], guesses[part] = found
        else:
            compiled.solve_all(
                ctypes.c_int(rules.size),
                address(rules.units),
                ctypes.c_int64(len(flat[part])),
                ctypes.c_int64(limit),
                *map(address, (flat[part], solutions[part], outcomes[part], guesses[part])),
            )
    return Solved(solutions.reshape(puzzles.shape), outcomes, guesses)
