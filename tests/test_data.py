import hashlib

import numpy as np
import pytest
from views import eight_views

from hrm.config.presets import PRESETS
from hrm.config.schema import HELD_OUT_SEED, TaskConfig
from hrm.data import dataset as data_module
from hrm.data.dataset import (
    HELD_OUT_CNT,
    TrainingSet,
    check_leak,
    content_hash,
    fit_to_own_boards,
    generate,
    held_out,
    load_dataset,
    own_board_size,
    require_paths,
    stack_boards,
)
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.tasks.boardpath.boards import END, FLOOR, START, UNREACHABLE, WALL, label, shortest_lengths
from hrm.tasks.boardpath.text import format_boards
from hrm.tasks.boardpath.views import symmetries

SMALL = TaskConfig(board_size=4, train_count=60, val_count=20, seed=3)
TINY_STREAM = TaskConfig(board_size=3, train_count=700, val_count=100, stream=True)


def keys_of(boards):
    return [board.tobytes() for board in boards]


def write(path, boards):
    path.write_text(format_boards(boards))
    return str(path)


def own(tmp_path, train, val=None, **changes):
    files = {"train_boards": write(tmp_path / "train.txt", train)}
    if val is not None:
        files["val_boards"] = write(tmp_path / "val.txt", val)
    return TaskConfig(**{"board_size": train.shape[1], **files, **changes})


@pytest.fixture(scope="module")
def tiny_stream():
    return load_dataset(TINY_STREAM)


def test_generated_boards_are_different_and_solvable():
    boards = generate(3, 0.3, 1500, 0)
    assert boards.shape == (1500, 3, 3)
    assert boards.dtype == np.uint8
    assert len(set(keys_of(boards))) == 1500
    assert (shortest_lengths(boards) != UNREACHABLE).all()


def test_generated_boards_are_the_drawn_ones_without_repeats():
    drawn = []
    for batch in data_module.random_boards(2, 0.3, (7, 1, 0)):
        drawn += [board.tobytes() for board in batch]
        if len(set(drawn)) >= 30:
            break
    assert keys_of(generate(2, 0.3, 30, 7)) == list(dict.fromkeys(drawn))[:30]


def test_asking_for_more_boards_keeps_the_first_ones():
    np.testing.assert_array_equal(generate(5, 0.3, 80, 1)[:30], generate(5, 0.3, 30, 1))
    assert set(keys_of(generate(5, 0.3, 80, 1))) != set(keys_of(generate(5, 0.3, 80, 2)))


def test_every_2x2_board_can_be_had_and_no_more():
    # 12 places for S and E; of the four ways to fill the other two cells, all leave a path
    # where S touches E (8 places), and three where it does not (4 places).
    assert len(generate(2, 0.3, 8 * 4 + 4 * 3, 0)) == 44
    with pytest.raises(ValueError, match=r"too few different boards \(44 found\)"):
        generate(2, 0.3, 45, 0)


def test_held_out_boards_are_those_of_their_seed():
    np.testing.assert_array_equal(held_out(6, 0.3, 10), generate(6, 0.3, 10, HELD_OUT_SEED))
    with pytest.raises(ValueError, match=f"count {HELD_OUT_CNT + 1}"):
        held_out(6, 0.3, HELD_OUT_CNT + 1)


def test_content_hash_tells_order_size_and_codes_apart():
    boards = generate(4, 0.3, 9, 0)
    expected = hashlib.sha256(b"4x4:" + bytes(int(code) for code in boards.flat)).hexdigest()
    assert content_hash(boards) == expected
    changed = boards.copy()
    changed[-1].flat[np.flatnonzero(changed[-1] <= WALL)[0]] ^= 1
    others = [boards[::-1], boards[:-1], changed, boards.reshape(-1, 2, 2), boards.mT]
    assert len({expected, *map(content_hash, others)}) == 6
    assert content_hash(np.asfortranarray(boards)) == expected
    assert content_hash(np.repeat(boards, 2, axis=0)[::2]) == expected


def not_held_out(task: TaskConfig, count: int):
    """The first `count` of a task's boards that are not held out, however many that passes over."""
    kept_back = set(keys_of(held_out(task.board_size, task.wall_prob, HELD_OUT_CNT)))
    boards = generate(task.board_size, task.wall_prob, 4 * count, task.seed)
    return np.stack([b for b in boards if b.tobytes() not in kept_back][:count])


