import numpy as np


def eight_views(board):
    """The eight symmetries, cell by cell from the definition of each."""
    last = len(board) - 1
    moves = [
        lambda r, c: (r, c),
        lambda r, c: (c, last - r),
        lambda r, c: (last - r, last - c),
        lambda r, c: (last - c, r),
        lambda r, c: (r, last - c),
        lambda r, c: (last - r, c),
        lambda r, c: (c, r),
        lambda r, c: (last - c, last - r),
    ]
    views = []
    for move in moves:
        view = np.empty_like(board)
        for (row, column), code in np.ndenumerate(board):
            view[move(row, column)] = code
        views.append(view)
    return views
