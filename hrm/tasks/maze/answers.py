"""The codes of a maze, its shortest path as the label, and what an answer is worth.

The codes are those of the published mazes, in their order. Everything works on ``(n, R, C)`` arrays
of any shape, with one start and one goal in each maze.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import PATH as PATH_COLOUR
from hrm.canvas import RIGHT, TILE
from hrm.tasks import paths
from hrm.tasks.grid import IGNORE, Cells, Code
from hrm.tasks.path_drawing import END_COLOUR, WALL_COLOUR

WALL, FLOOR, START, GOAL, PATH = range(5)

CODES = (
    Code("#", "wall", WALL_COLOUR),
    Code(" ", "floor", TILE),
    Code("S", "start", RIGHT),
    Code("G", "goal", END_COLOUR),
    Code("o", "path", PATH_COLOUR),
)

ORDER = (paths.DOWN, paths.LEFT, paths.RIGHT, paths.UP)
"""In which a search from the start tries neighbours. It decides which of several shortest paths is
the label, as in the published mazes."""


class Worth(NamedTuple):
    """What answers mark, for each of n."""

    joined: NDArray[np.bool_]
    """The marks are floor cells, all else is as in the maze, and they join start and goal."""
    shortest: NDArray[np.bool_]
    """And there are no more of them than a shortest path has."""


def steps(mazes: Cells) -> NDArray[np.int64]:
    """``(n,)`` steps of a shortest path; `paths.UNREACHABLE` if there is none."""
    return paths.steps_from(paths.distances(mazes != WALL, mazes == GOAL), mazes == START)


def label(mazes: Cells) -> Cells:
    """Each maze with its first shortest path, see `ORDER`; all `IGNORE` where there is none."""
    distance = paths.distances(mazes != WALL, mazes == GOAL)
    labels = np.where(paths.first_path(distance, mazes == START, ORDER), PATH, mazes)
    labels[paths.steps_from(distance, mazes == START) == paths.UNREACHABLE] = IGNORE
    return labels.astype(np.uint8)


def worth(mazes: Cells, answers: Cells) -> Worth:
    """What each answer is worth, found without its label."""
    marked = answers == PATH
    legal = np.where(marked, mazes == FLOOR, answers == mazes).all(axis=(1, 2))
    marks = paths.marks(marked, mazes == START, mazes == GOAL)
    joined = legal & marks.joined
    return Worth(joined, joined & (marks.count == steps(mazes) - 1))