def test_training_boards_are_the_first_part_and_disjoint_from_validation():
    dataset = load_dataset(SMALL)
    boards = not_held_out(SMALL, 80)
    assert (boards != generate(4, SMALL.wall_prob, 80, 3)).any()  # so small that some are held out
    assert dataset.train.fixed is not None
    np.testing.assert_array_equal(dataset.train.fixed, boards[:60])
    np.testing.assert_array_equal(dataset.val, boards[60:])
    assert not set(keys_of(dataset.train.fixed)) & set(keys_of(dataset.val))
    assert dataset.hashes == {"val": content_hash(boards[60:]), "train": content_hash(boards[:60])}


def test_large_boards_are_simply_those_of_the_seed():
    dataset = load_dataset(TaskConfig(board_size=8, train_count=60, val_count=20, seed=3))
    boards = generate(8, 0.3, 80, 3)
    np.testing.assert_array_equal(dataset.train.fixed, boards[:60])
    np.testing.assert_array_equal(dataset.val, boards[60:])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("views", [{"augment": True}, {"move_ends": 1}])
def test_augmentation_never_makes_a_validation_or_held_out_board(views, stream):
    task = TaskConfig(
        board_size=3, train_count=200, val_count=300, wall_prob=0.4, stream=stream
    ).model_copy(update=views)
    dataset = load_dataset(task)
    kept_back = set(keys_of(held_out(3, 0.4, HELD_OUT_CNT))) | set(keys_of(dataset.val))
    plain = [view.tobytes() for board in dataset.val for view in symmetries(board)]
    for epoch in (1, 2, 3):
        inputs, _ = dataset.train.epoch(epoch, 0)
        assert not kept_back & set(keys_of(inputs))
        assert set(plain) & set(
            keys_of(inputs)
        )  # without the rule, some would be validation boards


@pytest.mark.parametrize("stream", [False, True])
def test_mixed_sizes_come_in_batches_of_one_size_in_a_random_order(stream):
    task = TaskConfig(
        board_size=6, board_sizes=[5, 6, 7], train_count=100, val_count=10, stream=stream
    )
    dataset = load_dataset(task)
    assert {len(val[0]): len(val) for val in dataset.val_sets} == {5: 4, 6: 3, 7: 3}
    orders = {}
    for seed, epoch in ((0, 1), (0, 2), (1, 1)):
        batches = dataset.batches(epoch, seed, 10)
        assert len(batches) == dataset.batch_cnt(10) == 12
        counts = {5: 0, 6: 0, 7: 0}
        for inputs, labels in batches:
            np.testing.assert_array_equal(labels, label(inputs))
            assert inputs.shape[1] == inputs.shape[2] and len(inputs) <= 10
            counts[inputs.shape[1]] += len(inputs)
        assert counts == {5: 34, 6: 33, 7: 33}
        for (one, _), (other, _) in zip(batches, dataset.batches(epoch, seed, 10), strict=True):
            np.testing.assert_array_equal(one, other)
        orders[seed, epoch] = tuple(inputs.shape[1] for inputs, _ in batches)
    assert len(set(orders.values())) == 3
    assert all(list(order) != sorted(order) for order in orders.values())


def test_a_size_among_others_has_the_boards_that_it_has_alone():
    mixed = TaskConfig(board_size=4, board_sizes=[6, 4], train_count=80, val_count=41, seed=3)
    dataset = load_dataset(mixed)
    alone = load_dataset(SMALL.model_copy(update={"train_count": 40, "val_count": 20}))
    np.testing.assert_array_equal(dataset.train.fixed, alone.train.fixed)
    np.testing.assert_array_equal(dataset.val, alone.val)
    six = load_dataset(TaskConfig(board_size=6, train_count=40, val_count=21, seed=3))
    assert dataset.hashes == {
        **alone.hashes, **{f"{name}_6x6": digest for name, digest in six.hashes.items()}
    }  # fmt: skip
    # Without other sizes, batches are the epoch cut into pieces.
    inputs, labels = alone.train.epoch(2, 5)
    batches = alone.batches(2, 5, 16)
    assert [len(batch) for batch, _ in batches] == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate([b for b, _ in batches]), inputs)
    np.testing.assert_array_equal(np.concatenate([b for _, b in batches]), labels)


def test_too_few_different_boards_are_refused():
    with pytest.raises(ValueError, match="too few different boards"):
        load_dataset(TaskConfig(board_size=2, train_count=40, val_count=5))


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide():
    train = load_dataset(SMALL).train
    assert train.fixed is not None
    orders = {}
    for seed in (0, 1):
        for epoch in (1, 2, 3):
            boards, labels = train.epoch(epoch, seed)
            np.testing.assert_array_equal(labels, label(boards))
            assert sorted(keys_of(boards)) == sorted(keys_of(train.fixed))
            orders[seed, epoch] = tuple(keys_of(boards))
            assert tuple(keys_of(train.epoch(epoch, seed)[0])) == orders[seed, epoch]
    assert len({*orders.values(), tuple(keys_of(train.fixed))}) == 7


