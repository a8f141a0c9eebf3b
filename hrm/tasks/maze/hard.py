"""Random walls with a long shortest path.

A maze with a given number of walls is wanted, drawn evenly from all those whose shortest path has
at least so many steps. Of 300,000 random mazes of 30×30, 6 had 110 steps. So instead of drawing
until one is good, one maze is changed at random. It begins as random walls, start and goal. In each
move a few walls change places with other cells, or the start or the goal jumps to another cell. The
move stands if the shortest path is afterwards no shorter than it was, or long enough. Each move is
as likely as the one back. So once the path is long enough, all good mazes that the moves lead to
come up equally often.

The number of moves is fixed, so the mazes are near that distribution, not exactly from it. Measured
on 60 mazes of 30×30 with 110 steps for each of 30 %, 40 % and 50 % walls: after 1,000 moves, they
have 31 %, 40 % and 53 % of their walls where the first good maze had some. The length of the path,
the number of cells on any shortest path, and the size of the area around it are as after 16,000
moves. The straight distance from start to goal is still changing at 30 % walls: it is 23 cells on
average, and 17 after 16,000 moves.

One thing is not as if good mazes had been picked from random ones. The part of walls is drawn
first, evenly. Of the 300,000 random mazes, with 30 % to 50 % walls, those with 80 steps or more had
37 % on average, and nine in ten of them 32 % to 41 %. Set `min_walls` and `max_walls` to have that.
"""

from collections.abc import Iterator

import numpy as np

from hrm.randomness import Numbers
from hrm.tasks.grid import Cells, Shape
from hrm.tasks.maze.answers import FLOOR, GOAL, START, WALL
from hrm.tasks.maze.dice import Dice
from hrm.tasks.paths import UNREACHABLE

MOST_MOVES = 100_000
"""Until the path is long enough: mazes of 30×30 with 110 steps take 50 to 4,000."""
_SETTLING_MOVES = 1_000


def mazes(shape: Shape, walls: range, least_steps: int, numbers: Numbers) -> Iterator[Cells]:
    """Mazes without end.

    Args:
        shape: rows and columns.
        walls: how many walls a maze may have; each number is equally likely.
        least_steps: of the shortest path.
        numbers: random numbers; the same ones give the same mazes.

    Yields:
        ``(R, C)`` codes.

    Raises:
        ValueError: if the moves of a maze do not lead to such a path.
    """
    dice = Dice(numbers)
    while True:
        maze = _Walk(shape, walls[dice.below(len(walls))], dice)
        moves = 0
        while maze.steps < least_steps:
            if moves == MOST_MOVES:
                rows, columns = shape
                raise ValueError(
                    f"min_path: {least_steps} steps were not reached at {rows}×{columns} in"
                    f" {MOST_MOVES:,} moves of {maze.wall_cnt} walls; lower it"
                )
            maze.move(least_steps)
            moves += 1
        for _ in range(_SETTLING_MOVES):
            maze.move(least_steps)
        yield maze.cells()


class _Walk:
    """A maze that changes at random.

    Sets of cells are the bits of whole numbers, row after row with an empty column between them, so
    that a step of a wave in all directions is a few shifts. For one maze at a time this is some
    twenty times as fast as arrays are.
    """

    def __init__(self, shape: Shape, wall_cnt: int, dice: Dice):
        self._shape, self._dice, self.wall_cnt = shape, dice, wall_cnt
        rows, columns = shape
        self._stride = columns + 1
        places = [i // columns * self._stride + i % columns for i in dice.order(rows * columns)]
        self._walls, self._others = places[:wall_cnt], places[wall_cnt:]
        self._free = sum(1 << place for place in self._others)
        self._start, self._goal = 1 << self._others[0], 1 << self._others[1]
        self.steps = self._distance(self._free, self._start, self._goal)
        # So that about as many cells of the path are hit by a move, whatever the size.
        self._exchanges = max(1, (rows + columns) // 20)

    def move(self, least_steps: int) -> None:
        """Change the maze, unless its shortest path would fall below what it is and is to be."""
        if not self._walls or self._dice.below(4) == 0:
            self._jump(least_steps)
        else:
            self._exchange(least_steps)

    def _jump(self, least_steps: int) -> None:
        place = 1 << self._others[self._dice.below(len(self._others))]
        moves_start = self._dice.below(2) == 0
        if place not in (self._start, self._goal):
            ends = (place, self._goal) if moves_start else (self._start, place)
            self._keep(self._free, *ends, least_steps)

    def _exchange(self, least_steps: int) -> None:
        free, start, goal = self._free, self._start, self._goal
        pairs = []
        for _ in range(self._exchanges):
            i, j = self._dice.below(len(self._walls)), self._dice.below(len(self._others))
            wall, other = 1 << self._walls[i], 1 << self._others[j]
            free ^= wall | other
            start = wall if other == start else start
            goal = wall if other == goal else goal
            self._swap(i, j)
            pairs.append((i, j))
        if not self._keep(free, start, goal, least_steps):
            for i, j in reversed(pairs):
                self._swap(i, j)

    def _swap(self, i: int, j: int) -> None:
        self._walls[i], self._others[j] = self._others[j], self._walls[i]

    def _keep(self, free: int, start: int, goal: int, least_steps: int) -> bool:
        steps = self._distance(free, start, goal)
        good = steps >= min(self.steps, least_steps)
        if good:
            self._free, self._start, self._goal, self.steps = free, start, goal, steps
        return good

    def _distance(self, free: int, start: int, goal: int) -> int:
        stride, reached, steps = self._stride, start, 0
        while not reached & goal:
            wave = reached | reached << 1 | reached >> 1 | reached << stride | reached >> stride
            wave &= free
            if wave == reached:
                return UNREACHABLE
            reached = wave
            steps += 1
        return steps

    def cells(self) -> Cells:
        """``(R, C)`` codes."""
        rows, columns = self._shape

        def mask(bits: int) -> Cells:
            packed = bits.to_bytes(rows * self._stride // 8 + 1, "little")
            flags = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
            return flags[: rows * self._stride].reshape(rows, self._stride)[:, :columns]

        cells = np.where(mask(self._free), FLOOR, WALL).astype(np.uint8)
        cells[mask(self._start) == 1], cells[mask(self._goal) == 1] = START, GOAL
        return cells
