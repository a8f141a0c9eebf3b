"""Boards: shortest paths, the labels that mark them, and the seeded stream of random boards."""

from itertools import islice

import numpy as np
import pytest
from helpers import board_path, some_boards
from plain_boards import any_boards, board_of, reference_distances, reference_label, text_of

from hrm.data.hashing import content_hash
from hrm.tasks.boardpath import boards as boards_module
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    PATH,
    START,
    UNREACHABLE,
    WALL,
    label,
    random_boards,
    shortest_lengths,
    solved,
)
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.grid import IGNORE
from hrm.tasks.paths import distances


def take(count, *args):
    """The first boards of a stream, whatever its batches."""
    return np.stack(list(islice((b for batch in random_boards(*args) for b in batch), count)))


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        # Down before right, up before right, down before left, up before left.
        ("S.. ... ..E", "S.. *.. **E"),
        ("..E ... S..", "**E *.. S.."),
        ("..S ... E..", "..S ..* E**"),
        ("E.. ... ..S", "E** ..* ..S"),
        # Two ways around an obstacle: left before right, up before down.
        (".S. .#. .E.", "*S. *#. *E."),
        ("... S#E ...", "*** S#E ..."),
        ("S... .##. .##. ...E", "S... *##. *##. ***E"),
        # Up first although it leads away from the row of E; down when up is closed.
        ("..... .###. S#.#E .###. .....", "***** *###* S#.#E .###. ....."),
        ("..#.. .###. S#.#E .###. .....", "..#.. .###. S#.#E *###* *****"),
        # The tie is decided at the third step: the first two are forced.
        ("S#.. .#.. .... ##.E", "S#.. *#.. ***. ##*E"),
        ("SE ..", "SE .."),
        ("S. .E", "S. *E"),
        (".S E.", ".S E*"),
    ],
)
def test_label_takes_up_then_down_then_left_then_right(board, expected):
    assert text_of(label(board_of(board)[None])[0]) == expected


