"""Perfect mazes, with exactly one path between any two cells, and such mazes with loops.

A maze of R × C cells, both odd, is drawn on a lattice of (R - 1)/2 × (C - 1)/2 rooms: those cells
whose row and column are both odd, counted from 0. All other cells are walls, apart from the
passages, each of which lies between two neighbouring rooms.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hrm.randomness import Numbers
from hrm.tasks.grid import Cells, Shape
from hrm.tasks.maze.answers import FLOOR, GOAL, START, WALL
from hrm.tasks.maze.dice import Dice

Way = tuple[int, int]
"""A passage and the room behind it, each by its number, counted row by row."""


class _Lattice(NamedTuple):
    rooms: list[int]
    """By their numbers, counted row by row among all cells."""
    ways: dict[int, list[Way]]
    """From each room to its neighbours."""
    passages: list[int]
    """The cells between two rooms."""


def mazes(
    shape: Shape, algorithm: str, openings: float | None, numbers: Numbers
) -> Iterator[Cells]:
    """Mazes without end, with the start and the goal in two different rooms.

    Args:
        shape: rows and columns, both odd.
        algorithm: `depth_first`, with long winding passages, or `wilson`, which draws all perfect
            mazes with the same probability.
        openings: the part of the walls between two rooms that is opened, at least one; None: a
            perfect maze.
        numbers: random numbers; the same ones give the same mazes.

    Yields:
        ``(R, C)`` codes.
    """
    dice, lattice = Dice(numbers), _lattice(shape)
    carve = {"depth_first": _depth_first, "wilson": _wilson}[algorithm]
    while True:
        cells = bytearray([WALL]) * (shape[0] * shape[1])
        carve(cells, lattice, dice)
        if openings is not None:
            _open_walls(cells, lattice, openings, dice)
        start = dice.below(len(lattice.rooms))
        goal = dice.below(len(lattice.rooms) - 1)
        goal += goal >= start
        cells[lattice.rooms[start]], cells[lattice.rooms[goal]] = START, GOAL
        yield np.frombuffer(cells, dtype=np.uint8).reshape(shape)


@lru_cache(maxsize=16)
def _lattice(shape: Shape) -> _Lattice:
    rows, columns = shape
    ways: dict[int, list[Way]] = {}
    for row in range(1, rows, 2):
        for column in range(1, columns, 2):
            here = row * columns + column
            inside = (row > 1, row < rows - 2, column > 1, column < columns - 2)
            steps = (-columns, columns, -1, 1)
            ways[here] = [
                (here + step, here + 2 * step)
                for step, is_inside in zip(steps, inside, strict=True)
                if is_inside
            ]
    passages = sorted({passage for around in ways.values() for passage, _ in around})
    return _Lattice(list(ways), ways, passages)


def _depth_first(cells: bytearray, lattice: _Lattice, dice: Dice) -> None:
    """Go on from the last room to a new one at random; where there is none, go back."""
    trail = [lattice.rooms[dice.below(len(lattice.rooms))]]
    cells[trail[0]] = FLOOR
    while trail:
        new = [way for way in lattice.ways[trail[-1]] if cells[way[1]] == WALL]
        if not new:
            trail.pop()
            continue
        passage, room = new[dice.below(len(new))]
        cells[passage] = cells[room] = FLOOR
        trail.append(room)


def _wilson(cells: bytearray, lattice: _Lattice, dice: Dice) -> None:
    """From each room outside the maze, walk at random until the maze is met; add the walk without
    its loops (Wilson 1996)."""
    cells[lattice.rooms[0]] = FLOOR
    for first in lattice.rooms:
        room, last_way = first, {}
        while cells[room] == WALL:
            ways = lattice.ways[room]
            last_way[room] = ways[dice.below(len(ways))]  # what a loop overwrites is left out
            room = last_way[room][1]
        room = first
        while cells[room] == WALL:
            passage, following = last_way[room]
            cells[passage] = cells[room] = FLOOR
            room = following


def _open_walls(cells: bytearray, lattice: _Lattice, part: float, dice: Dice) -> None:
    walls = [passage for passage in lattice.passages if cells[passage] == WALL]
    for which in dice.order(len(walls))[: max(1, int(part * len(walls)))]:
        cells[walls[which]] = FLOOR
