"""ARC's grids, views and text against slow references."""

import json

import arc_reference as slow
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.tasks.arc.files import parse_json
from hrm.tasks.arc.grids import Pair, grid_at, place_of, put
from hrm.tasks.arc.settings import ArcSettings
from hrm.tasks.arc.task import Arc
from hrm.tasks.arc.text import parse
from hrm.tasks.arc.views import Symmetries, View, canonical, draw_views
from hrm.tasks.grid import IGNORE

FEW = settings(max_examples=60, deadline=None)


@st.composite
def grids(draw, most=6):
    rows, columns = draw(st.integers(1, most)), draw(st.integers(1, most))
    cells = draw(st.lists(st.integers(0, 9), min_size=rows * columns, max_size=rows * columns))
    return np.array(cells, dtype=np.uint8).reshape(rows, columns)


@st.composite
def placed(draw):
    """A grid, a canvas that it fits on, and a place."""
    grid = draw(grids())
    side = draw(st.integers(max(grid.shape), 8))
    top, left = (draw(st.integers(0, side - length)) for length in grid.shape)
    return grid, side, (top, left)


views = st.builds(
    View, st.integers(0, 7), st.permutations(range(1, 10)).map(lambda order: (0, *order))
)


@FEW
@given(placed(), st.sampled_from([0, IGNORE]))
def test_a_grid_is_put_on_a_canvas_cell_by_cell_and_found_again(found, around):
    grid, side, place = found
    canvas = put(grid, side, place, around)
    assert canvas.tolist() == slow.canvas(grid.tolist(), side, place[0], place[1], around)
    assert place_of(canvas) == place
    assert np.array_equal(grid_at(canvas, place), grid)


@FEW
@given(st.lists(st.integers(0, 13), min_size=25, max_size=25))
def test_the_grid_of_any_answer_is_the_largest_rectangle_of_colours(cells):
    canvas = np.array(cells, dtype=np.uint8).reshape(5, 5)
    canvas[:3, :3] = canvas[:3, :3] % 10 + 2 if cells[0] % 2 else canvas[:3, :3]
    found, expected = grid_at(canvas), slow.crop(canvas.tolist())
    assert found.tolist() == expected if expected else found.size == 0


@FEW
@given(grids(), views)
def test_a_view_is_what_its_published_name_says_and_is_undone(grid, view):
    seen = view.see(grid)
    assert seen.tolist() == slow.see(grid.tolist(), view.name("0a"))
    assert np.array_equal(view.undo(seen), grid)


@FEW
@given(placed(), st.integers(0, len(Symmetries()) - 1))
def test_a_symmetry_of_a_canvas_is_a_view_of_its_grid(found, number):
    grid, side, place = found
    symmetry = Symmetries()[number]
    for around in (0, IGNORE):
        canvas = put(grid, side, place, around)
        seen = symmetry.view(canvas)
        moved = place_of(seen)
        assert np.array_equal(seen, put(grid_at(seen, moved), side, moved, around))
        assert np.array_equal(symmetry.undo(seen), canvas)
        assert canonical(seen) == canonical(canvas)
    assert sorted(grid_at(seen, moved).shape) == sorted(grid.shape)
    assert (grid_at(seen, moved) == 0).sum() == (grid == 0).sum()


def test_the_first_symmetry_changes_nothing_and_all_are_different():
    grid = np.arange(10, dtype=np.uint8).reshape(2, 5)
    canvas = put(grid, 6)
    assert np.array_equal(Symmetries()[0].view(canvas), canvas)
    chosen = [*range(40), *range(8, len(Symmetries()), 70_001)]
    assert len({Symmetries()[i].view(canvas).tobytes() for i in chosen}) == len({*chosen})


def test_a_canonical_name_tells_different_grids_apart():
    one, other = (np.array(rows, dtype=np.uint8) for rows in ([[0, 1, 1]], [[1, 0, 1]]))
    black = np.zeros((1, 3), np.uint8)
    names = {canonical(put(grid, 4)) for grid in (one, other, black, black[:, :2])}
    assert len(names) == 4


def looks_slowly(pairs, name):
    return json.dumps([[slow.see(grid.tolist(), name) for grid in pair] for pair in pairs])


@FEW
@given(grids(3), grids(3), st.integers(0, 2**31 - 1))
def test_the_views_of_a_task_all_look_different(puzzle, answer, seed):
    pairs = [Pair(puzzle, answer)]
    names = [view.name("0a") for view in draw_views("0a", pairs, 12, seed)]
    assert names == [view.name("0a") for view in draw_views("0a", pairs, 12, seed)]
    assert names[0] == "0a" and len(names) <= 13
    assert len({looks_slowly(pairs, name) for name in names}) == len(names)


