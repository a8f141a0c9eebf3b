"""The boards of an epoch under symmetries, and with START and END drawn anew."""

import numpy as np
import pytest
from helpers import held_out_boards, labelled, some_boards
from views import eight_views

from hrm import TaskConfig
from hrm.data.load import load_dataset
from hrm.data.sets import TrainingSet
from hrm.randomness import Numbers, Purpose
from hrm.tasks.boardpath.boards import WALL, label
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.boardpath.views import END_TRIES, with_ends_moved
from hrm.tasks.grid import Cells

SMALL = TaskConfig(board_size=4, train_count=60, val_count=20, seed=3)


def keys_of(boards):
    return [board.tobytes() for board in boards]


def training_set(boards: Cells | None, **changes) -> TrainingSet:
    """Of boards, or of a stream; nothing is barred from it."""
    task = BoardPath(SMALL.model_copy(update=changes))
    return TrainingSet(task, None if boards is None else labelled(boards))


def boards_of(train: TrainingSet, epoch: int, seed: int) -> Cells:
    """Of an epoch; that each has its own label is checked on the way."""
    examples = train.epoch(epoch, seed)
    np.testing.assert_array_equal(examples.answers, label(examples.inputs))
    return examples.inputs


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("views", [{"augment": True}, {"move_ends": 1}])
def test_augmentation_never_makes_a_validation_or_held_out_board(views, stream):
    task = TaskConfig(
        board_size=3, train_count=200, val_count=300, wall_prob=0.4, stream=stream
    ).model_copy(update=views)
    dataset = load_dataset(task)
    held_out = held_out_boards(3, BoardPath.held_out_cnt, wall_prob=0.4).inputs
    kept_back = set(keys_of(held_out)) | set(keys_of(dataset.val.inputs))
    plain = {view.tobytes() for board in dataset.val.inputs for view in eight_views(board)}
    for epoch in (1, 2, 3):
        found = set(keys_of(boards_of(dataset.train, epoch, 0)))
        assert not kept_back & found
        assert plain & found  # without the rule, some would be validation boards


def test_a_view_that_must_not_come_up_is_replaced_by_its_board_and_nothing_else_changes():
    boards = some_boards(4, 200)
    free = training_set(boards, augment=True)
    views, plain = boards_of(free, 1, 0), boards_of(training_set(boards), 1, 0)
    barred = [i for i in range(0, 200, 7) if (views[i] != plain[i]).any()]
    assert len(barred) > 10
    guarded = TrainingSet(free.task, free.fixed, frozenset(keys_of(views[barred])))
    views[barred] = plain[barred]
    np.testing.assert_array_equal(boards_of(guarded, 1, 0), views)


def test_augmented_boards_are_symmetric_views_with_labels_of_their_own():
    fixed = some_boards(4, 200)
    originals = boards_of(training_set(fixed), 1, 0)
    boards = boards_of(training_set(fixed, augment=True), 1, 0)
    chosen = np.zeros(8, dtype=int)
    for original, board in zip(originals, boards, strict=True):
        matches = [bool((view == board).all()) for view in eight_views(original)]
        assert any(matches)
        if sum(matches) == 1:
            chosen[matches.index(True)] += 1
    assert (chosen > 8).all()
    assert boards.flags.c_contiguous


def test_seed_and_epoch_name_the_numbers_that_choose_symmetries_and_ends():
    """A change here changes every run with these settings: it must never be made in passing."""
    fixed = some_boards(4, 16)
    originals = boards_of(training_set(fixed), 2, 5)
    which = Numbers(5, Purpose.SYMMETRY, 2).raw(16) % np.uint64(8)
    expected = [eight_views(b)[i] for b, i in zip(originals, which, strict=True)]
    np.testing.assert_array_equal(boards_of(training_set(fixed, augment=True), 2, 5), expected)
    numbers = Numbers(5, Purpose.VARIATION, 2).raw(16 * END_TRIES * 2)
    moved = boards_of(training_set(fixed, move_ends=3), 2, 5)
    np.testing.assert_array_equal(moved, with_ends_moved(originals, numbers, 3))


def test_augmentation_is_reproducible_and_drawn_anew_for_each_seed_and_epoch():
    fixed = some_boards(4, 50)
    plain, augmented = training_set(fixed), training_set(fixed, augment=True)
    turns = set()
    for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2)):
        boards = boards_of(augmented, epoch, seed)
        np.testing.assert_array_equal(boards_of(augmented, epoch, seed), boards)
        views = [keys_of(eight_views(original)) for original in boards_of(plain, epoch, seed)]
        turns.add(tuple(v.index(key) for v, key in zip(views, keys_of(boards), strict=True)))
    # The turns themselves, place by place, are others each time.
    assert len(turns) == 4


def test_ends_are_moved_anew_for_each_seed_and_epoch_and_then_turned():
    fixed = some_boards(5, 50)
    moving = training_set(fixed, board_size=5, move_ends=1)
    both = training_set(fixed, board_size=5, move_ends=1, augment=True)
    seen = set()
    for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2)):
        boards = boards_of(moving, epoch, seed)
        np.testing.assert_array_equal(boards_of(moving, epoch, seed), boards)
        assert sorted(keys_of(boards == WALL)) == sorted(keys_of(fixed == WALL))
        seen.add(tuple(sorted(keys_of(boards))))
        for board, view in zip(boards, boards_of(both, epoch, seed), strict=True):
            assert any((view == one).all() for one in eight_views(board))
    assert len(seen) == 4


def test_a_stream_can_be_augmented_too():
    plain = boards_of(training_set(None), 1, 0)
    boards = boards_of(training_set(None, augment=True), 1, 0)
    for original, board in zip(plain, boards, strict=True):
        assert any((view == board).all() for view in eight_views(original))
    assert keys_of(plain) != keys_of(boards)