def test_epochs_leave_the_set_as_it_was():
    train = load_dataset(SMALL.model_copy(update={"augment": True})).train
    assert train.fixed is not None
    before = train.fixed.copy()
    boards, labels = train.epoch(1, 0)
    boards[:], labels[:] = 0, 0
    np.testing.assert_array_equal(train.fixed, before)


def test_every_board_comes_to_every_place_of_the_order():
    """A shuffle that leaves some boards near where they were would show here."""
    train = TrainingSet(SMALL, generate(4, 0.3, 5, 0))
    assert train.fixed is not None
    index = {key: i for i, key in enumerate(keys_of(train.fixed))}
    orders = [[index[k] for k in keys_of(train.epoch(e, 0)[0])] for e in range(1, 401)]
    counts = np.stack([np.bincount(column) for column in np.transpose(orders)])
    assert counts.shape == (5, 5)
    assert (np.abs(counts - 80) < 45).all()


def test_stream_never_yields_validation_or_held_out_boards(tiny_stream):
    held = keys_of(held_out(3, TINY_STREAM.wall_prob, HELD_OUT_CNT))
    forbidden = {*keys_of(tiny_stream.val), *held}
    free = TrainingSet(TINY_STREAM, None)
    for epoch in (1, 2, 3):
        boards, labels = tiny_stream.train.epoch(epoch, 0)
        assert boards.shape == labels.shape == (700, 3, 3)
        assert not forbidden & set(keys_of(boards))
        np.testing.assert_array_equal(labels, label(boards))
        # With nothing forbidden the very same stream does hold some.
        unguarded = keys_of(free.epoch(epoch, 0)[0])
        assert forbidden & set(unguarded)
        kept = [key for key in unguarded if key not in forbidden]
        assert keys_of(boards)[: len(kept)] == kept


def test_stream_holds_no_repeats_within_an_epoch_and_is_another_each_epoch(tiny_stream):
    first, second = (tiny_stream.train.epoch(epoch, 0)[0] for epoch in (1, 2))
    assert len(set(keys_of(first))) == len(first)
    assert keys_of(first) != keys_of(second)
    assert len(set(keys_of(second)) - set(keys_of(first))) > 50
    # Boards in common show that the stream does not shrink from epoch to epoch.
    assert set(keys_of(first)) & set(keys_of(second))


def test_stream_is_reproducible_and_depends_on_the_task_seed_only(tiny_stream):
    expected = tiny_stream.train.epoch(2, 0)[0]
    again = load_dataset(TINY_STREAM).train
    np.testing.assert_array_equal(again.epoch(2, 0)[0], expected)
    np.testing.assert_array_equal(again.epoch(2, 99)[0], expected)
    seeds = [TrainingSet(TINY_STREAM.model_copy(update={"seed": seed}), None) for seed in (0, 1)]
    first, second = (set(keys_of(train.epoch(2, 0)[0])) for train in seeds)
    assert len(second - first) > 50


def test_stream_has_no_training_hash_and_shares_no_numbers_with_the_fixed_set(tiny_stream):
    assert tiny_stream.hashes == {"val": content_hash(tiny_stream.val)}
    np.testing.assert_array_equal(tiny_stream.val, not_held_out(TINY_STREAM, 100))
    streamed = TrainingSet(SMALL, None).epoch(1, 0)[0]
    assert len(set(keys_of(streamed)) & set(keys_of(generate(4, 0.3, 60, 3)))) < 5


def test_stream_without_any_board_left_is_refused():
    task = TaskConfig(board_size=2, train_count=40, val_count=5, stream=True)
    with pytest.raises(ValueError, match="too few different boards"):
        load_dataset(task).train.epoch(1, 0)


def test_the_smallest_boards_can_be_trained_on():
    dataset = load_dataset(TaskConfig(board_size=2, train_count=10, val_count=5))
    assert len(dataset.val) == 5 and len(held_out(2, 0.3, 22)) == 22
    with pytest.raises(ValueError, match="only 22 boards of this size are held out"):
        held_out(2, 0.3, 23)


