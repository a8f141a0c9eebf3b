"""Symmetries of Sudoku, and the names that puzzles share with their views."""

from itertools import islice
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_reference import BOXES, full_grids_4x4

from hrm.randomness import Numbers
from hrm.tasks.grid import IGNORE
from hrm.tasks.sudoku.canonical import canonical
from hrm.tasks.sudoku.generator import draw
from hrm.tasks.sudoku.plain_generator import Plan
from hrm.tasks.sudoku.rules import SIZES, rules_of, solved
from hrm.tasks.sudoku.solver import solve
from hrm.tasks.sudoku.symmetries import Symmetries, permutation

FEW = settings(deadline=None, max_examples=40, derandomize=True)

SYMMETRIES = {size: Symmetries(rules_of(size)) for size in SIZES}
ALL_OF_4X4 = list(SYMMETRIES[4])
PUZZLES = {size: draw(size, Plan(120 if size == 16 else 0, 0, 1), 6, (8,)) for size in SIZES}

places = st.tuples(st.sampled_from(SIZES), st.integers(0, 5), st.integers(0, 2**63 - 2))


def at(place):
    """A puzzle, its answer, and a symmetry of its size."""
    size, which, index = place
    puzzle = PUZZLES[size][which]
    return puzzle, solve(puzzle[None]).solutions[0], SYMMETRIES[size][index % len(SYMMETRIES[size])]


