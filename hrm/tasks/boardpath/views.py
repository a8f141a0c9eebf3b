"""Training boards with START and END elsewhere, or with a maze in place of their walls.

A view's label is computed anew by whoever uses it; nothing here says what the answer is.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from hrm.randomness import Numbers
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    START,
    UNREACHABLE,
    WALL,
    Boards,
    shortest_lengths,
)
from hrm.tasks.maze import answers as maze
from hrm.tasks.maze.perfect import mazes

END_TRIES = 8
"""Pairs of cells that are tried for a board. On random 20×20 boards with `wall_prob` 0.3 nine pairs
in ten have a path, so hardly any board keeps its own."""

MAZE_OPENINGS = (0.02, 0.08)
"""Parts of a maze's inner walls that are opened, in turn, so that there are loops."""
_SMALLEST_MAZE = 4
"""Rows and columns of a board with two rooms at least."""
_OF_A_MAZE = np.zeros(4, dtype=np.uint8)
"""The code of a board for each of a maze."""
_OF_A_MAZE[[maze.WALL, maze.FLOOR, maze.START, maze.GOAL]] = [WALL, FLOOR, START, END]


def with_mazes(boards: Boards, share: float, key: tuple[int, ...]) -> Boards:
    """Some of the boards as mazes, with long winding ways and a few loops.

    Args:
        boards: ``(B, N, N)`` inputs; those below 4×4 have no room for a maze and stay as they are.
        share: the probability of each to become one.
        key: names the random numbers.
    """
    found, side = boards.copy(), boards.shape[1]
    if side < _SMALLEST_MAZE:
        return found
    odd = (side | 1, side | 1)  # of an even side, the wall on the right and below is left out
    streams = [
        mazes(odd, "depth_first", openings, Numbers(*key, n))
        for n, openings in enumerate(MAZE_OPENINGS, start=1)
    ]
    chosen = np.flatnonzero(Numbers(*key, 0).uniform(len(boards)) < share)
    for place, stream in zip(chosen, itertools.cycle(streams)):
        found[place] = _OF_A_MAZE[next(stream)[:side, :side]]
    return found


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
