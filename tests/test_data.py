"""Drawn boards: what a run trains and validates on, what is kept back, and in which order."""

import numpy as np
import pytest
from helpers import held_out_boards, labelled, some_boards

from hrm import TaskConfig
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.data.sets import TrainingSet
from hrm.data.source import generate, held_out
from hrm.randomness import Purpose
from hrm.tasks.boardpath.boards import UNREACHABLE, label, random_boards, shortest_lengths
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.settings import HELD_OUT_SEED

SMALL = TaskConfig(board_size=4, train_count=60, val_count=20, seed=3)
TINY_STREAM = TaskConfig(board_size=3, train_count=700, val_count=100, stream=True)
HELD_OUT_CNT = BoardPath.held_out_cnt


def keys_of(boards):
    return [board.tobytes() for board in boards]


def fixed_boards(train: TrainingSet):
    """Of a set that is not drawn for each epoch; their labels are checked on the way."""
    assert train.fixed is not None
    np.testing.assert_array_equal(train.fixed.answers, label(train.fixed.inputs))
    return train.fixed.inputs


def streamed(settings: TaskConfig) -> TrainingSet:
    """A stream in which every board may come up."""
    return TrainingSet(BoardPath(settings), None)


@pytest.fixture(scope="module")
def tiny_stream():
    return load_dataset(TINY_STREAM)


def test_generated_boards_are_different_and_solvable():
    boards = some_boards(3, 1500, 0)
    assert boards.shape == (1500, 3, 3)
    assert boards.dtype == np.uint8
    assert len(set(keys_of(boards))) == 1500
    assert (shortest_lengths(boards) != UNREACHABLE).all()


def test_generated_boards_are_the_drawn_ones_without_repeats():
    drawn = []
    for batch in random_boards(2, 0.3, (7, Purpose.SET, 0)):
        drawn += [board.tobytes() for board in batch]
        if len(set(drawn)) >= 30:
            break
    assert keys_of(some_boards(2, 30, 7)) == list(dict.fromkeys(drawn))[:30]


def test_asking_for_more_boards_keeps_the_first_ones():
    np.testing.assert_array_equal(some_boards(5, 80, 1)[:30], some_boards(5, 30, 1))
    assert set(keys_of(some_boards(5, 80, 1))) != set(keys_of(some_boards(5, 80, 2)))


def test_every_2x2_board_can_be_had_and_no_more():
    # 12 places for S and E; of the four ways to fill the other two cells, all leave a path
    # where S touches E (8 places), and three where it does not (4 places).
    assert len(some_boards(2, 8 * 4 + 4 * 3)) == 44
    with pytest.raises(ValueError, match=r"too few .*\(44 found\); ask for fewer"):
        some_boards(2, 45, 0)


def test_held_out_boards_are_those_of_their_seed():
    np.testing.assert_array_equal(held_out_boards(6, 10).inputs, some_boards(6, 10, HELD_OUT_SEED))
    with pytest.raises(ValueError, match=f"count {HELD_OUT_CNT + 1}"):
        held_out_boards(6, HELD_OUT_CNT + 1)


def not_held_out(task: TaskConfig, count: int):
    """The first `count` of a task's boards that are not held out, however many that passes over."""
    kept_back = set(keys_of(held_out(BoardPath(task), HELD_OUT_CNT).inputs))
    boards = generate(BoardPath(task), 4 * count, task.seed)
    return np.stack([b for b in boards if b.tobytes() not in kept_back][:count])


def test_training_boards_are_the_first_part_and_disjoint_from_validation():
    dataset = load_dataset(SMALL)
    boards = not_held_out(SMALL, 80)
    assert (boards != some_boards(4, 80, 3)).any()  # so small that some are held out
    np.testing.assert_array_equal(fixed_boards(dataset.train), boards[:60])
    np.testing.assert_array_equal(dataset.val.inputs, boards[60:])
    np.testing.assert_array_equal(dataset.val.answers, label(boards[60:]))
    assert not set(keys_of(fixed_boards(dataset.train))) & set(keys_of(dataset.val.inputs))
    assert dataset.hashes == {"val": content_hash(boards[60:]), "train": content_hash(boards[:60])}


