"""A square board's eight symmetries written out plainly: cell by cell, from what each one does."""

import numpy as np

from hrm.tasks.grid import Cells


def eight_views(board: Cells) -> list[Cells]:
    """The board turned to the left by no to three quarters, then the same of its mirror image along
    the main diagonal.
    """
    last = len(board) - 1
    moves = [
        lambda r, c: (r, c),
        lambda r, c: (last - c, r),
        lambda r, c: (last - r, last - c),
        lambda r, c: (c, last - r),
        lambda r, c: (c, r),
        lambda r, c: (last - r, c),
        lambda r, c: (last - c, last - r),
        lambda r, c: (r, last - c),
    ]
    views = []
    for move in moves:
        view = np.empty_like(board)
        for (row, column), code in np.ndenumerate(board):
            view[move(row, column)] = code
        views.append(view)
    return views