def test_augmented_boards_are_symmetric_views_with_labels_of_their_own():
    fixed = generate(4, 0.3, 200, 0)
    plain = TrainingSet(SMALL, fixed)
    augmented = TrainingSet(SMALL.model_copy(update={"augment": True}), fixed)
    originals, _ = plain.epoch(1, 0)
    boards, labels = augmented.epoch(1, 0)
    chosen = np.zeros(8, dtype=int)
    for original, board in zip(originals, boards, strict=True):
        matches = [bool((view == board).all()) for view in eight_views(original)]
        assert any(matches)
        if sum(matches) == 1:
            chosen[matches.index(True)] += 1
    assert (chosen > 8).all()
    np.testing.assert_array_equal(labels, label(boards))
    assert boards.flags.c_contiguous


def test_augmentation_is_reproducible_and_drawn_anew_for_each_seed_and_epoch():
    fixed = generate(4, 0.3, 50, 0)
    plain = TrainingSet(SMALL, fixed)
    augmented = TrainingSet(SMALL.model_copy(update={"augment": True}), fixed)
    turns = set()
    for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2)):
        boards = augmented.epoch(epoch, seed)[0]
        np.testing.assert_array_equal(augmented.epoch(epoch, seed)[0], boards)
        originals = plain.epoch(epoch, seed)[0]
        views = [keys_of(eight_views(original)) for original in originals]
        turns.add(tuple(v.index(key) for v, key in zip(views, keys_of(boards), strict=True)))
    # The turns themselves, place by place, are others each time.
    assert len(turns) == 4


def test_ends_are_moved_anew_for_each_seed_and_epoch_and_then_turned():
    fixed = generate(5, 0.3, 50, 0)
    moving = TrainingSet(SMALL.model_copy(update={"move_ends": 1}), fixed)
    both = TrainingSet(SMALL.model_copy(update={"move_ends": 1, "augment": True}), fixed)
    seen = set()
    for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2)):
        boards, labels = moving.epoch(epoch, seed)
        np.testing.assert_array_equal(labels, label(boards))
        np.testing.assert_array_equal(moving.epoch(epoch, seed)[0], boards)
        assert sorted(keys_of(boards == WALL)) == sorted(keys_of(fixed == WALL))
        seen.add(tuple(sorted(keys_of(boards))))
        views, labels = both.epoch(epoch, seed)
        np.testing.assert_array_equal(labels, label(views))
        for board, view in zip(boards, views, strict=True):
            assert any((view == one).all() for one in eight_views(board))
    assert len(seen) == 4


def test_a_stream_can_be_augmented_too():
    plain = TrainingSet(SMALL, None).epoch(1, 0)[0]
    task = SMALL.model_copy(update={"augment": True})
    boards, labels = TrainingSet(task, None).epoch(1, 0)
    for original, board in zip(plain, boards, strict=True):
        assert any((view == board).all() for view in eight_views(original))
    assert keys_of(plain) != keys_of(boards)
    np.testing.assert_array_equal(labels, label(boards))


@pytest.mark.parametrize(("count", "val_count"), [(2, 1), (9, 1), (20, 2), (39, 3)])
def test_own_boards_without_a_validation_file_give_their_last_tenth(tmp_path, count, val_count):
    boards = generate(5, 0.3, count, 0)
    task = own(tmp_path, boards)
    dataset = load_dataset(task)
    assert dataset.train.fixed is not None
    np.testing.assert_array_equal(dataset.train.fixed, boards[: count - val_count])
    np.testing.assert_array_equal(dataset.val, boards[count - val_count :])
    fitted = fit_to_own_boards(task)
    assert (fitted.train_count, fitted.val_count) == (count - val_count, val_count)
    assert own_board_size(str(task.train_boards)) == 5


def test_a_run_counts_the_own_boards_that_it_is_given_and_knows_their_place(tmp_path, monkeypatch):
    own(tmp_path, generate(3, 0.3, 30, 0))
    monkeypatch.chdir(tmp_path)
    task = TaskConfig(board_size=3, train_boards="train.txt", train_count=4000)
    config = PRESETS["debug"][1].derive(train__epoch_cnt=1, train__batch_size=9, model__d_model=8)
    launch.start(tmp_path / "run", config.model_copy(update={"task": task}))
    found = runs.read_config(tmp_path / "run").task
    assert (found.train_count, found.train_boards) == (27, str(tmp_path / "train.txt"))
    [row] = runs.read_metrics(tmp_path / "run")
    assert row["updates"] == 3 * config.train.train_segment_cnt
    assert 1 < row["train_loss"] < 2  # the mean over 27 boards; untrained, about ln 5


def test_own_boards_with_a_validation_file_are_all_used(tmp_path):
    boards = generate(5, 0.3, 12, 0)
    task = own(tmp_path, boards[:5], boards[5:])
    dataset = load_dataset(task)
    assert dataset.train.fixed is not None
    np.testing.assert_array_equal(dataset.train.fixed, boards[:5])
    np.testing.assert_array_equal(dataset.val, boards[5:])
    assert fit_to_own_boards(task).val_count == 7
    assert dataset.train.epoch(1, 0)[0].shape == (5, 5, 5)


