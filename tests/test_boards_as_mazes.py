"""Training boards of which some are mazes (`task.mazes`)."""

import numpy as np
import pytest
from helpers import some_boards

from hrm import TaskConfig
from hrm.data.load import load_dataset
from hrm.tasks.boardpath.boards import END, FLOOR, START, WALL
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.boardpath.views import with_mazes

Place = tuple[int, int]


def cells_and_steps(board: np.ndarray) -> tuple[set[Place], int]:
    """The cells that are not walls, and how many pairs of neighbours there are among them."""
    free = {(int(row), int(column)) for row, column in np.argwhere(board != WALL)}
    return free, sum(
        (row + down, column + right) in free
        for row, column in free
        for down, right in ((0, 1), (1, 0))
    )


def reached(free: set[Place]) -> set[Place]:
    """The cells that a walk from the first one comes to."""
    seen, ahead = set(), [min(free)]
    while ahead:
        row, column = ahead.pop()
        seen.add((row, column))
        around = {(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)}
        ahead += (around & free) - seen
    return seen


@pytest.mark.parametrize("side", [4, 5, 9, 12])
def test_a_maze_is_connected_with_few_loops_and_rooms_at_odd_places(side):
    for board in with_mazes(some_boards(side, 20), 1.0, (3,)):
        free, steps = cells_and_steps(board)
        rooms = {(row, column) for row in range(1, side, 2) for column in range(1, side, 2)}
        assert rooms <= free and all(row % 2 or column % 2 for row, column in free)
        assert reached(free) == free
        loops = steps - (len(free) - 1)
        assert 1 <= loops <= max(1, 0.1 * len(rooms))
        ends = {code: (board == code).sum() for code in (START, END)}
        assert ends == {START: 1, END: 1} and set(np.unique(board)) == {FLOOR, WALL, START, END}


def test_a_share_of_the_boards_becomes_mazes_and_the_others_stay():
    boards = some_boards(8, 400)
    found = with_mazes(boards, 0.25, (3,))
    changed = (found != boards).any(axis=(1, 2))
    assert 70 <= changed.sum() <= 130
    np.testing.assert_array_equal(with_mazes(boards, 0.25, (3,)), found)
    assert (with_mazes(boards, 0.25, (4,)) != found).any()
    np.testing.assert_array_equal(with_mazes(boards, 0.0, (3,)), boards)
    few = some_boards(3, 20)
    np.testing.assert_array_equal(with_mazes(few, 1.0, (3,)), few)


def test_only_training_boards_become_mazes_and_their_ends_are_moved():
    plain = TaskConfig(board_size=9, train_count=60, val_count=20)
    mazy = plain.model_copy(update={"mazes": 1.0, "move_ends": 4})
    before, after = load_dataset(plain), load_dataset(mazy)
    np.testing.assert_array_equal(before.val.inputs, after.val.inputs)
    shown = after.train.epoch(1, 0).inputs
    assert all(reached(free) == free for free, _ in map(cells_and_steps, shown))
    lengths = [
        BoardPath(mazy).difficulty(train) for train in (shown, before.train.epoch(1, 0).inputs)
    ]
    assert np.median(lengths[0]) > 2 * np.median(lengths[1])
    assert (after.train.epoch(2, 0).inputs != shown).any()
