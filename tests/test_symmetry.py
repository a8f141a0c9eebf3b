"""Turns and mirror images of grids, and the symmetries that are made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from views import eight_views

from hrm.tasks.symmetry import turn, turn_back, turns_of

FEW = settings(deadline=None, max_examples=60, derandomize=True)
sides = st.integers(1, 5)
squares = sides.flatmap(lambda side: arrays(np.uint8, (side, side), elements=st.integers(0, 9)))
grids = st.tuples(sides, sides).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 9))
)


def numbered(rows: int, columns: int):
    """A grid whose cells all differ."""
    return np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)


def contents(views):
    return {(view.shape, view.tobytes()) for view in views}


def sharing_an_edge(grid):
    """Pairs of codes that stand side by side or one above the other."""
    pairs = [*zip(grid[1:].flat, grid[:-1].flat, strict=True)]
    pairs += zip(grid[:, 1:].flat, grid[:, :-1].flat, strict=True)
    return {frozenset(map(int, pair)) for pair in pairs}


@FEW
@given(squares)
def test_the_eight_turns_of_a_square_are_those_written_out_cell_by_cell(board):
    before = board.copy()
    for symmetry, expected in enumerate(eight_views(board)):
        view = turn(board, symmetry)
        np.testing.assert_array_equal(view, expected)
        assert view.flags.c_contiguous
        np.testing.assert_array_equal(turn_back(view, symmetry), board)
        assert turn_back(view, symmetry).flags.c_contiguous
    np.testing.assert_array_equal(board, before)


@FEW
@given(squares)
def test_a_square_is_among_the_views_of_each_of_its_views(board):
    for symmetry in range(8):
        views = [turn(turn(board, symmetry), other) for other in range(8)]
        assert contents(views) == contents(eight_views(board))


@pytest.mark.parametrize("symmetry", range(8))
def test_many_grids_are_turned_as_each_one_is(symmetry):
    many = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 4)).astype(np.uint8)
    each = [[turn(grid, symmetry) for grid in part] for part in many]
    np.testing.assert_array_equal(turn(many, symmetry), each)
    np.testing.assert_array_equal(turn_back(turn(many, symmetry), symmetry), many)


@pytest.mark.parametrize(("shape", "count"), [((3, 3), 8), ((3, 4), 4), ((5, 2), 4)])
def test_symmetries_are_all_that_keep_the_shape_and_the_neighbours(shape, count):
    grid = numbered(*shape)
    views = [symmetry.view(grid) for symmetry in turns_of(shape)]
    assert {view.shape for view in views} == {shape}
    assert len(contents(views)) == len(views) == count
    for view in views:
        assert sharing_an_edge(view) == sharing_an_edge(grid)


@FEW
@given(grids)
def test_a_symmetry_can_be_undone_and_the_first_changes_nothing(grid):
    symmetries = turns_of((grid.shape[0], grid.shape[1]))
    np.testing.assert_array_equal(symmetries[0].view(grid), grid)
    for symmetry in symmetries:
        np.testing.assert_array_equal(symmetry.undo(symmetry.view(grid)), grid)
        np.testing.assert_array_equal(symmetry.view_answer(grid), symmetry.view(grid))
        pair = np.stack([grid, grid[::-1]])
        np.testing.assert_array_equal(symmetry.view(pair)[1], symmetry.view(grid[::-1]))