def test_a_task_with_few_looks_has_few_views_and_others_have_all():
    black = np.zeros((2, 2), np.uint8)
    assert draw_views("0a", [Pair(black, black)], 50, 0) == [View()]
    oblong = np.zeros((1, 2), np.uint8)
    assert len(draw_views("0a", [Pair(oblong, black)], 50, 0)) == 2
    rich = np.arange(10, dtype=np.uint8).reshape(2, 5)
    found = [
        draw_views(name, [Pair(rich, rich)], 50, seed)
        for name, seed in (("0a", 0), ("0b", 0), ("0a", 1))
    ]
    assert [len(one) for one in found] == [51] * 3
    assert found[0] != found[1] != found[2] != found[0]
    assert found[0][:11] == draw_views("0a", [Pair(rich, rich)], 10, 0)
    assert all(view.colours[0] == 0 for view in found[0])


def task_json(**changes):
    pair = {"input": [[1, 2]], "output": [[3], [4]]}
    return json.dumps({"train": [pair], "test": [pair, {"input": [[5]]}], **changes})


def test_the_test_pairs_of_a_file_are_the_puzzles():
    first, second = parse("\ufeff \n" + task_json(), "task.json", 4)
    assert first.input.tolist() == slow.canvas([[1, 2]], 4, 0, 0)
    assert first.answer is not None
    assert first.answer.tolist() == slow.canvas([[3], [4]], 4, 0, 0, IGNORE)
    assert second.input.tolist() == slow.canvas([[5]], 4, 0, 0) and second.answer is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", r"not JSON \(line 1\); expected"),
        ("[1]", "no ARC task; expected"),
        ('{"train": []}', "no ARC task"),
        ("[" * 100_000, "not JSON"),
        (task_json(train={}), "train: no list of pairs"),
        (task_json(test=[[1]]), "test: no list of pairs"),
        (task_json(test=[]), "test: there is no pair to be solved"),
        (task_json(train=[{"input": [[1]]}]), "train pair 1: output: expected a list of rows"),
        (task_json(test=[{"output": [[1]]}]), "test pair 1: input: expected a list of rows"),
        (task_json(test=[{"input": []}]), "input: expected a list of rows"),
        (task_json(test=[{"input": [[]]}]), "input: its rows must all be as long"),
        (task_json(test=[{"input": [[1], [1, 2]]}]), "input: its rows must all be as long"),
        (task_json(test=[{"input": [[10]]}]), "10 is no colour; colours are 0 to 9"),
        (task_json(test=[{"input": [[-1]]}]), "-1 is no colour"),
        (task_json(test=[{"input": [[True]]}]), "True is no colour"),
        (task_json(test=[{"input": [["1"]]}]), "'1' is no colour"),
        (task_json(test=[{"input": [[1]] * 31}]), "31 rows and 1 columns; at most 30"),
        (task_json(test=[{"input": [[1] * 5]}]), "canvas is 4×4; it takes task.size=5"),
    ],
)
def test_a_file_that_is_no_arc_task_is_refused_in_a_line(content, words):
    with pytest.raises(ValueError, match=f"task.json: .*{words}") as caught:
        parse(content, "task.json", 4)
    assert "\n" not in str(caught.value)


@FEW
@given(
    st.recursive(
        st.none() | st.integers(-2, 12) | st.text(max_size=2),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["train", "test", "input", "output"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_is_answered_by_anything_but_pairs_or_a_word(content):
    try:
        pairs = parse_json(json.dumps(content), "x")
    except ValueError as error:
        assert str(error).startswith("x: ")
    else:
        assert all(grid.dtype == np.uint8 and grid.size for grid, _ in pairs)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1, column 1: no grid found"),
        ("12\n1", "line 2, column 1: 1 cells in this row, but 2 in the first"),
        ("12\n\n1x", "line 3, column 2: unexpected 'x'; expected a colour"),
        ("11111", "line 1: 1 rows and 5 columns, but the canvas is 4×4"),
    ],
)
def test_text_that_is_no_grid_is_refused_with_its_place(content, words):
    with pytest.raises(ValueError, match=words):
        parse(content, "grids.txt", 4)


@FEW
@given(st.lists(grids(5), min_size=1, max_size=3))
def test_text_is_read_back(found):
    arc = Arc(ArcSettings(size=5))
    canvases = np.stack([put(grid, 5) for grid in found])
    for content in (arc.format_all(canvases), "\n\n".join(map(arc.format, canvases))):
        assert [p.input.tolist() for p in arc.parse(content)] == canvases.tolist()
    assert arc.rows(canvases[0]) == ["".join(map(str, row)) for row in found[0].tolist()]
    moved = put(found[0], 8, (2, 3))
    assert arc.rows(moved) == arc.rows(canvases[0])
    assert all(arc.complaint(canvas) is None for canvas in (*canvases, moved))


def test_what_is_no_grid_on_a_canvas_is_complained_of():
    arc = Arc(ArcSettings(size=4))
    good = put(np.ones((2, 2), np.uint8), 4)
    for cell, code in (((0, 0), 0), ((0, 2), 0), ((3, 3), 5), ((2, 2), 1)):
        bad = good.copy()
        bad[cell] = code
        assert arc.complaint(good) is None and "border" in str(arc.complaint(bad))
    assert arc.rows(np.zeros((4, 4), np.uint8), answer=True) == []