@pytest.mark.parametrize("wall_prob", [0.0, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("size", [2, 3, 5, 10])
def test_label_is_the_path_that_a_queue_finds(size, wall_prob):
    boards = any_boards(60, size, wall_prob, seed=size)
    targets = [reference_label(board) for board in boards]
    solvable = np.array([target is not None for target in targets])
    np.testing.assert_array_equal(shortest_lengths(boards) != UNREACHABLE, solvable)
    expected = np.stack([target for target in targets if target is not None])
    given_boards = boards[solvable]
    before = given_boards.copy()
    labels = label(given_boards)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(given_boards, before)
    assert labels.dtype == np.uint8
    for code in (START, END, WALL):
        np.testing.assert_array_equal(labels == code, given_boards == code)


def test_label_of_a_large_board_with_a_long_way():
    size = 33
    board = np.full((size, size), FLOOR, dtype=np.uint8)
    board[1::4, :-1] = WALL
    board[3::4, 1:] = WALL
    board[0, 0], board[-1, -1] = START, END
    target = reference_label(board)
    assert target is not None
    np.testing.assert_array_equal(label(board[None])[0], target)
    assert shortest_lengths(board[None])[0] == (target == PATH).sum() + 1 > 500


def test_label_does_not_depend_on_the_batch():
    boards = take(40, 7, 0.3, (3,))
    alone = np.concatenate([label(board[None]) for board in boards])
    np.testing.assert_array_equal(label(boards), alone)
    np.testing.assert_array_equal(label(boards[::-1]), alone[::-1])


def test_label_refuses_a_board_without_a_path_and_names_it():
    good, barren = board_of("S. .E"), board_of("S# #E")
    with pytest.raises(ValueError, match="board 2 has no path"):
        label(np.stack([good, barren, good]))


def test_the_task_answers_with_the_label_and_with_nothing_where_there_is_no_path():
    boards = any_boards(60, 4, 0.4, seed=1)
    answers = BoardPath().of_shape((4, 4)).answer(boards)
    nothing = np.full((4, 4), IGNORE, dtype=np.uint8)
    targets = [reference_label(board) for board in boards]
    assert 0 < sum(target is None for target in targets) < 60
    expected = [nothing if target is None else target for target in targets]
    np.testing.assert_array_equal(answers, expected)
    assert answers.dtype == np.uint8


@pytest.mark.parametrize("wall_prob", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("size", [2, 4, 9])
def test_distances_are_those_of_a_search_from_the_end(size, wall_prob):
    boards = any_boards(25, size, wall_prob, seed=10 + size)
    expected = np.stack([reference_distances(board) for board in boards])
    np.testing.assert_array_equal(distances(boards != WALL, boards == END), expected)
    np.testing.assert_array_equal(shortest_lengths(boards), expected[boards == START])


def test_distances_keep_to_the_cells_they_may_enter():
    board = board_of("S.. .#. ..E")[None]
    only_right = board_of("S.. ##. ##E")[None] != WALL
    expected = [[4, 3, 2], [-1, -1, 1], [-1, -1, 0]]
    np.testing.assert_array_equal(distances(only_right, board == END)[0], expected)


@pytest.mark.parametrize(("size", "wall_prob"), [(2, 0.5), (5, 0.0), (6, 0.4), (10, 0.3)])
def test_random_boards_are_solvable_and_well_formed(size, wall_prob):
    boards = take(300, size, wall_prob, (4, size))
    assert boards.shape == (300, size, size)
    assert boards.dtype == np.uint8
    assert set(np.unique(boards)) <= {FLOOR, WALL, START, END}
    assert ((boards == START).sum(axis=(1, 2)) == 1).all()
    assert ((boards == END).sum(axis=(1, 2)) == 1).all()
    assert all(reference_label(board) is not None for board in boards[:60])
    assert (shortest_lengths(boards) != UNREACHABLE).all()


def test_walls_are_about_as_many_as_asked_for():
    # Dropping the boards without a path leaves somewhat fewer walls than were drawn.
    density = [(take(500, 10, p, (1,)) == WALL).mean() * 100 / 98 for p in (0.0, 0.1, 0.3, 0.5)]
    assert density[0] == 0
    assert 0.085 < density[1] < 0.105
    assert 0.23 < density[2] < 0.3
    assert 0.3 < density[3] < 0.5


def test_start_and_end_are_drawn_evenly_over_all_pairs_of_cells():
    boards = take(12_000, 2, 0.0, (9,)).reshape(-1, 4)
    pairs = (boards == START).argmax(axis=1) * 4 + (boards == END).argmax(axis=1)
    counts = np.bincount(pairs, minlength=16)
    assert (counts[[0, 5, 10, 15]] == 0).all()
    assert (np.abs(np.delete(counts, [0, 5, 10, 15]) - 1000) < 160).all()


def test_random_boards_follow_from_their_arguments_alone():
    np.testing.assert_array_equal(take(200, 6, 0.3, (5, 2)), take(200, 6, 0.3, (5, 2)))
    for other in [(6, 0.3, (5, 3)), (6, 0.3, (6, 2)), (6, 0.3, (5,)), (6, 0.35, (5, 2))]:
        assert not (take(200, *other) == take(200, 6, 0.3, (5, 2))).all()


@pytest.mark.parametrize("count", [1, 30, 1500])
def test_the_task_draws_the_first_boards_of_the_stream(count):
    drawn = board_path(6, 0.4).draw(count, (8, 1))
    np.testing.assert_array_equal(drawn, take(count, 6, 0.4, (8, 1)))


@pytest.mark.parametrize("draws", [1, 7, 4096])
def test_the_stream_of_boards_does_not_depend_on_how_many_are_drawn_at_once(draws, monkeypatch):
    expected = take(300, 5, 0.4, (8, 1))
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", draws)
    np.testing.assert_array_equal(take(300, 5, 0.4, (8, 1)), expected)
    monkeypatch.setattr(boards_module, "_CELLS_PER_BATCH", 5 * 5 * 3)  # as of large boards
    np.testing.assert_array_equal(take(300, 5, 0.4, (8, 1)), expected)


def test_the_largest_boards_can_be_drawn_and_labelled():
    (board,) = some_boards(256, 1)
    assert board.shape == (256, 256) and solved(board[None], label(board[None]))[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, 100, 0, 0.3), "88e2bdad9ad6be108b9044bc6da9c0069b70e01dcaa93fb3686c53dbba23cff6"),
        ((20, 50, 7, 0.3), "f39e636f3be69ce0fe1e2d8aabd88a364803c4b6d2af1a09ee8cf2b445a58dd2"),
        ((5, 10, 3, 0.9), "42e586ee7540ea80fc563efde9c1920313a0f9f6bfb5264eefbf35718e602aed"),
    ],
)
def test_generated_boards_are_frozen_across_versions(arguments, expected):
    """A change here breaks every published seed: it must never be made in passing."""
    assert content_hash(some_boards(*arguments)) == expected


def test_walls_that_leave_no_path_are_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", 16)
    monkeypatch.setattr(boards_module, "_MOST_USELESS_DRAWS", 64)
    with pytest.raises(ValueError, match=r"wall_prob 1\.0 .* size 64 .*lower wall_prob"):
        list(random_boards(64, 1.0, (0,)))


def test_a_rare_solvable_board_is_waited_for(monkeypatch):
    """Useless batches in between are no reason to give up."""
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", 2)
    monkeypatch.setattr(boards_module, "_MOST_USELESS_DRAWS", 400)
    boards = take(20, 8, 1.0, (0,))
    assert (shortest_lengths(boards) == 1).all()
