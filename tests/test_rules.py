"""What follows from a declaration by default: open cells, checks, crosses, symmetries, titles."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm import IGNORE, Code, Completion, Numbers, Structure, Task, turns_of
from hrm.tasks.grid import Symmetry
from hrm.tasks.symmetry import MOST, with_exchanges

CODES = tuple(Code(glyph, word) for glyph, word in zip(".abc", ("open", *"abc"), strict=True))


class Latin(Completion):
    """Each digit once in every row and column."""

    class Config(Completion.Config):
        size: int = 3

    codes = CODES
    structure = Structure(interchangeable=((1, 2, 3),))
    turns = True

    def every_grid(self):
        rows = list(itertools.permutations((1, 2, 3)))
        grids = itertools.product(rows, repeat=3)
        fair = [g for g in grids if all(sorted(column) == [1, 2, 3] for column in zip(*g))]  # noqa: B905
        return np.array(fair, dtype=np.uint8)


class Copy(Task):
    class Config(Task.Config):
        rows: int = 2
        columns: int = 3

    codes = CODES

    def answer_one(self, puzzle):
        return puzzle


# Open cells, what is given, and what is wrong.


def test_without_an_open_code_every_cell_is_open_and_nothing_is_restored():
    puzzle, answer = (Numbers(key).below(4, (5, 2, 3)).astype(np.uint8) for key in (1, 2))
    assert Copy().open_cells(puzzle).all()
    assert np.array_equal(Copy().restore(puzzle, answer), answer)
    assert not Copy().contradictions(puzzle, answer).any()


def test_what_is_given_is_restored_and_its_change_is_a_contradiction():
    puzzle, answer = (Numbers(key).below(4, (20, 3, 3)).astype(np.uint8) for key in (1, 2))
    restored, wrong = Latin().restore(puzzle, answer), Latin().contradictions(puzzle, answer)
    for cell in np.ndindex(puzzle.shape):
        assert restored[cell] == (puzzle[cell] or answer[cell])
        changed = puzzle[cell] != 0 and answer[cell] != puzzle[cell]
        assert wrong[cell] == (changed or answer[cell] == 0)


def test_an_answer_in_other_codes_changes_nothing_that_is_given():
    class Other(Copy):
        open_code = 0
        answer_codes = (Code("-", "no"), Code("+", "yes"))

    puzzle, answer = np.array([[[1, 0, 2]]], np.uint8), np.array([[[0, 1, 1]]], np.uint8)
    assert Other().open_cells(puzzle).tolist() == [[[False, True, False]]]
    assert np.array_equal(Other().restore(puzzle, answer), answer)
    assert not Other().contradictions(puzzle, answer).any()


def test_by_default_the_label_alone_is_right_in_the_cells_that_are_graded():
    class Graded(Copy):
        def answer_one(self, puzzle):
            label = puzzle.copy()
            label[0, 0] = IGNORE
            return label

    puzzle = Numbers(1).below(4, (3, 2, 3)).astype(np.uint8)
    answers = puzzle.copy()
    answers[0, 0, 0] = 3 - answers[0, 0, 0]  # not graded
    answers[1, 1, 1] = 3 - answers[1, 1, 1]
    assert Graded().check(puzzle, answers).tolist() == [True, False, True]
    labels = Graded().answer(puzzle)
    assert [v.name for v in Graded().judge(puzzle, answers, labels)] == ["exact", "none", "exact"]


def test_no_answer_is_right_where_there_is_none():
    class Unanswered(Copy):
        def answer_one(self, puzzle):
            return None

    puzzle = np.zeros((2, 2, 3), dtype=np.uint8)
    assert not Unanswered().check(puzzle, puzzle).any()
    labels = Unanswered().answer(puzzle)
    assert [v.solved for v in Unanswered().judge(puzzle, puzzle, labels)] == [False, False]


# Completions.


def test_a_completion_is_checked_by_the_list_of_grids():
    task = Latin()
    every = task.every_grid()
    assert len(every) == 12
    puzzles = task.draw(40, (3,))
    for puzzle in puzzles:
        fits = [g for g in every if all(p in (0, c) for p, c in zip(puzzle.flat, g.flat))]  # noqa: B905
        assert len(fits) == 1
        assert np.array_equal(task.answer(puzzle[None])[0], fits[0])
        checked = task.check(np.repeat(puzzle[None], len(every), axis=0), every)
        assert checked.tolist() == [np.array_equal(g, fits[0]) for g in every]
    ones = np.ones((1, 3, 3), dtype=np.uint8)
    assert not task.check(np.zeros_like(ones), ones)[0]
    assert (task.answer(ones) == IGNORE).all()
    assert not task.dead_ends(puzzles).any() and task.dead_ends(ones).all()


def test_a_completion_without_its_list_says_so():
    class Unlisted(Latin):
        every_grid = Completion.every_grid

    with pytest.raises(ValueError, match="task Unlisted: write `every_grid`"):
        Unlisted().draw(1, (0,))


# Symmetries.


def test_turns_and_exchanges_are_symmetries_by_declaration():
    assert len(Copy().symmetries) == 1
    assert len(Latin().symmetries) == 8 * 6

    class Turned(Copy):
        turns = True

    assert len(Turned().symmetries) == 4


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 47), st.integers(0, 1000))
def test_every_exchange_is_undone_and_leaves_alone_what_is_not_graded(number, key):
    symmetry = Latin().symmetries[number]
    cells = Numbers(key).below(4, (2, 3, 3)).astype(np.uint8)
    assert np.array_equal(symmetry.undo(symmetry.view_answer(cells)), cells)
    cells[0, 1, 1] = IGNORE
    assert (symmetry.view_answer(cells) == IGNORE).sum() == 1
    assert (symmetry.view(cells) == 0).sum() == (cells == 0).sum()  # no set has code 0


def test_no_two_exchanges_are_the_same_and_the_first_changes_nothing():
    grid = np.array([[1, 2, 3], [0, 1, 1], [2, 0, 3]], dtype=np.uint8)
    views = [symmetry.view(grid).tobytes() for symmetry in Latin().symmetries]
    assert len(set(views)) == 48 and views[0] == grid.tobytes()
    one = bytes({1: 2, 2: 3, 3: 1}.get(code, code) for code in grid.tobytes())
    assert one in views


def test_an_exchange_on_top_of_a_symmetry_maps_answers_its_own_way():
    flip = Symmetry(lambda cells: cells[..., ::-1], lambda cells: cells, lambda cells: cells)
    _, swapped = with_exchanges((flip,), ((0, 1),))
    assert swapped.view(np.array([[0, 1, 2]], np.uint8)).tolist() == [[2, 0, 1]]
    assert swapped.view_answer(np.array([[0, 1, 2]], np.uint8)).tolist() == [[1, 0, 2]]
    assert swapped.undo(np.array([[1, 0, 2]], np.uint8)).tolist() == [[0, 1, 2]]


def test_too_many_exchanges_are_left_out():
    turns = turns_of((3, 3))
    assert len(with_exchanges(turns, ((0, 1, 2, 3, 4),))) == 8 * 120 <= MOST
    assert with_exchanges(turns, ((0, 1, 2, 3, 4, 5),)) == turns


# Titles.


def test_a_title_is_the_first_line_of_what_is_said_or_the_name():
    assert Latin().title == "Each digit once in every row and column"
    assert Copy().title == "Copy"
    assert type("LightsOut", (Copy,), {})().title == "Lights out"
