"""Mazes: labels, the checker and the views, against all simple paths of small mazes."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.tasks.grid import EXACT, IGNORE, NINE
from hrm.tasks.maze.answers import FLOOR, GOAL, PATH, START, WALL
from hrm.tasks.maze.settings import MazeSettings
from hrm.tasks.maze.task import Maze

FEW = settings(deadline=None, max_examples=60, derandomize=True)
TIE_ORDER = [(1, 0), (0, -1), (0, 1), (-1, 0)]
"""Down, left, right, up."""
GLYPHS = "# SGo"


def maze_of(*rows):
    return np.array([[GLYPHS.index(symbol) for symbol in row] for row in rows], dtype=np.uint8)


@st.composite
def mazes(draw, largest=4):
    rows, columns = draw(st.integers(2, largest)), draw(st.integers(2, largest))
    cells = draw(st.lists(st.integers(0, 1), min_size=rows * columns, max_size=rows * columns))
    ends = st.lists(st.integers(0, rows * columns - 1), min_size=2, max_size=2, unique=True)
    start, goal = draw(ends)
    cells[start], cells[goal] = START, GOAL
    return np.array(cells, dtype=np.uint8).reshape(rows, columns)


def task_of(maze):
    return Maze().of_shape(maze.shape)


def cell_of(maze, code):
    [(row, column)] = np.argwhere(maze == code).tolist()
    return row, column


def neighbours(maze, cell):
    for row, column in TIE_ORDER:
        there = cell[0] + row, cell[1] + column
        inside = 0 <= there[0] < maze.shape[0] and 0 <= there[1] < maze.shape[1]
        if inside and maze[there] != WALL:
            yield there


def plain_search(maze):
    """The published rule word for word: a queue, down, left, right, up, first parent wins."""
    start, goal = cell_of(maze, START), cell_of(maze, GOAL)
    parents, queue = {start: start}, deque([start])
    while queue:
        cell = queue.popleft()
        for there in neighbours(maze, cell):
            if there not in parents:
                parents[there] = cell
                queue.append(there)
    if goal not in parents:
        return None
    answer, cell = maze.copy(), parents[goal]
    while cell != start:
        answer[cell] = PATH
        cell = parents[cell]
    return answer


def simple_paths(maze):
    """The cells between start and goal of every path that enters no cell twice."""
    goal, found = cell_of(maze, GOAL), []

    def go_on(path):
        if path[-1] == goal:
            found.append(frozenset(path[1:-1]))
            return
        for there in neighbours(maze, path[-1]):
            if there not in path:
                go_on([*path, there])

    go_on([cell_of(maze, START)])
    return found


def expected_verdict(maze, answer):
    inside = simple_paths(maze)
    if not inside:
        return "unsolvable"
    marked = frozenset(map(tuple, np.argwhere(answer == PATH).tolist()))
    untouched = all(
        maze[cell] == FLOOR if cell in marked else answer[cell] == maze[cell]
        for cell in np.ndindex(maze.shape)
    )
    if not untouched or not any(path <= marked for path in inside):
        return "none"
    if len(marked) > min(map(len, inside)):
        return "longer"
    return "exact" if (plain_search(maze) == answer).all() else "solved"


@FEW
@given(mazes(largest=6))
def test_labels_are_those_of_a_plain_search(maze):
    found = task_of(maze).answer(maze[None])[0]
    expected = plain_search(maze)
    if expected is None:
        assert (found == IGNORE).all()
    else:
        np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("maze", "answer"),
    [
        (["S  ", "   ", "  G"], ["S  ", "o  ", "ooG"]),
        ([" S ", " # ", " G "], ["oS ", "o# ", "oG "]),
        (["   ", "S#G", "   "], ["   ", "S#G", "ooo"]),
        (["G  ", "   ", "  S"], ["G  ", "o  ", "ooS"]),
    ],
)
def test_down_comes_before_left_before_right_before_up(maze, answer):
    maze = maze_of(*maze)
    np.testing.assert_array_equal(task_of(maze).answer(maze[None])[0], maze_of(*answer))
    np.testing.assert_array_equal(plain_search(maze), maze_of(*answer))


@settings(FEW, max_examples=200)
@given(mazes(), st.data())
def test_verdicts_are_those_of_all_simple_paths(maze, data):
    task, paths = task_of(maze), simple_paths(maze)
    answers = [maze]
    if paths:
        for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
            answer = maze.copy()
            for cell in path:
                answer[cell] = PATH
            spoiled = answer.copy()
            place = data.draw(st.tuples(*(st.integers(0, side - 1) for side in maze.shape)))
            spoiled[place] = data.draw(st.integers(0, 4))
            answers += [answer, spoiled]
    inputs, answers = np.stack([maze] * len(answers)), np.stack(answers)
    verdicts = task.judge(inputs, answers, task.answer(inputs))
    names = [verdict.name for verdict in verdicts]
    assert names == [expected_verdict(maze, answer) for answer in answers]
    right = task.check(inputs, answers)
    assert right.tolist() == [name in ("exact", "solved") for name in names]
    assert [verdict.solved for verdict in verdicts] == right.tolist()


def test_several_shapes_and_verdicts_in_one_batch():
    maze = maze_of("S  ", "#  ", "G  ")
    ways = (
        ["Soo", "#oo", "Goo"],
        ["So ", "#o ", "Go "],
        ["Soo", "# o", "Goo"],
        ["So ", "#  ", "Go "],
    )
    answers = np.stack([maze_of(*way) for way in ways])
    task = Maze(MazeSettings(rows=3, columns=3))
    inputs = np.stack([maze] * 4)
    verdicts = task.judge(inputs, answers, task.answer(inputs))
    assert [verdict.name for verdict in verdicts] == ["longer", "exact", "longer", "none"]
    assert verdicts[1] == EXACT
    assert "path" in verdicts[3].words
    walled = maze_of("S# ", "## ", "G  ")
    [verdict] = task.judge(walled[None], walled[None], task.answer(walled[None]))
    assert (verdict.name, verdict.solved) == ("unsolvable", False)
    assert "maze" in verdict.words


def test_another_shortest_path_is_solved():
    maze, other = maze_of("S ", " G"), maze_of("So", " G")
    task = task_of(maze)
    np.testing.assert_array_equal(task.answer(maze[None])[0], maze_of("S ", "oG"))
    [verdict] = task.judge(maze[None], other[None], task.answer(maze[None]))
    assert (verdict.name, verdict.words) == ("solved", "another shortest path")


@FEW
@given(mazes(largest=6))
def test_every_view_is_a_maze_whose_answer_leads_back_to_a_right_one(maze):
    task = task_of(maze)
    assert len(task.symmetries) == (8 if maze.shape[0] == maze.shape[1] else 4)
    names = set()
    for symmetry in task.symmetries:
        view = symmetry.view(maze[None])
        assert view.shape[1:] == maze.shape
        np.testing.assert_array_equal(symmetry.undo(view)[0], maze)
        names.update(task.canonical(view))
        if plain_search(maze) is None:
            assert plain_search(view[0]) is None
        else:
            back = symmetry.undo(task.answer(view))
            assert task.check(maze[None], back).all()
            assert (task.difficulty(view) == task.difficulty(maze[None])).all()
    assert len(names) == 1


def test_a_turned_maze_may_have_another_label():
    maze = maze_of("S ", " G")
    task = task_of(maze)
    label = task.answer(maze[None])
    turned = [task.answer(s.view(maze[None])) for s in task.symmetries]
    kept = [s.view_answer(label) for s in task.symmetries]
    assert task.relabels
    assert any((a != b).any() for a, b in zip(turned, kept, strict=True))


@FEW
@given(mazes(largest=6))
def test_difficulty_is_the_steps_of_the_shortest_path(maze):
    answer = plain_search(maze)
    expected = -1 if answer is None else int((answer == PATH).sum()) + 1
    assert task_of(maze).difficulty(maze[None]).tolist() == [expected]


@FEW
@given(mazes(), st.integers(0, 2**32 - 1))
def test_what_no_answer_may_change_is_restored_and_crossed(maze, seed):
    answer = np.random.default_rng(seed).integers(0, 5, maze.shape).astype(np.uint8)
    task = task_of(maze)
    restored = task.restore(maze[None], answer[None])[0]
    crossed = task.contradictions(maze[None], answer[None])[0]
    for cell in np.ndindex(maze.shape):
        on_floor = maze[cell] == FLOOR and answer[cell] == PATH
        assert restored[cell] == (PATH if on_floor else maze[cell])
        assert crossed[cell] == (not on_floor and answer[cell] != maze[cell])
    np.testing.assert_array_equal(task.open_cells(maze[None])[0], maze == FLOOR)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["  ", " G"], "no S"),
        (["S ", "  "], "no G"),
        (["SS", " G"], "2 S"),
        (["SG", "GG"], "3 G"),
        (["So", " G"], "path"),
    ],
)
def test_a_maze_has_one_start_and_one_goal(rows, words):
    complaint = Maze().complaint(maze_of(*rows))
    assert complaint and words in complaint
    with pytest.raises(ValueError, match=f"puzzle 2: .*{words}"):
        Maze().require([maze_of("S ", " G"), maze_of(*rows)])


def test_mazes_of_any_rectangle_can_be_read_whatever_the_settings_draw():
    task = Maze(MazeSettings(kind="perfect", rows=9, columns=11))
    assert task.of_shape((6, 256)).shape == (6, 256)
    task.require([maze_of("S  ", "  G")])
    for shape in ((1, 5), (5, 257)):
        with pytest.raises(ValueError, match="2 to 256"):
            task.of_shape(shape)
    with pytest.raises(ValueError, match=r"rows: 6 is even.* 5 or 7"):
        task.of_shape((6, 9)).draw(1, (0,))


def test_what_a_network_may_know():
    grid = Maze(MazeSettings(rows=20, columns=41)).grid
    assert (grid.height, grid.width, grid.cell_cnt) == (20, 41, 820)
    assert (grid.input_codes, grid.answer_codes) == (5, 5)
    assert grid.structure.neighbourhood == NINE
    assert "".join(code.glyph for code in Maze.codes) == GLYPHS
    assert tuple(range(5)) == (WALL, FLOOR, START, GOAL, PATH)


def test_a_path_of_thousands_of_steps_is_found():
    maze = np.full((101, 101), FLOOR, dtype=np.uint8)
    maze[1::2] = WALL
    maze[1::4, -1] = maze[3::4, 0] = FLOOR
    maze[0, 0], maze[-1, -1] = START, GOAL
    assert task_of(maze).difficulty(maze[None]).tolist() == [51 * 100 + 100]
    answer = task_of(maze).answer(maze[None])[0]
    assert ((answer == PATH) == (maze == FLOOR)).all()
