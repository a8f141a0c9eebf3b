"""How mazes are drawn: walls, lattices, path lengths and distributions, against plain code."""

import hashlib
from collections import Counter, deque
from itertools import combinations, permutations

import numpy as np
import pytest

from hrm.randomness import Numbers
from hrm.tasks.maze import hard
from hrm.tasks.maze.answers import FLOOR, GOAL, START, WALL
from hrm.tasks.maze.settings import MazeSettings
from hrm.tasks.maze.task import Maze

STEPS = [(-1, 0), (1, 0), (0, -1), (0, 1)]


def drawn(count=4, key=(1,), **keys):
    return Maze(MazeSettings(**keys)).draw(count, key)


def plain_steps(maze):
    """Steps from start to goal by a queue; None if there is no path."""
    [start], [goal] = (list(map(tuple, np.argwhere(maze == code))) for code in (START, GOAL))
    steps, queue = {start: 0}, deque([start])
    while queue:
        row, column = cell = queue.popleft()
        for dr, dc in STEPS:
            there = row + dr, column + dc
            if not (0 <= there[0] < maze.shape[0] and 0 <= there[1] < maze.shape[1]):
                continue
            if maze[there] != WALL and there not in steps:
                steps[there] = steps[cell] + 1
                queue.append(there)
    return steps.get(goal)


def joins(maze):
    """Pairs of open neighbours, and whether all open cells are joined: by union-find."""
    cells = list(map(tuple, np.argwhere(maze != WALL).tolist()))
    parent = {cell: cell for cell in cells}

    def root(cell):
        while parent[cell] != cell:
            cell = parent[cell]
        return cell

    pairs = [(c, (c[0] + dr, c[1] + dc)) for c in cells for dr, dc in ((1, 0), (0, 1))]
    pairs = [(one, other) for one, other in pairs if other in parent]
    for one, other in pairs:
        parent[root(one)] = root(other)
    return len(cells), len(pairs), len({root(cell) for cell in cells})


def assert_evenly(counts, expected_kinds, draws):
    """Pearson's chi-square, no further than four standard deviations from its mean."""
    assert len(counts) == expected_kinds
    expected = draws / expected_kinds
    chi_square = sum((seen - expected) ** 2 / expected for seen in counts.values())
    freedom = expected_kinds - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5


@pytest.mark.parametrize(
    ("rows", "columns", "least"),
    [(30, 30, 110), (10, 10, 12), (20, 23, 56), (2, 40, 9), (3, 2, 1), (2, 2, 1)],
)
def test_hard_mazes_have_the_walls_and_the_path_that_is_asked_for(rows, columns, least):
    mazes = drawn(4, rows=rows, columns=columns)
    assert mazes.shape == (4, rows, columns) and mazes.dtype == np.uint8
    for maze in mazes:
        assert 0.3 <= (maze == WALL).mean() <= 0.5
        assert (maze == START).sum() == (maze == GOAL).sum() == 1
        steps = plain_steps(maze)
        assert steps is not None and steps >= least


def test_hard_mazes_follow_their_keys():
    mazes = drawn(6, rows=12, columns=9, min_path=25, min_walls=0.2, max_walls=0.25)
    for maze in mazes:
        assert 22 <= (maze == WALL).sum() <= 27
        assert (plain_steps(maze) or 0) >= 25


def test_every_number_of_walls_in_the_range_comes_up():
    walls = Counter((drawn(150, rows=4, columns=5) == WALL).sum(axis=(1, 2)).tolist())
    assert sorted(walls) == [6, 7, 8, 9, 10]
    assert min(walls.values()) > 15


