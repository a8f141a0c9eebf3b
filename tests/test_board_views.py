"""Training boards with START and END drawn anew."""

from itertools import permutations

import numpy as np
import pytest
from helpers import some_boards

from hrm.tasks.boardpath.boards import END, FLOOR, START, UNREACHABLE, WALL, label, shortest_lengths
from hrm.tasks.boardpath.text import parse_boards
from hrm.tasks.boardpath.views import END_TRIES, with_ends_moved


def raw(count: int, seed: int = 0):
    return np.random.PCG64(seed).random_raw(count)


def moved(boards, seed: int = 0, pairs: int = 1):
    return with_ends_moved(boards, raw(len(boards) * END_TRIES * 2, seed), pairs)


def farthest(board, numbers, pairs: int):
    """The slow, obvious version, of one board: `numbers` are pairs, a pair a try."""
    free, views = np.flatnonzero(board.ravel() != WALL), []
    for one, other in numbers:
        places = list(free)
        view = np.where(board == WALL, WALL, FLOOR).astype(np.uint8)
        view.flat[places.pop(one % len(places))] = START
        view.flat[places.pop(other % len(places))] = END
        if shortest_lengths(view[None])[0] != UNREACHABLE:
            views.append(view)
    return max(views[:pairs], key=lambda view: shortest_lengths(view[None])[0], default=board)


def place(board, code: int) -> int:
    return int(np.flatnonzero(board.ravel() == code)[0])


def test_moved_ends_leave_the_walls_and_a_path():
    boards = some_boards(6, 300, wall_prob=0.4)
    before = boards.copy()
    views = moved(boards)
    np.testing.assert_array_equal(boards, before)
    np.testing.assert_array_equal(views == WALL, boards == WALL)
    for code in (START, END):
        assert ((views == code).sum(axis=(1, 2)) == 1).all()
    assert (shortest_lengths(views) != UNREACHABLE).all()
    assert set(np.unique(views)) == {FLOOR, WALL, START, END}
    assert label(views).shape == boards.shape


@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_the_farthest_of_the_pairs_drawn_is_taken(pairs):
    boards = some_boards(6, 60, wall_prob=0.4)
    numbers = raw(len(boards) * END_TRIES * 2).reshape(END_TRIES, 2, len(boards))
    slow = [farthest(board, numbers[:, :, i], pairs) for i, board in enumerate(boards)]
    np.testing.assert_array_equal(moved(boards, pairs=pairs), slow)


def test_every_pair_that_a_path_joins_is_as_likely():
    # Cells 0, 1 and 4 hang together; 6 and 8 are islands.
    board = parse_boards("S E #\n# . #\n. # .")[0]
    views = moved(np.repeat(board[None], 6000, axis=0))
    counts: dict[tuple[int, int], int] = {}
    for view in views:
        ends = place(view, START), place(view, END)
        counts[ends] = counts.get(ends, 0) + 1
    # Of the 20 pairs 6 are joined; of eight tries all fail with probability 0.7 ** 8 = 0.058, and
    # the board then keeps its own pair.
    own = counts.pop((0, 1)) - 6000 * 0.7**8
    assert counts.keys() | {(0, 1)} == set(permutations((0, 1, 4), 2))
    for count in (own, *counts.values()):
        assert abs(count - 6000 * (1 - 0.7**8) / 6) < 130  # four and a half standard deviations


def test_a_board_of_which_no_pair_tried_is_joined_keeps_its_own():
    board = parse_boards("S E #\n# . #\n. # .")[0]
    # Numbers 3 and 3 choose the free cells 6 and 8, the islands, in every try.
    same = np.full(END_TRIES * 2, 3, dtype=np.uint64)
    np.testing.assert_array_equal(with_ends_moved(board[None], same)[0], board)
