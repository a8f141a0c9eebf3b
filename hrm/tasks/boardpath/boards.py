"""Boards: cells and their codes, the seeded generator, shortest paths, and the checking of answers.

Everything works on batches: ``(B, N, N)`` arrays of uint8 codes, so that drawing and labelling
thousands of boards costs a few array operations per step of the search instead of a Python loop.
"""

from collections.abc import Iterator
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.paths import DOWN, LEFT, RIGHT, UNREACHABLE, UP, distances, first_path

Boards = NDArray[np.uint8]
"""``(B, N, N)`` codes (one board: ``(N, N)``)."""

FLOOR, WALL, START, END, PATH = range(5)
VOCAB_SIZE = 5

DIRECTIONS = (UP, DOWN, LEFT, RIGHT)
"""The order in which a search tries neighbours; it decides which of several shortest paths is the
label."""

_DRAWS_PER_BATCH = 1024
_MAX_BARREN_DRAWS = 200_000


class Verdict(StrEnum):
    """What an answer is worth, judged against the input board alone (``contracts``: verdicts)."""

    EXACT = "exact"
    SOLVED = "solved"
    LONGER = "longer"
    NONE = "none"
    UNSOLVABLE = "unsolvable"

    @property
    def words(self) -> str:
        """The verdict as a person would say it."""
        return {
            Verdict.EXACT: "exact match",
            Verdict.SOLVED: "another shortest path",
            Verdict.LONGER: "valid but longer",
            Verdict.NONE: "not a path",
            Verdict.UNSOLVABLE: "this board has no path",
        }[self]


def distances_to_end(boards: Boards, passable: NDArray[np.bool_] | None = None) -> NDArray:
    """Steps from every cell to END, by a breadth-first wave over all boards at once.

    Args:
        boards: ``(B, N, N)`` codes with exactly one END each.
        passable: ``(B, N, N)`` cells that the wave may enter; by default everything but walls.

    Returns:
        ``(B, N, N)`` int32 distances; `UNREACHABLE` where the wave never comes.
    """
    return distances(boards != WALL if passable is None else passable, boards == END)


def shortest_lengths(boards: Boards) -> NDArray:
    """``(B,)`` steps from START to END along a shortest path; `UNREACHABLE` if there is none."""
    return distances_to_end(boards)[boards == START]


def label(boards: Boards) -> Boards:
    """The answers: each board with one shortest path marked by PATH between START and END.

    It is the path that a breadth-first search from START finds first, trying neighbours in the
    order of `DIRECTIONS`.

    Args:
        boards: ``(B, N, N)`` solvable boards.

    Returns:
        ``(B, N, N)`` labels. START and END keep their own codes.

    Raises:
        ValueError: if a board has no path.
    """
    distance = distances_to_end(boards)
    starts = boards == START
    if (distance[starts] == UNREACHABLE).any():
        first = int(np.flatnonzero(distance[starts] == UNREACHABLE)[0])
        raise ValueError(f"board {first + 1} has no path from S to E, so it has no label")
    marked = first_path(distance, starts, DIRECTIONS)
    return np.where(marked, np.uint8(PATH), boards)


def judge(boards: Boards, answers: Boards) -> list[Verdict]:
    """One verdict a board; see `Verdict`. Labels are used for nothing but `EXACT`.

    Args:
        boards: ``(B, N, N)`` inputs.
        answers: ``(B, N, N)`` predicted codes.
    """
    shortest = shortest_lengths(boards)
    joined, marks = _marked_paths(boards, answers)
    solvable = shortest != UNREACHABLE
    exact = np.zeros(len(boards), dtype=bool)
    exact[solvable] = (label(boards[solvable]) == answers[solvable]).all(axis=(1, 2))
    verdicts = np.select(
        [~solvable, exact, ~joined, marks == shortest - 1],
        [Verdict.UNSOLVABLE, Verdict.EXACT, Verdict.NONE, Verdict.SOLVED],
        default=Verdict.LONGER,
    )
    return [Verdict(verdict) for verdict in verdicts]


def solved(boards: Boards, answers: Boards) -> NDArray[np.bool_]:
    """``(B,)`` whether the answer marks a shortest path, any one, and changes nothing else."""
    joined, marks = _marked_paths(boards, answers)
    return joined & (marks == shortest_lengths(boards) - 1)


def _marked_paths(boards: Boards, answers: Boards) -> tuple[NDArray[np.bool_], NDArray]:
    """Whether the marks join START and END (over floor, all else untouched), and their number."""
    marked = answers == PATH
    legal = np.where(marked, boards == FLOOR, answers == boards).all(axis=(1, 2))
    corridor = marked | (boards == START) | (boards == END)
    joined = distances_to_end(boards, corridor)[boards == START] != UNREACHABLE
    return legal & joined, marked.sum(axis=(1, 2))


def turn(boards: Boards, symmetry: int) -> Boards:
    """Boards (or answers) under one of the square's eight symmetries.

    Args:
        boards: ``(..., N, N)`` codes.
        symmetry: 0 to 3: that many quarter turns to the left; 4 to 7: mirrored along the main
            diagonal first. 0 leaves them as they are.
    """
    mirrored = boards.swapaxes(-1, -2) if symmetry >= 4 else boards
    return np.ascontiguousarray(np.rot90(mirrored, symmetry % 4, axes=(-2, -1)))


def turn_back(boards: Boards, symmetry: int) -> Boards:
    """Undo `turn`."""
    back = np.rot90(boards, -(symmetry % 4), axes=(-2, -1))
    return np.ascontiguousarray(back.swapaxes(-1, -2) if symmetry >= 4 else back)


def random_boards(size: int, wall_prob: float, key: tuple[int, ...]) -> Iterator[Boards]:
    """An endless stream of batches of random solvable boards, a function of its arguments alone.

    START and END are two different cells drawn evenly; every other cell is a wall with probability
    `wall_prob`; boards without a path are dropped. The numbers come straight from the raw output of
    PCG64, whose stream NumPy guarantees, and use no distribution code, which it does not: the same
    key gives the same boards on every machine and version.

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
    raw = np.random.PCG64(np.random.SeedSequence(key))
    barren = 0
    while barren < _MAX_BARREN_DRAWS:
        draws = raw.random_raw(_DRAWS_PER_BATCH * (cells + 2)).reshape(_DRAWS_PER_BATCH, cells + 2)
        uniform = (draws[:, 2:] >> np.uint64(11)) * 2.0**-53
        boards = np.where(uniform < wall_prob, WALL, FLOOR).astype(np.uint8)
        start = draws[:, 0] % np.uint64(cells)
        end = draws[:, 1] % np.uint64(cells - 1)
        end += end >= start
        rows = np.arange(_DRAWS_PER_BATCH)
        boards[rows, start], boards[rows, end] = START, END
        boards = boards.reshape(-1, size, size)
        good = boards[shortest_lengths(boards) != UNREACHABLE]
        barren = 0 if len(good) else barren + _DRAWS_PER_BATCH
        if len(good):
            yield good
    raise ValueError(
        f"wall_prob {wall_prob} leaves no path on boards of size {size}"
        f" ({_MAX_BARREN_DRAWS:,} tries); lower wall_prob"
    )