def test_small_hard_mazes_come_up_equally_often(monkeypatch):
    """All 3×3 mazes with three walls and a path of four steps or more, counted one by one."""
    good = set()
    for walls in combinations(range(9), 3):
        for start, goal in permutations(sorted(set(range(9)) - set(walls)), 2):
            maze = np.full(9, FLOOR, dtype=np.uint8)
            maze[list(walls)], maze[start], maze[goal] = WALL, START, GOAL
            if (plain_steps(maze.reshape(3, 3)) or 0) >= 4:
                good.add(maze.tobytes())
    monkeypatch.setattr(hard, "_SETTLING_MOVES", 150)
    source = hard.mazes((3, 3), range(3, 4), 4, Numbers(5))
    draws = 20 * len(good)
    counts = Counter(next(source).tobytes() for _ in range(draws))
    assert set(counts) <= good
    assert_evenly(counts, len(good), draws)


def test_a_path_that_is_never_reached_is_an_error_with_its_remedy(monkeypatch):
    monkeypatch.setattr(hard, "MOST_MOVES", 50)
    with pytest.raises(ValueError, match=r"min_path: 9 steps.*3×3.*lower"):
        next(hard.mazes((3, 3), range(3, 4), 9, Numbers(0)))


@pytest.mark.parametrize("algorithm", ["depth_first", "wilson"])
@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (9, 9), (21, 15), (5, 41)])
def test_open_cells_of_a_perfect_maze_form_a_tree_on_the_lattice(algorithm, rows, columns):
    for maze in drawn(4, kind="perfect", algorithm=algorithm, rows=rows, columns=columns):
        cells, pairs, parts = joins(maze)
        assert parts == 1 and pairs == cells - 1
        assert (maze[1::2, 1::2] != WALL).all()
        assert (maze[::2, ::2] == WALL).all()
        rooms = maze[1::2, 1::2]
        assert (rooms == START).sum() == (rooms == GOAL).sum() == 1


@pytest.mark.parametrize(("part", "opened"), [(0.1, 4), (1.0, 42), (0.001, 1)])
def test_a_braided_maze_has_one_loop_for_each_opened_wall(part, opened):
    for maze in drawn(3, kind="braided", openings=part, rows=15, columns=17):
        cells, pairs, parts = joins(maze)
        assert parts == 1 and pairs == cells - 1 + opened
        assert (maze[1::2, 1::2] != WALL).all()
        assert (maze[::2, ::2] == WALL).all()


def test_an_opened_maze_is_the_perfect_one_with_fewer_walls():
    perfect = drawn(1, kind="perfect", rows=15, columns=17)[0] == WALL
    braided = drawn(1, kind="braided", rows=15, columns=17)[0] == WALL
    assert not (braided & ~perfect).any()
    assert (perfect & ~braided).sum() == 4


@pytest.mark.parametrize(("rows", "columns", "trees"), [(5, 5, 4), (5, 7, 15)])
def test_wilson_draws_every_perfect_maze_equally_often(rows, columns, trees):
    draws = 100 * trees
    mazes = drawn(draws, kind="perfect", algorithm="wilson", rows=rows, columns=columns)
    assert_evenly(Counter((maze != WALL).tobytes() for maze in mazes), trees, draws)


def test_start_and_goal_are_any_two_rooms():
    mazes = drawn(1200, kind="perfect", rows=5, columns=5)
    pairs = Counter((int((maze == START).argmax()), int((maze == GOAL).argmax())) for maze in mazes)
    assert_evenly(pairs, 12, 1200)


def test_mazes_are_a_function_of_their_key():
    task = Maze(MazeSettings(rows=8, columns=9))
    some = task.draw(5, (3, 1))
    np.testing.assert_array_equal(task.draw(2, (3, 1)), some[:2])
    assert (task.draw(5, (3, 2)) != some).any()
    stream = task.stream((3, 1))
    np.testing.assert_array_equal(np.concatenate([next(stream) for _ in range(5)]), some)
    assert task.draw(0, (3, 1)).shape == (0, 8, 9)


