"""Boards: cells and their codes, the seeded generator, shortest paths, and the checking of answers.

Everything works on batches: ``(B, N, N)`` arrays of uint8 codes, so that drawing and labelling
thousands of boards costs a few array operations per step of the search instead of a Python loop.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hrm.randomness import Numbers, to_uniform
from hrm.tasks import grid, paths
from hrm.tasks.grid import EXACT, Verdict
from hrm.tasks.paths import DOWN, LEFT, RIGHT, UNREACHABLE, UP

Boards = grid.Cells
"""``(B, N, N)`` codes (one board: ``(N, N)``)."""

FLOOR, WALL, START, END, PATH = range(5)

SMALLEST, LARGEST = 2, 256
"""Cells on a side."""

DIRECTIONS = (UP, DOWN, LEFT, RIGHT)
"""The order in which a search tries neighbours; it decides which of several shortest paths is the
label."""

_DRAWS_PER_BATCH = 1024
_CELLS_PER_BATCH = 2**22
"""Of larger boards fewer are drawn at a time, for memory's sake; which ones is the same."""
_MOST_USELESS_DRAWS = 200_000
"""In a row; then practically no board of this kind has a path."""


SOLVED = Verdict("solved", "another shortest path", True)
LONGER = Verdict("longer", "valid but longer", False)
NONE = Verdict("none", "not a path", False)
UNSOLVABLE = Verdict("unsolvable", "this board has no path", False)


def shortest_lengths(boards: Boards) -> NDArray[np.int64]:
    """``(B,)`` steps from START to END along a shortest path; `UNREACHABLE` if there is none."""
    return paths.steps_from(_distances_to_end(boards), boards == START)


def label(boards: Boards) -> Boards:
    """The answers: each board with one shortest path marked by PATH between START and END.

    It is the path that a breadth-first search from START finds, which tries neighbours in the order
    of `DIRECTIONS`; see `paths.first_path`.

    Args:
        boards: ``(B, N, N)`` solvable boards.

    Returns:
        ``(B, N, N)`` labels. START and END keep their own codes.

    Raises:
        ValueError: if a board has no path.
    """
    distance, starts = _distances_to_end(boards), boards == START
    out_of_reach = np.flatnonzero(paths.steps_from(distance, starts) == UNREACHABLE)
    if len(out_of_reach):
        raise ValueError(f"board {out_of_reach[0] + 1} has no path from S to E, so it has no label")
    return np.where(paths.first_path(distance, starts, DIRECTIONS), np.uint8(PATH), boards)


def _distances_to_end(boards: Boards) -> NDArray[np.int32]:
    return paths.distances(boards != WALL, boards == END)


def judge(boards: Boards, answers: Boards, labels: Boards) -> list[Verdict]:
    """One verdict a board, by checking the answer against the board; labels are used for nothing
    but `EXACT`.

    Args:
        boards: ``(B, N, N)`` inputs.
        answers: ``(B, N, N)`` predicted codes.
        labels: ``(B, N, N)`` from `label`; anything else for boards without a path.
    """
    shortest = shortest_lengths(boards)
    joined, marks = _marked_paths(boards, answers)
    exact = (labels == answers).all(axis=(1, 2))
    kinds = (UNSOLVABLE, EXACT, NONE, SOLVED, LONGER)
    which = np.select(
        [shortest == UNREACHABLE, exact, ~joined, marks == shortest - 1], range(4), default=4
    )
    return [kinds[kind] for kind in which]


def solved(boards: Boards, answers: Boards) -> NDArray[np.bool_]:
    """``(B,)`` whether the answer marks a shortest path, any one, and changes nothing else."""
    joined, marks = _marked_paths(boards, answers)
    return joined & (marks == shortest_lengths(boards) - 1)


def _marked_paths(boards: Boards, answers: Boards) -> tuple[NDArray[np.bool_], NDArray]:
    """Whether the marks join START and END (over floor, all else untouched), and their number."""
    marked = answers == PATH
    legal = np.where(marked, boards == FLOOR, answers == boards).all(axis=(1, 2))
    found = paths.marks(marked, boards == START, boards == END)
    return legal & found.joined, found.count


def random_boards(size: int, wall_prob: float, key: tuple[int, ...]) -> Iterator[Boards]:
    """An endless stream of batches of random solvable boards, a function of its arguments alone.

    START and END are two different cells drawn evenly; every other cell is a wall with probability
    `wall_prob`; boards without a path are dropped.

    Args:
        size: cells on a side.
        wall_prob: probability of a wall, in [0, 1).
        key: non-negative integers that name the stream, such as ``(seed,)``.

    Yields:
        ``(B, N, N)`` inputs; repeats are possible.

    Raises:
        ValueError: if practically no board drawn has a path.
    """
    cells = size * size
    numbers = Numbers(*key)
    count = min(_DRAWS_PER_BATCH, _CELLS_PER_BATCH // cells)
    useless = 0
    while useless < _MOST_USELESS_DRAWS:
        draws = numbers.raw(count * (cells + 2)).reshape(count, cells + 2)
        uniform = to_uniform(draws[:, 2:])
        boards = np.where(uniform < wall_prob, WALL, FLOOR).astype(np.uint8)
        start = draws[:, 0] % np.uint64(cells)
        end = draws[:, 1] % np.uint64(cells - 1)
        end += end >= start
        rows = np.arange(count)
        boards[rows, start], boards[rows, end] = START, END
        boards = boards.reshape(-1, size, size)
        good = boards[shortest_lengths(boards) != UNREACHABLE]
        useless = 0 if len(good) else useless + count
        if len(good):
            yield good
    raise ValueError(
        f"wall_prob {wall_prob} leaves no path on boards of size {size}"
        f" ({_MOST_USELESS_DRAWS:,} tries); lower wall_prob"
    )