def test_large_boards_are_simply_those_of_the_seed():
    dataset = load_dataset(TaskConfig(board_size=8, train_count=60, val_count=20, seed=3))
    boards = some_boards(8, 80, 3)
    np.testing.assert_array_equal(fixed_boards(dataset.train), boards[:60])
    np.testing.assert_array_equal(dataset.val.inputs, boards[60:])


@pytest.mark.parametrize("stream", [False, True])
def test_mixed_sizes_come_in_batches_of_one_size_in_a_random_order(stream):
    task = TaskConfig(
        board_size=6, board_sizes=[5, 6, 7], train_count=100, val_count=10, stream=stream
    )
    dataset = load_dataset(task)
    assert {val.shape: len(val) for val in dataset.val_sets} == {(5, 5): 4, (6, 6): 3, (7, 7): 3}
    orders = {}
    for seed, epoch in ((0, 1), (0, 2), (1, 1)):
        batches = dataset.batches(epoch, seed, 10)
        assert len(batches) == dataset.batch_cnt(10) == 12
        counts = {5: 0, 6: 0, 7: 0}
        for batch in batches:
            np.testing.assert_array_equal(batch.answers, label(batch.inputs))
            assert batch.shape[0] == batch.shape[1] and len(batch) <= 10
            counts[batch.shape[0]] += len(batch)
        assert counts == {5: 34, 6: 33, 7: 33}
        for one, other in zip(batches, dataset.batches(epoch, seed, 10), strict=True):
            np.testing.assert_array_equal(one.inputs, other.inputs)
        orders[seed, epoch] = tuple(batch.shape[0] for batch in batches)
    assert len(set(orders.values())) == 3
    assert all(list(order) != sorted(order) for order in orders.values())


def test_a_size_among_others_has_the_boards_that_it_has_alone():
    mixed = TaskConfig(board_size=4, board_sizes=[6, 4], train_count=80, val_count=41, seed=3)
    dataset = load_dataset(mixed)
    alone = load_dataset(SMALL.model_copy(update={"train_count": 40, "val_count": 20}))
    np.testing.assert_array_equal(fixed_boards(dataset.train), fixed_boards(alone.train))
    np.testing.assert_array_equal(dataset.val.inputs, alone.val.inputs)
    six = load_dataset(TaskConfig(board_size=6, train_count=40, val_count=21, seed=3))
    assert dataset.hashes == {
        **alone.hashes, **{f"{name}_6x6": digest for name, digest in six.hashes.items()}
    }  # fmt: skip
    # Without other sizes, batches are the epoch cut into pieces.
    whole, batches = alone.train.epoch(2, 5), alone.batches(2, 5, 16)
    assert [len(batch) for batch in batches] == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in batches]), whole.inputs)
    np.testing.assert_array_equal(np.concatenate([b.answers for b in batches]), whole.answers)


def test_too_few_different_boards_are_refused():
    with pytest.raises(ValueError, match="too few different puzzles"):
        load_dataset(TaskConfig(board_size=2, train_count=40, val_count=5))


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide():
    train = load_dataset(SMALL).train
    own = keys_of(fixed_boards(train))
    orders = {}
    for seed in (0, 1):
        for epoch in (1, 2, 3):
            examples = train.epoch(epoch, seed)
            np.testing.assert_array_equal(examples.answers, label(examples.inputs))
            assert sorted(keys_of(examples.inputs)) == sorted(own)
            orders[seed, epoch] = tuple(keys_of(examples.inputs))
            assert tuple(keys_of(train.epoch(epoch, seed).inputs)) == orders[seed, epoch]
    assert len({*orders.values(), tuple(own)}) == 7


