"""Easier puzzles out of hard ones: some cells of the solution are given too."""

import numpy as np

from hrm.randomness import Numbers
from hrm.tasks.grid import Cells
from hrm.tasks.sudoku.rules import OPEN


def reveal(puzzles: Cells, solutions: Cells, most: int, numbers: Numbers) -> Cells:
    """Each puzzle with 0 to `most` more givens, all numbers of them as likely; a cell stays open.

    Args:
        puzzles: ``(n, N, N)`` codes.
        solutions: likewise.
        most: cells to reveal.
        numbers: say how many, and which.
    """
    flat = puzzles.reshape(len(puzzles), -1)
    is_open = flat == OPEN
    counts = np.minimum(numbers.below(most + 1, len(puzzles)), is_open.sum(axis=1) - 1)
    # Open cells in a random order of their own, in front of the givens.
    ranks = np.where(is_open, numbers.uniform(flat.shape), 1).argsort(axis=1).argsort(axis=1)
    shown = is_open & (ranks < counts[:, None])
    return np.where(shown, solutions.reshape(flat.shape), flat).reshape(puzzles.shape)