@pytest.mark.parametrize("size", SIZES)
def test_there_are_as_many_as_free_choices_allow(size):
    rows, columns = BOXES[size]
    order = factorial(size) * (2 if rows == columns else 1)
    order *= factorial(size // rows) * factorial(rows) ** (size // rows)
    order *= factorial(size // columns) * factorial(columns) ** (size // columns)
    symmetries = SYMMETRIES[size]
    assert symmetries.order == order and len(symmetries) == min(order, 2**63 - 1)


def test_of_9x9_there_are_as_many_as_is_known():
    assert len(SYMMETRIES[9]) == factorial(9) * 2 * 6**8


@pytest.mark.parametrize("size", SIZES)
def test_number_0_changes_nothing_and_others_are_found_from_either_end(size):
    symmetries, puzzle = SYMMETRIES[size], PUZZLES[size][0]
    np.testing.assert_array_equal(symmetries[0].view(puzzle), puzzle)
    last = symmetries[len(symmetries) - 1].view(puzzle)
    np.testing.assert_array_equal(symmetries[-1].view(puzzle), last)
    assert [s.view(puzzle).tolist() for s in symmetries[1:3]] == [
        s.view(puzzle).tolist() for s in islice(symmetries, 1, 3)
    ]
    with pytest.raises(IndexError):
        symmetries[len(symmetries)]


def test_all_of_4x4_are_different_and_keep_every_grid_right():
    # Codes above 4 keep their names and show where cells go; 1 to 4 show the new names.
    marked = np.arange(1, 17, dtype=np.uint8).reshape(4, 4)
    views = {symmetry.view(marked).tobytes() for symmetry in ALL_OF_4X4}
    assert len(views) == len(SYMMETRIES[4]) == 3072
    grids = np.array(full_grids_4x4(), dtype=np.uint8).reshape(-1, 4, 4)
    nothing = np.zeros_like(grids)
    assert all(solved(nothing, symmetry.view(grids)).all() for symmetry in ALL_OF_4X4[::37])


@pytest.mark.parametrize("size", [6, 9, 16])
def test_different_numbers_are_different_symmetries(size):
    symmetries = SYMMETRIES[size]
    marked = np.arange(size * size).astype(np.uint8).reshape(size, size)
    indices = {*range(400), *(int(i) % len(symmetries) for i in Numbers(1).raw(400))}
    assert len({symmetries[i].view(marked).tobytes() for i in indices}) == len(indices)


def test_of_16x16_those_that_a_sequence_can_hold_are_of_every_kind():
    symmetries = SYMMETRIES[16]
    rows = np.repeat(np.arange(100, 116, dtype=np.uint8)[:, None], 16, axis=1)
    some = [symmetries[int(i) % len(symmetries)] for i in Numbers(2).raw(200)]
    turned = sum(len({*symmetry.view(rows)[0].tolist()}) > 1 for symmetry in some)
    bands = {int(symmetry.undo(rows)[0, 0]) // 4 for symmetry in some}
    names = {int(symmetry.view(np.ones((16, 16), dtype=np.uint8))[0, 0]) for symmetry in some}
    assert 60 < turned < 140 and len(bands) == 4 and names == {*range(1, 17)}


@FEW
@given(places)
def test_undo_brings_back_puzzle_and_answer(place):
    puzzle, answer, symmetry = at(place)
    for cells in (puzzle, answer, np.where(puzzle, puzzle, IGNORE).astype(np.uint8)):
        np.testing.assert_array_equal(symmetry.undo(symmetry.view(cells)), cells)
        np.testing.assert_array_equal(symmetry.view(symmetry.undo(cells)), cells)


@FEW
@given(places)
def test_a_view_has_the_view_of_the_answer_as_its_only_answer(place):
    puzzle, answer, symmetry = at(place)
    found = solve(symmetry.view(puzzle)[None])
    assert found.outcomes[0] == 1
    np.testing.assert_array_equal(found.solutions[0], symmetry.view_answer(answer))


@FEW
@given(places)
def test_many_grids_are_seen_as_each_alone(place):
    size, _, index = place
    symmetry = SYMMETRIES[size][index % len(SYMMETRIES[size])]
    grids = PUZZLES[size].reshape(2, 3, size, size)
    alone = [[symmetry.view(grid) for grid in row] for row in grids]
    np.testing.assert_array_equal(symmetry.view(grids), alone)


def test_permutations_are_all_orders_the_first_ascending():
    orders = [tuple(permutation(4, number).tolist()) for number in range(24)]
    assert len({*orders}) == 24 and orders[0] == (0, 1, 2, 3)


def smallest_views(puzzles: np.ndarray) -> list[int]:
    """By trying all 3072 views of 4×4 puzzles, each read as a number."""
    weights = np.uint64(8) ** np.arange(16, dtype=np.uint64)
    views = (symmetry.view(puzzles).reshape(-1, 16) for symmetry in ALL_OF_4X4)
    return np.min([view.astype(np.uint64) @ weights for view in views], axis=0).tolist()


def few_givens(count: int) -> np.ndarray:
    """4×4 puzzles with so few givens that many are views of one another."""
    grids = np.array(full_grids_4x4(), dtype=np.uint8)[Numbers(1).below(288, count)]
    ranks = Numbers(2).raw(count * 16).reshape(count, 16).argsort(axis=1).argsort(axis=1)
    kept = ranks < Numbers(3).below(8, (count, 1))
    return np.where(kept, grids, 0).astype(np.uint8).reshape(-1, 4, 4)


def test_4x4_puzzles_share_a_name_exactly_where_one_is_a_view_of_the_other():
    puzzles = few_givens(400)
    slow, names = smallest_views(puzzles), canonical(puzzles)
    assert 20 < len({*slow}) < 250
    assert len({*names}) == len({*slow}) == len({*zip(names, slow, strict=True)})


def test_full_grids_of_4x4_are_of_two_kinds():
    grids = np.array(full_grids_4x4(), dtype=np.uint8).reshape(-1, 4, 4)[::3]
    assert len({*canonical(grids)}) == len({*smallest_views(grids)}) == 2


@FEW
@given(places)
def test_a_view_has_the_name_of_its_puzzle(place):
    puzzle, answer, symmetry = at(place)
    assert len({*canonical(np.stack([puzzle, symmetry.view(puzzle)]))}) == 1
    if len(puzzle) < 9:  # full grids of larger sizes take longer
        assert len({*canonical(np.stack([answer, symmetry.view(answer)]))}) == 1


@FEW
@given(places, st.integers(0, 3))
def test_puzzles_that_look_alike_everywhere_have_the_names_of_their_views(place, bands):
    """Whole bands of a very regular grid: no line differs from another at first."""
    size, _, index = place
    size = min(size, 9)
    rows, columns = BOXES[size]
    i, k = np.indices((size, size))
    regular = ((i % rows * columns + i // rows + k) % size + 1) * (i < rows * bands)
    puzzle = regular.astype(np.uint8)
    view = SYMMETRIES[size][index % len(SYMMETRIES[size])].view(puzzle)
    assert len({*canonical(np.stack([puzzle, view]))}) == 1


@FEW
@given(places, st.integers(1, 5), st.integers(0, 2**63 - 2))
def test_sparse_and_symmetric_puzzles_have_the_names_of_their_views(place, givens, other):
    size, which, index = place
    symmetries = SYMMETRIES[size := min(size, 9)]
    puzzle = np.zeros((size, size), dtype=np.uint8)
    for row, column, digit in Numbers(index, givens).below(size, (givens, 3)):
        puzzle[row, column] = digit + 1
    for _ in range(which % 3):  # with what it is seen as, it often has symmetries of its own
        seen = symmetries[index % len(symmetries)].view(puzzle)
        puzzle = np.where(puzzle, puzzle, seen).astype(np.uint8)
    view = symmetries[other % len(symmetries)].view(puzzle)
    assert len({*canonical(np.stack([puzzle, view]))}) == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_name_is_a_view_of_the_puzzle(size):
    """So puzzles with the same name are views of one another: it is enough that views share it."""
    for puzzle in PUZZLES[size][:3]:
        name = np.frombuffer(canonical(puzzle[None])[0], dtype=np.uint8).reshape(size, size)
        assert (name > 0).sum() == (puzzle > 0).sum()
        assert canonical(name[None])[0] == name.tobytes()
        assert solve(name[None]).outcomes[0] == 1


def test_different_puzzles_have_different_names():
    puzzles = draw(9, Plan(0, 0, 6), 60, (12,))
    other = puzzles.copy()
    for puzzle in other:  # two digits of one of its columns change places
        column = int(np.argmax((puzzle > 0).sum(axis=0)))
        one, two = np.flatnonzero(puzzle[:, column])[:2]
        puzzle[[one, two], column] = puzzle[[two, one], column]
    assert len({*canonical(np.concatenate([puzzles, other]))}) == 120


def test_an_empty_grid_has_a_name_soon():
    assert canonical(np.zeros((1, 16, 16), dtype=np.uint8)) == [bytes(256)]
