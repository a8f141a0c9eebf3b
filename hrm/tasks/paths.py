"""Shortest paths on grids with walls, for many grids at once.

A step of a search costs a few array operations on the cells that it reaches in all the grids
together, so thousands of small grids, or one with a path of thousands of steps, take no Python loop
over cells.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UP, DOWN, LEFT, RIGHT = (-1, 0), (1, 0), (0, -1), (0, 1)

UNREACHABLE = -1
_BLOCKED = -2

Mask = NDArray[np.bool_]
"""``(n, R, C)`` cells."""


class Marks(NamedTuple):
    """What answers mark between start and end."""

    joined: Mask
    """``(n,)`` whether the marked cells join start and end, in whatever way."""
    count: NDArray[np.int64]
    """``(n,)`` marked cells."""


def distances(free: Mask, ends: Mask) -> NDArray[np.int32]:
    """Steps from every cell to the nearest end, by a breadth-first wave from the ends.

    Args:
        free: cells that may be entered.
        ends: where the wave begins; only free ones count.

    Returns:
        ``(n, R, C)`` steps; `UNREACHABLE` where the wave never comes.
    """
    count, rows, columns = free.shape
    # A rim of blocked cells spares the wave every bounds check.
    rimmed = np.full((count, rows + 2, columns + 2), _BLOCKED, dtype=np.int32)
    inner = rimmed[:, 1:-1, 1:-1]
    inner[free] = UNREACHABLE
    inner[free & ends] = 0
    steps_to = rimmed.reshape(-1)
    frontier, steps = np.flatnonzero(steps_to == 0), 0
    while len(frontier):
        steps += 1
        reached = []
        for offset in (-columns - 2, columns + 2, -1, 1):
            cells = frontier + offset
            cells = cells[steps_to.take(cells) == UNREACHABLE]
            steps_to[cells] = steps
            reached.append(cells)
        frontier = np.concatenate(reached)
    return np.where(inner == _BLOCKED, UNREACHABLE, inner)


def steps_from(distance: NDArray[np.int32], starts: Mask) -> NDArray[np.int64]:
    """``(n,)`` steps from the start, one a grid, to the end that `distance` was measured from."""
    return distance[starts].astype(np.int64)


def first_path(distance: NDArray[np.int32], starts: Mask, order: Sequence[tuple[int, int]]) -> Mask:
    """The cells between start and end on the shortest path that comes first in an order.

    A breadth-first search from the start that tries neighbours in that order, and keeps for each
    cell the first one that reached it, finds among all shortest paths the one whose sequence of
    directions comes first in the order: its queue holds the cells of one distance sorted by just
    that sequence. So the path is a walk that always takes the first direction leading one step
    nearer to the end.

    Args:
        distance: ``(n, R, C)`` steps to the end, as from `distances`.
        starts: one start in each grid.
        order: the four directions.

    Returns:
        ``(n, R, C)`` marks, none where the end is out of reach.
    """
    marked = np.zeros(distance.shape, dtype=bool)
    index, row, column = np.nonzero(starts)
    left = distance[index, row, column]
    rimmed = np.pad(distance, ((0, 0), (1, 1), (1, 1)), constant_values=UNREACHABLE)
    while (walking := left > 1).any():
        index, row, column, left = (a[walking] for a in (index, row, column, left))
        left = left - 1
        nearer = np.stack([rimmed[index, row + 1 + dr, column + 1 + dc] for dr, dc in order])
        step = np.asarray(order)[(nearer == left).argmax(axis=0)]
        row, column = row + step[:, 0], column + step[:, 1]
        marked[index, row, column] = True
    return marked


def marks(marked: Mask, starts: Mask, ends: Mask) -> Marks:
    """How the marked cells of answers lie between start and end, one of each in a grid."""
    joined = steps_from(distances(marked | starts | ends, ends), starts) != UNREACHABLE
    return Marks(joined, marked.sum(axis=(1, 2)))