def test_repeats_among_own_boards_are_dropped(tmp_path):
    boards = generate(4, 0.3, 11, 0)
    repeated = np.concatenate([boards[:3], boards[:2], boards[3:], boards[-1:]])
    dataset = load_dataset(own(tmp_path, repeated))
    assert dataset.train.fixed is not None
    np.testing.assert_array_equal(dataset.train.fixed, boards[:10])
    np.testing.assert_array_equal(dataset.val, boards[10:])


def test_boards_in_both_own_files_are_refused_with_their_number(tmp_path):
    boards = generate(4, 0.3, 10, 0)
    with pytest.raises(ValueError, match=r"task\.val_boards: 2 of its boards .*train_boards"):
        load_dataset(own(tmp_path, boards[:6], boards[4:]))


def test_own_boards_of_another_size_are_refused(tmp_path):
    boards = generate(4, 0.3, 3, 0)
    with pytest.raises(ValueError, match=r"train_boards: .*4×4, but task\.board_size is 10"):
        load_dataset(own(tmp_path, boards, board_size=10))
    with pytest.raises(ValueError, match=r"val_boards: .*val\.txt are 5×5.* is 4"):
        load_dataset(own(tmp_path, boards, generate(5, 0.3, 3, 0)))


def test_own_boards_of_mixed_sizes_are_refused(tmp_path):
    mixed = [*generate(4, 0.3, 2, 0), *generate(5, 0.3, 1, 0)]
    file = write(tmp_path / "train.txt", mixed)
    with pytest.raises(ValueError, match=r"train\.txt: board 3 is 5×5, but board 1 is 4×4"):
        load_dataset(TaskConfig(board_size=4, train_boards=file))


def test_an_own_board_without_a_path_is_refused_by_number(tmp_path):
    boards = generate(4, 0.3, 5, 0)
    barren = np.full((4, 4), WALL, dtype=np.uint8)
    barren[0, 0], barren[3, 3] = START, END
    # A repeat before it must not shift the number that people will count to.
    boards = np.stack([boards[0], boards[0], boards[1], barren, boards[2]])
    with pytest.raises(ValueError, match=r"train\.txt: board 4 has no path"):
        load_dataset(own(tmp_path, boards))


@pytest.mark.parametrize("copies", [1, 3])
def test_a_single_own_board_is_refused(tmp_path, copies):
    board = np.repeat(generate(4, 0.3, 1, 0), copies, axis=0)
    with pytest.raises(ValueError, match="has one board"):
        load_dataset(own(tmp_path, board))


def test_missing_own_file_is_refused(tmp_path):
    task = TaskConfig(train_boards=str(tmp_path / "nothing.txt"))
    for use in (load_dataset, fit_to_own_boards):
        with pytest.raises(ValueError, match=r"nothing\.txt"):
            use(task)


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
    report = check_leak(first, second)
    assert report.counts == (5, 4)
    assert report.repeats == (2, 1)
    assert report.shared == 1
    assert report.shared_up_to_symmetry == 2
    back = check_leak(second, first)
    assert (back.counts, back.repeats, back.shared) == ((4, 5), (1, 2), 1)


def test_leak_numbers_are_those_of_a_plain_comparison():
    first, second = generate(3, 0.3, 150, 0), generate(3, 0.3, 200, 1)
    report = check_leak(first, second)
    known, views = (
        set(keys_of(first)),
        {key for board in first for key in keys_of(eight_views(board))},
    )
    assert report.shared == sum(key in known for key in keys_of(second)) > 0
    assert report.shared_up_to_symmetry == sum(key in views for key in keys_of(second))
    assert report.shared_up_to_symmetry > report.shared
    assert report.repeats == (0, 0)


def test_boards_of_different_sizes_share_nothing():
    report = check_leak(generate(4, 0.3, 5, 0), generate(5, 0.3, 6, 0))
    assert (report.counts, report.shared, report.shared_up_to_symmetry) == ((5, 6), 0, 0)


def test_stacking_and_path_checks_name_source_and_board():
    boards = list(generate(4, 0.3, 3, 0))
    np.testing.assert_array_equal(stack_boards(boards, "mine"), np.stack(boards))
    require_paths(np.stack(boards), "mine")
    with pytest.raises(ValueError, match=r"^mine: board 2 is 3×3"):
        stack_boards([boards[0], generate(3, 0.3, 1, 0)[0]], "mine")
