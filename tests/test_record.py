"""The measurement of finished runs by the protocol of the records."""

import json
import shutil

import numpy as np
import pytest
from helpers import held_out_boards
from runs_to_measure import TINY
from views import eight_views

from benchmarks.protocol import kind, require_one_recipe
from benchmarks.record import measure, row
from hrm import HRM, RunConfig, evaluate
from hrm.config.presets import preset
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.tasks.boardpath.boards import label
from hrm.tasks.boardpath.views import END_TRIES, with_ends_moved
from hrm.tasks.examples import Examples
from hrm.tasks.settings import TaskSettings
from hrm.training.metrics import METRICS, read_metrics

RECORD = RunConfig().derive(task__board_size=20, task__train_count=2000)
SUDOKU = preset("record-sudoku")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny-0"
    launch.start(folder, TINY)
    return folder


def test_a_run_is_measured_on_held_out_boards(finished):
    found = measure(finished, 40)
    boards = held_out_boards(4, 40)
    expected = evaluate(HRM.from_pretrained(finished), boards, [2, 8])
    assert (found.board_acc, found.solved) == (expected[2].board_acc, expected[2].solved)
    assert (found.acc4x, found.solved4x) == (expected[8].board_acc, expected[8].solved)
    assert found.test_sha256 == content_hash(boards.inputs)
    assert found.minutes == sum(r["seconds"] for r in read_metrics(finished)) / 60 > 0
    assert (found.seen_boards, found.leaked, found.epochs) == (32, 0, 2)
    seen = {b.tobytes() for b in all_seen(finished)}
    turned = [any(v.tobytes() in seen for v in eight_views(board)) for board in boards.inputs]
    assert found.leaked_up_to_symmetry == sum(turned)


def seen_by(run):
    dataset = load_dataset(runs.read_config(run).task)
    return dataset.train.epoch(1, 0), dataset.val


def all_seen(run):
    return np.concatenate([examples.inputs for examples in seen_by(run)])


def test_the_boards_of_a_stream_are_seen_too(tmp_path):
    launch.start(tmp_path / "stream", TINY.derive(task__stream=True))
    assert measure(tmp_path / "stream", 10).seen_boards == 2 * 24 + 8


def test_a_leak_refuses_the_measurement(finished, monkeypatch):
    monkeypatch.setattr("benchmarks.record.held_out", lambda *_: seen_by(finished)[1])
    with pytest.raises(ValueError, match="8 test boards are among those that it has seen"):
        measure(finished)


def test_walls_that_a_run_has_seen_with_other_ends_are_a_leak(finished, tmp_path, monkeypatch):
    launch.start(tmp_path / "moved", TINY.derive(task__move_ends=1))
    boards = seen_by(finished)[1].inputs
    views = with_ends_moved(boards, np.arange(len(boards) * END_TRIES * 2, dtype=np.uint64))
    new = np.stack([v for v in views if not any((v == b).all() for b in all_seen(finished))])
    monkeypatch.setattr("benchmarks.record.held_out", lambda *_: Examples(new, label(new)))
    assert measure(finished).test_boards == len(new) > 0
    with pytest.raises(ValueError, match="a test board has the walls of one that it has seen"):
        measure(tmp_path / "moved")


def test_what_is_no_finished_run_is_refused(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    data = tmp_path / "run" / runs.DATA
    content = json.loads(data.read_text())
    content["hashes"]["train"] = "0"
    data.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not those that its config names"):
        measure(tmp_path / "run")
    metrics = tmp_path / "run" / METRICS
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    with pytest.raises(ValueError, match=r"1 of 2 epochs are done; .*--resume"):
        measure(tmp_path / "run")


def test_a_run_of_another_task_is_refused(finished, monkeypatch):
    class Other(TaskSettings):
        name: str = "other"
        size: int = 4

    config = TINY.model_copy(update={"task": Other()})
    monkeypatch.setattr("benchmarks.record.runs.read_config", lambda _: config)
    with pytest.raises(
        ValueError, match=r"tiny-0: is a run of task other; name runs of boardpath or sudoku"
    ):
        measure(finished)


def test_sudokus_are_also_thought_about_until_they_are_solved(tmp_path):
    small = {"task__size": 4, "task__min_guesses": 0, "task__train_count": 20, "task__val_count": 4}
    shorter = {"model__d_model": 8, "model__H_cycle_cnt": 1, "train__epoch_cnt": 1}
    launch.start(tmp_path / "four", SUDOKU.derive(**small, **shorter, train__threads=1))
    (tmp_path / "list.txt").write_text("1...\n..2.\n.3..\n...4\n\n...1\n..4.\n.2..\n.1.4\n")
    found = measure(tmp_path / "four", test_file=tmp_path / "list.txt")
    assert found.test_boards == 2 and found.seen_boards == 24
    assert found.until_solved["guessing"]["solved"] == 1.0
    assert found.until_solved["alone"]["solved"] <= 1.0
    assert row([found]).count(" to 1.000)") >= 1
    assert "task.size 4, not 9; task.min_guesses 0, not 20" in found.kind


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1,000 puzzles"),
        (
            {"task__train_count": 10_000, "task__reveal": 9},
            "10,000 puzzles, up to 9 cells revealed",
        ),
        ({"task__train_boards": "/a/list.csv"}, "1,000 puzzles, of list.csv"),
        ({"task__val_count": 99}, "outside the protocol: task.val_count 99, not 200"),
        ({"task__train_count": 5}, "outside the protocol: task.train_count 5, not 1000 or 10000"),
    ],
)
def test_the_class_of_a_sudoku_run(changes, words):
    assert kind(SUDOKU.derive(**changes), 10**9) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "plain"),
        ({"task__augment": True}, "augmented"),
        ({"task__move_ends": 1, "task__augment": True}, "ends moved"),
        ({"task__train_count": 4000}, "outside the protocol: task.train_count 4000, not 2000"),
        ({"task__stream": True}, "outside the protocol: task.stream True, not False"),
        ({"train__init_from": "x"}, "outside the protocol: train.init_from x"),
        ({"train__seed": 3}, "outside the protocol: train.seed 3, not task.seed 0"),
    ],
)
def test_the_class_of_a_run(changes, words):
    assert kind(RECORD.derive(**changes), 6_300_000) == words
    assert "6,300,001 parameters" in kind(RECORD, 6_300_001)


def test_a_row_is_the_mean_over_seeds(finished):
    one = measure(finished, 40)
    assert f"{one.board_acc:.3f} (" in row([one])
    other = type(one)(**{**one.__dict__, "seed": 1, "board_acc": one.board_acc + 0.5})
    mean = one.board_acc + 0.25
    assert f"{mean:.4f} ({one.board_acc:.3f} to {other.board_acc:.3f})" in row([one, other])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task__seed": 1, "train__seed": 1, "train__threads": 2}, None),
        ({}, r"same task\.seed"),
        ({"task__seed": 1, "train__lr": 1e-3}, r"train\.lr is 0\.001 there and 0\.005 here"),
        ({"task__seed": 1, "task__augment": True}, r"task\.augment"),
    ],
)
def test_a_row_is_one_recipe(finished, tmp_path, changes, message):
    (tmp_path / runs.CONFIG).write_text(runs.read_config(finished).derive(**changes).to_yaml())
    if message is None:
        require_one_recipe([finished, tmp_path])
        return
    with pytest.raises(ValueError, match=message):
        require_one_recipe([finished, tmp_path])
