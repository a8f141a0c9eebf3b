"""Training boards with START and END elsewhere.

A view's label is computed anew by whoever uses it; nothing here says what the answer is.
"""

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    START,
    UNREACHABLE,
    WALL,
    Boards,
    shortest_lengths,
)

END_TRIES = 8
"""Pairs of cells that are tried for a board. On random 20×20 boards with `wall_prob` 0.3 nine pairs
in ten have a path, so hardly any board keeps its own."""


def with_ends_moved(boards: Boards, numbers: NDArray[np.uint64], pairs: int = 1) -> Boards:
    """Each board with START and END drawn anew among its cells that are not walls.

    All ordered pairs of different cells with a path between them are equally likely, as in
    `boards.random_boards`. A board of which no pair tried has a path keeps its own.

    Args:
        boards: ``(B, N, N)`` solvable inputs.
        numbers: ``(B · END_TRIES · 2,)`` raw random numbers.
        pairs: with a path, to draw; of these the farthest apart is taken, the first of equals.
    """
    moved, cells = boards.copy(), boards.shape[1] * boards.shape[2]
    floor = np.where(boards == WALL, WALL, FLOOR).astype(np.uint8).reshape(-1, cells)
    # The numbers of the free cells, in order, come first.
    free = np.argsort(floor, axis=1, kind="stable")
    count = (floor == FLOOR).sum(axis=1).astype(np.uint64)
    found, longest = np.zeros((2, len(boards)), dtype=np.int64)
    for one, other in numbers.reshape(END_TRIES, 2, len(boards)):
        pending = np.flatnonzero(found < pairs)
        start = one[pending] % count[pending]
        end = other[pending] % (count[pending] - np.uint64(1))
        end += end >= start
        views = floor[pending].copy()
        for place, code in ((start, START), (end, END)):
            views[np.arange(len(views)), free[pending, place]] = code
        views = views.reshape(-1, *boards.shape[1:])
        lengths = shortest_lengths(views)
        found[pending] += lengths != UNREACHABLE
        longer = lengths > longest[pending]
        moved[pending[longer]] = views[longer]
        longest[pending[longer]] = lengths[longer]
    return moved