@pytest.mark.parametrize("augment", [False, True])
def test_epochs_leave_the_set_as_it_was(augment):
    train = load_dataset(SMALL.model_copy(update={"augment": augment})).train
    before = fixed_boards(train).copy()
    examples = train.epoch(1, 0)
    examples.inputs[:], examples.answers[:] = 0, 0
    np.testing.assert_array_equal(fixed_boards(train), before)


def test_every_board_comes_to_every_place_of_the_order():
    """A shuffle that leaves some boards near where they were would show here."""
    train = TrainingSet(BoardPath(SMALL), labelled(some_boards(4, 5, 0)))
    index = {key: i for i, key in enumerate(keys_of(fixed_boards(train)))}
    orders = [[index[k] for k in keys_of(train.epoch(e, 0).inputs)] for e in range(1, 401)]
    counts = np.stack([np.bincount(column) for column in np.transpose(orders)])
    assert counts.shape == (5, 5)
    assert (np.abs(counts - 80) < 45).all()


def test_stream_never_yields_validation_or_held_out_boards(tiny_stream):
    held = keys_of(held_out_boards(3, HELD_OUT_CNT).inputs)
    forbidden = {*keys_of(tiny_stream.val.inputs), *held}
    free = streamed(TINY_STREAM)
    for epoch in (1, 2, 3):
        examples = tiny_stream.train.epoch(epoch, 0)
        assert examples.inputs.shape == examples.answers.shape == (700, 3, 3)
        assert not forbidden & set(keys_of(examples.inputs))
        np.testing.assert_array_equal(examples.answers, label(examples.inputs))
        # With nothing forbidden the very same stream does hold some.
        unguarded = keys_of(free.epoch(epoch, 0).inputs)
        assert forbidden & set(unguarded)
        kept = [key for key in unguarded if key not in forbidden]
        assert keys_of(examples.inputs)[: len(kept)] == kept


def test_stream_holds_no_repeats_within_an_epoch_and_is_another_each_epoch(tiny_stream):
    first, second = (tiny_stream.train.epoch(epoch, 0).inputs for epoch in (1, 2))
    assert len(set(keys_of(first))) == len(first)
    assert keys_of(first) != keys_of(second)
    assert len(set(keys_of(second)) - set(keys_of(first))) > 50
    # Boards in common show that the stream does not shrink from epoch to epoch.
    assert set(keys_of(first)) & set(keys_of(second))


def test_stream_is_reproducible_and_depends_on_the_task_seed_only(tiny_stream):
    expected = tiny_stream.train.epoch(2, 0).inputs
    again = load_dataset(TINY_STREAM).train
    np.testing.assert_array_equal(again.epoch(2, 0).inputs, expected)
    np.testing.assert_array_equal(again.epoch(2, 99).inputs, expected)
    seeds = [streamed(TINY_STREAM.model_copy(update={"seed": seed})) for seed in (0, 1)]
    first, second = (set(keys_of(train.epoch(2, 0).inputs)) for train in seeds)
    assert len(second - first) > 50


def test_stream_has_no_training_hash_and_shares_no_numbers_with_the_fixed_set(tiny_stream):
    assert tiny_stream.hashes == {"val": content_hash(tiny_stream.val.inputs)}
    np.testing.assert_array_equal(tiny_stream.val.inputs, not_held_out(TINY_STREAM, 100))
    boards = streamed(SMALL).epoch(1, 0).inputs
    assert len(set(keys_of(boards)) & set(keys_of(some_boards(4, 60, 3)))) < 5


def test_stream_without_any_board_left_is_refused():
    task = TaskConfig(board_size=2, train_count=40, val_count=5, stream=True)
    with pytest.raises(ValueError, match="too few different puzzles"):
        load_dataset(task).train.epoch(1, 0)


def test_the_smallest_boards_can_be_trained_on():
    dataset = load_dataset(TaskConfig(board_size=2, train_count=10, val_count=5))
    assert len(dataset.val) == 5 and len(held_out_boards(2, 22)) == 22
    with pytest.raises(ValueError, match=r"count 23: only 22 puzzles .* held out"):
        held_out_boards(2, 23)
