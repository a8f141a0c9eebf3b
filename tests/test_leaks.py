"""What sets of boards are, in a few bytes, and whether they overlap."""

import hashlib

import numpy as np
from helpers import some_boards
from views import eight_views

from hrm.data.hashing import check_leak, content_hash
from hrm.tasks.boardpath.boards import END, FLOOR, START, WALL
from hrm.tasks.boardpath.task import BoardPath


def keys_of(boards):
    return [board.tobytes() for board in boards]


def test_content_hash_tells_order_size_and_codes_apart():
    boards = some_boards(4, 9, 0)
    expected = hashlib.sha256(b"4x4:" + bytes(int(code) for code in boards.flat)).hexdigest()
    assert content_hash(boards) == expected
    changed = boards.copy()
    changed[-1].flat[np.flatnonzero(changed[-1] <= WALL)[0]] ^= 1
    others = [boards[::-1], boards[:-1], changed, boards.reshape(-1, 2, 2), boards.mT]
    assert len({expected, *map(content_hash, others)}) == 6
    assert content_hash(np.asfortranarray(boards)) == expected
    assert content_hash(np.repeat(boards, 2, axis=0)[::2]) == expected


def test_leak_report_counts_repeats_shared_and_turned_boards():
    def board(start, end):
        board = np.full((3, 3), FLOOR, dtype=np.uint8)
        board[start], board[end] = START, END
        return board

    corner, other_corner, centre = (
        board((0, 0), (0, 1)),
        board((2, 2), (2, 1)),
        board((1, 1), (0, 0)),
    )
    along, far = board((0, 1), (2, 1)), board((0, 0), (2, 2))
    first = np.stack([corner, corner, centre, along, corner])
    second = np.stack([other_corner, centre, centre, far])
    report = check_leak(BoardPath(), first, second)
    assert report.counts == (5, 4)
    assert report.repeats == (2, 1)
    assert report.shared == 1
    assert report.shared_up_to_symmetry == 2
    back = check_leak(BoardPath(), second, first)
    assert (back.counts, back.repeats, back.shared) == ((4, 5), (1, 2), 1)


def test_leak_numbers_are_those_of_a_plain_comparison():
    first, second = some_boards(3, 150, 0), some_boards(3, 200, 1)
    report = check_leak(BoardPath(), first, second)
    known, views = (
        set(keys_of(first)),
        {key for board in first for key in keys_of(eight_views(board))},
    )
    assert report.shared == sum(key in known for key in keys_of(second)) > 0
    assert report.shared_up_to_symmetry == sum(key in views for key in keys_of(second))
    assert report.shared_up_to_symmetry > report.shared
    assert report.repeats == (0, 0)


def test_boards_of_different_sizes_share_nothing():
    report = check_leak(BoardPath(), some_boards(4, 5, 0), some_boards(5, 6, 0))
    assert (report.counts, report.shared, report.shared_up_to_symmetry) == ((5, 6), 0, 0)
