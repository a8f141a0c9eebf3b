"""Boards of one's own, in files: to train on, to validate on, and what is refused of them."""

import numpy as np
import pytest
from helpers import board_path, some_boards

from hrm import TaskConfig
from hrm.config.presets import preset
from hrm.data.load import file_shape, fit_to_own_puzzles, load_dataset
from hrm.data.sets import Dataset
from hrm.data.source import group_by_shape, read_examples, require_answers, stack_puzzles
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.tasks.boardpath.boards import FLOOR, label
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.grid import Puzzle
from hrm.training.metrics import read_metrics

BARREN = BoardPath().parse("S###\n####\n####\n###E")[0].input
"""A board without a path."""


def write(path, boards):
    path.write_text(BoardPath().format_all(boards))
    return str(path)


def fixed_boards(dataset: Dataset):
    """To train on; that they have their labels is checked on the way."""
    fixed = dataset.train.fixed
    assert fixed is not None
    np.testing.assert_array_equal(fixed.answers, label(fixed.inputs))
    return fixed.inputs


def own(tmp_path, train, val=None, **changes):
    files = {"train_boards": write(tmp_path / "train.txt", train)}
    if val is not None:
        files["val_boards"] = write(tmp_path / "val.txt", val)
    return TaskConfig(**{"board_size": train.shape[1], **files, **changes})


@pytest.mark.parametrize(("count", "val_count"), [(2, 1), (9, 1), (20, 2), (39, 3)])
def test_own_boards_without_a_validation_file_give_their_last_tenth(tmp_path, count, val_count):
    boards = some_boards(5, count)
    task = own(tmp_path, boards)
    dataset = load_dataset(task)
    np.testing.assert_array_equal(fixed_boards(dataset), boards[: count - val_count])
    np.testing.assert_array_equal(dataset.val.inputs, boards[count - val_count :])
    fitted = fit_to_own_puzzles(task)
    assert (fitted.train_count, fitted.val_count) == (count - val_count, val_count)
    assert file_shape(BoardPath(), str(task.train_boards)) == (5, 5)


def test_a_run_counts_the_own_boards_that_it_is_given_and_knows_their_place(tmp_path, monkeypatch):
    own(tmp_path, some_boards(3, 30))
    monkeypatch.chdir(tmp_path)
    task = TaskConfig(board_size=3, train_boards="train.txt", train_count=4000)
    config = preset("debug").derive(train__epoch_cnt=1, train__batch_size=9, model__d_model=8)
    launch.start(tmp_path / "run", config.model_copy(update={"task": task}))
    found = runs.read_config(tmp_path / "run").task
    assert (found.train_count, found.train_boards) == (27, str(tmp_path / "train.txt"))
    [row] = read_metrics(tmp_path / "run")
    assert row["updates"] == 3 * config.train.train_segment_cnt
    assert 1 < row["train_loss"] < 2  # the mean over 27 boards; untrained, about ln 5


def test_own_boards_with_a_validation_file_are_all_used(tmp_path):
    boards = some_boards(5, 12)
    task = own(tmp_path, boards[:5], boards[5:])
    dataset = load_dataset(task)
    np.testing.assert_array_equal(fixed_boards(dataset), boards[:5])
    np.testing.assert_array_equal(dataset.val.inputs, boards[5:])
    assert fit_to_own_puzzles(task).val_count == 7
    assert dataset.train.epoch(1, 0).inputs.shape == (5, 5, 5)


def test_repeats_among_own_boards_are_dropped(tmp_path):
    boards = some_boards(4, 11)
    repeated = np.concatenate([boards[:3], boards[:2], boards[3:], boards[-1:]])
    dataset = load_dataset(own(tmp_path, repeated))
    np.testing.assert_array_equal(fixed_boards(dataset), boards[:10])
    np.testing.assert_array_equal(dataset.val.inputs, boards[10:])


def test_boards_in_both_own_files_are_refused_with_their_number(tmp_path):
    boards = some_boards(4, 10)
    with pytest.raises(ValueError, match=r"task\.val_boards: 2 of .*train_boards; take them"):
        load_dataset(own(tmp_path, boards[:6], boards[4:]))