@pytest.mark.parametrize(
    ("keys", "digest"),
    [
        ({}, "6b0cc80afa03346f"),
        ({"rows": 12, "columns": 70}, "b1ced618e5dd2b56"),
        ({"kind": "perfect", "rows": 15, "columns": 21}, "cb1c7d147d24252c"),
        ({"kind": "perfect", "rows": 15, "columns": 21, "algorithm": "wilson"}, "f77d0de88b93bf0f"),
        ({"kind": "braided", "rows": 15, "columns": 21}, "8ebc7183b9a79a43"),
    ],
)
def test_golden_hashes(keys, digest):
    mazes = drawn(4, key=(7, 1, 0), **keys)
    assert hashlib.sha256(mazes.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "perfect"}, r"rows: 30 is even.* 29 or 31"),
        ({"kind": "braided", "rows": 31}, r"columns: 30 is even.* 29 or 31"),
        ({"kind": "perfect", "rows": 256, "columns": 255}, r"rows: 256 is even.* sides: 255 "),
        ({"kind": "perfect", "rows": 2, "columns": 5}, r"rows: 2 is even.* sides: 3 "),
        ({"kind": "perfect", "rows": 3, "columns": 3}, "3×3.*3×5"),
        ({"kind": "braided", "rows": 3, "columns": 9}, "3×9.* 5 or more"),
        ({"rows": 10, "columns": 10, "min_path": 110}, r"min_path: 110.*10×10.*up to 20"),
        ({"min_path": 500}, r"min_path: 500.*up to 179"),
        ({"kind": "perfect", "rows": 9, "columns": 9, "min_path": 5}, "min_path: .*kind=hard"),
        ({"openings": 0.5}, "openings: .*kind=braided"),
        ({"algorithm": "wilson"}, "algorithm: .*kind=perfect or kind=braided"),
        ({"min_walls": 0.5, "max_walls": 0.4}, "min_walls: 0.5 is above max_walls 0.4"),
        ({"rows": 1}, "rows"),
        ({"columns": 257}, "columns"),
        ({"kind": "easy"}, "kind"),
        ({"sizes": [[9, 9], [9, 9]], "rows": 9, "columns": 9}, "sizes: .*twice"),
        ({"sizes": [[9, 9], [9, 10]]}, "rows: 30×30 is not among sizes"),
        ({"sizes": [[9, 9, 9]], "rows": 9, "columns": 9}, "sizes"),
        ({"sizes": [[1, 9]]}, "sizes"),
        ({"sizes": [[30, 30], [9, 9]], "val_count": 1}, "sizes: 2 sizes.*val_count 1"),
        ({"sizes": [[30, 30]], "train_boards": "mine.txt"}, "sizes: .*unset sizes"),
        ({"sizes": [[31, 31], [9, 8]], "rows": 31, "columns": 31, "kind": "perfect"}, "columns: 8"),
        ({"sizes": [[30, 30], [6, 6]], "min_path": 60}, r"min_path: 60.*6×6"),
    ],
)
def test_settings_that_no_maze_can_have_are_refused(keys, words):
    with pytest.raises(ValueError, match=words):
        MazeSettings(**keys)


def test_the_default_path_grows_with_the_maze():
    def least(rows, columns):
        return MazeSettings(rows=rows, columns=columns).least_steps

    assert least(30, 30) == 110
    assert [least(n, n) for n in (2, 5, 10, 20)] == [1, 3, 12, 48]
    assert [least(n, n) for n in (31, 64, 256)] == [113, 234, 938]
    assert least(2, 256) == 62
    assert MazeSettings(min_walls=0.0, max_walls=0.1).least_steps == 58


def test_sizes_share_the_mazes():
    config = MazeSettings(
        rows=9, columns=9, sizes=[[9, 11], [9, 9], [15, 7]], kind="perfect", train_count=100
    )
    parts = config.parts()
    assert [part.shape for part in parts] == [(9, 9), (9, 11), (15, 7)]  # its own first
    assert [part.train_count for part in parts] == [33, 34, 33]
    assert all(part.sizes is None and part.kind == "perfect" for part in parts)
    assert MazeSettings().parts() == [MazeSettings()]


def test_own_mazes_are_trained_on_whatever_could_be_drawn():
    MazeSettings(kind="perfect", rows=8, columns=8, train_boards="mine.txt")


def test_tiny_mazes_are_scarce():
    assert Maze(MazeSettings(rows=5, columns=5)).scarce
    assert not Maze().scarce