def test_own_boards_of_another_size_are_refused(tmp_path):
    boards = some_boards(4, 3)
    with pytest.raises(ValueError, match=r"train_boards: .*4×4, but task\.board_size says 10×10"):
        load_dataset(own(tmp_path, boards, board_size=10))
    with pytest.raises(ValueError, match=r"val_boards: .*val\.txt are 5×5.* says 4×4"):
        load_dataset(own(tmp_path, boards, some_boards(5, 3)))


def test_own_boards_of_mixed_sizes_are_refused(tmp_path):
    mixed = [*some_boards(4, 2), *some_boards(5, 1)]
    file = write(tmp_path / "train.txt", mixed)
    with pytest.raises(ValueError, match=r"train\.txt: puzzle 3 is 5×5, but puzzle 1 is 4×4;"):
        load_dataset(TaskConfig(board_size=4, train_boards=file))


def test_an_own_board_without_a_path_is_refused_by_number(tmp_path):
    boards = some_boards(4, 5)
    # A repeat before it must not shift the number that people will count to.
    boards = np.stack([boards[0], boards[0], boards[1], BARREN, boards[2]])
    with pytest.raises(ValueError, match=r"train\.txt: puzzle 4: .* has no path; take it out"):
        load_dataset(own(tmp_path, boards))


@pytest.mark.parametrize("copies", [1, 3])
def test_a_single_own_board_is_refused(tmp_path, copies):
    board = np.repeat(some_boards(4, 1), copies, axis=0)
    with pytest.raises(ValueError, match=r"has one puzzle, .*; give more"):
        load_dataset(own(tmp_path, board))


def test_missing_own_file_is_refused(tmp_path):
    task = TaskConfig(train_boards=str(tmp_path / "nothing.txt"))
    for use in (load_dataset, fit_to_own_puzzles):
        with pytest.raises(ValueError, match=r"nothing\.txt"):
            use(task)


@pytest.mark.parametrize("found", ["none", "some", "all"])
def test_answers_that_come_with_puzzles_are_used_and_the_others_are_found(found):
    """Board files have no answers; those of other puzzles may, and such an answer is the label."""
    boards = some_boards(4, 6)
    own_words = np.full_like(boards, FLOOR)
    given = {"none": [], "some": [1, 4], "all": range(6)}[found]
    puzzles = [Puzzle(b, own_words[i] if i in given else None) for i, b in enumerate(boards)]
    repeated = [*puzzles, Puzzle(boards[0], boards[0])]  # what stands first counts
    expected = [own_words[i] if i in given else label(boards)[i] for i in range(6)]

    class OfAFile(BoardPath):
        def read(self, file):
            return repeated

    for examples in (
        read_examples(OfAFile(), "mine"),
        group_by_shape(BoardPath(), puzzles, "mine")[4, 4],
    ):
        np.testing.assert_array_equal(examples.inputs, boards)
        np.testing.assert_array_equal(examples.answers, expected)


def test_puzzles_are_grouped_by_size_and_keep_their_numbers():
    boards = [some_boards(5, 1)[0], *some_boards(4, 2), some_boards(5, 2)[1]]
    groups = group_by_shape(BoardPath(), [Puzzle(board) for board in boards], "mine")
    assert list(groups) == [(4, 4), (5, 5)]
    np.testing.assert_array_equal(groups[4, 4].inputs, boards[1:3])
    np.testing.assert_array_equal(groups[5, 5].inputs, [boards[0], boards[3]])
    np.testing.assert_array_equal(groups[5, 5].answers, label(groups[5, 5].inputs))
    with pytest.raises(ValueError, match=r"^mine: puzzle 4: .*take it out"):
        group_by_shape(BoardPath(), [Puzzle(board) for board in (*boards[:3], BARREN)], "mine")


def test_stacking_and_missing_answers_name_source_and_puzzle():
    boards = list(some_boards(4, 3))
    puzzles = [Puzzle(board) for board in boards]
    np.testing.assert_array_equal(stack_puzzles(BoardPath(), puzzles, "mine"), np.stack(boards))
    np.testing.assert_array_equal(
        require_answers(board_path(4), np.stack(boards), "mine"), label(np.stack(boards))
    )
    with pytest.raises(ValueError, match=r"^mine: puzzle 2 is 3×3"):
        stack_puzzles(BoardPath(), [puzzles[0], Puzzle(some_boards(3, 1)[0])], "mine")
    with pytest.raises(ValueError, match=r"^mine: puzzle 3: .*no path; take it out"):
        require_answers(board_path(4), np.stack([*boards[:2], BARREN]), "mine")
