"""`hrm train`: run folders, going on with runs, own boards, fine-tuning, trackers."""

import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from commands import TINY, Command, as_text, command_line, refused, save_model
from helpers import some_boards

from hrm import RunConfig
from hrm.config.load import load_config
from hrm.config.presets import preset_names
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.tasks import registry


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Command:
    return command_line(monkeypatch, capsys, tmp_path)


@pytest.fixture
def model(tmp_path) -> str:
    return save_model(tmp_path / "model")


def test_existing_runs_are_not_touched_and_new_ones_are_numbered(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    assert run("train", "debug", *TINY)[0] == 0
    assert (tmp_path / "runs/debug-2/metrics.jsonl").is_file()
    refused(run("train", "debug", *TINY, "--out", "runs/debug"), "already there", "--resume")


def test_resume_of_a_finished_run_changes_nothing(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    before = (tmp_path / "runs/debug/metrics.jsonl").read_text()
    assert run("train", "debug", "--resume")[0] == 0
    assert (tmp_path / "runs/debug/metrics.jsonl").read_text() == before


def test_the_command_that_begins_a_run_goes_on_with_it(run, tmp_path):
    words = ["train", "debug", *TINY, "--out", "run", "--resume"]
    assert run(*words)[0] == 0
    (metrics,) = (tmp_path / "run").glob("metrics.jsonl")
    before = metrics.read_text()
    assert run(*words)[0] == 0 and metrics.read_text() == before
    refused(run("train", "--out", "another", "--resume"), "another: no run here")


def test_without_settings_the_presets_and_tasks_are_listed(run, tmp_path):
    code, _, err = run("train")
    assert code == 2 and "which preset or task?" in err
    assert all(name in err for name in (*preset_names(), *registry.BUILT_IN, "FILE.py:Class"))
    assert not list(tmp_path.iterdir())


def test_resuming_with_other_settings_names_each_difference(run):
    assert run("train", "debug", *TINY)[0] == 0
    code, _, err = run(
        "train", "debug", *TINY, "train.lr=1e-4", "task.seed=3", "--resume", "--out", "runs/debug"
    )
    assert code == 2 and "--accept-changes" in err
    assert "train.lr: the run has 0.005, now it is 0.0001" in err
    assert "task.seed: the run has 0, now it is 3" in err


def test_a_run_goes_on_by_the_measure_that_chose_its_best_epoch(run):
    run("train", "debug", *TINY, "--out", "run")
    words = ["--resume", "--accept-changes", "--out", "run"]
    refused(run("train", *words, "train.best_by=board_acc"), "train.best_by", "val_loss")
    code, _, err = run("train", "--resume", "--out", "run", "train.best_by=board_acc")
    assert code == 2 and "accept-changes" not in err  # which would not help


def test_a_longer_run_by_accepted_changes(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    longer = [*TINY, "train.epoch_cnt=4"]
    assert run("train", "debug", *longer, "--resume")[0] == 2
    assert run("train", "debug", *longer, "--resume", "--accept-changes")[0] == 0
    assert len((tmp_path / "runs/debug/metrics.jsonl").read_text().splitlines()) == 4
    assert load_config(RunConfig(), ("runs/debug/config.yaml",)).train.epoch_cnt == 4


def test_a_run_killed_before_its_first_checkpoint_begins_again(run, tmp_path):
    assert run("train", "debug", *TINY, "--out", "whole")[0] == 0
    assert run("train", "debug", *TINY, "--out", "killed")[0] == 0
    shutil.rmtree(tmp_path / "killed/checkpoints")
    code, _, err = run("train", "--resume", "--out", "killed")
    assert code == 2 and "no good checkpoint" in err  # there was work, so this is no fresh start
    (tmp_path / "killed/metrics.jsonl").unlink()
    assert run("train", "--resume", "--out", "killed")[0] == 0
    weights = "checkpoints/best/model.safetensors"
    assert (tmp_path / "killed" / weights).read_bytes() == (
        tmp_path / "whole" / weights
    ).read_bytes()


def test_overrides_on_resume_change_the_run_and_nothing_else(run):
    assert run("train", "debug", *TINY, "train.lr=1e-5", "--out", "run")[0] == 0
    before = load_config(RunConfig(), ("run/config.yaml",))
    code, _, err = run("train", "--resume", "--out", "run", "train.epoch_cnt=3")
    assert code == 2 and err.count("\n") == 2
    assert "train.epoch_cnt: the run has 2, now it is 3" in err
    words = ["train", "--resume", "--accept-changes", "--out", "run", "train.epoch_cnt=3"]
    assert run(*words)[0] == 0
    after = load_config(RunConfig(), ("run/config.yaml",))
    assert after == before.derive(train__epoch_cnt=3)


def test_a_run_from_a_config_file_is_resumed_by_it(run, tmp_path):
    (tmp_path / "mine.yaml").write_text("task: {board_size: 4, train_count: 32, val_count: 8}\n")
    words = ["--config", "mine.yaml", "model.d_model=8", "train.epoch_cnt=1", "train.threads=1"]
    assert run("train", *words)[0] == 0
    assert (tmp_path / "runs/mine/metrics.jsonl").is_file()
    assert run("train", "--config", "mine.yaml", "--resume")[0] == 0


def test_an_edited_config_is_noticed(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    file = tmp_path / "runs/debug/config.yaml"
    file.write_text(file.read_text().replace("lr: 0.005", "lr: 0.003"))
    code, _, err = run("train", "debug", "--resume")
    assert code == 2 and "train.lr: the run has 0.005, now it is 0.003" in err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_saves_and_the_run_goes_on(number, code, run, tmp_path):
    settings = [*TINY, "train.epoch_cnt=9999", "task.train_count=64", "train.batch_size=16"]
    command = [sys.executable, "-m", "hrm", "train", "debug", *settings, "--out", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if re.match(r"\s+1\s", line):  # the first epoch's line
            process.send_signal(number)
            break
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "go on with: hrm train --resume --out run" in err
    stopped = len((tmp_path / "run/metrics.jsonl").read_text().splitlines())
    assert 1 <= stopped < 9999
    last = ["--accept-changes", f"train.epoch_cnt={stopped + 2}"]
    assert run("train", "--resume", "--out", "run", *last)[0] == 0
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == stopped + 2


def test_own_boards_and_fine_tuning(run, tmp_path):
    boards = some_boards(4, 30, seed=9)
    (tmp_path / "mine.txt").write_text(as_text(boards[:20]))
    (tmp_path / "val.txt").write_text(as_text(boards[20:]))
    code, _, err = run(
        "train", "debug", "train.epoch_cnt=1", "--train-boards", "mine.txt", "--val-boards",
        "val.txt", "--out", "own",
    )  # fmt: skip
    assert code == 0, err
    config = load_config(RunConfig(), ("own/config.yaml",))
    assert (config.task.shape, config.task.train_count, config.task.val_count) == ((4, 4), 20, 10)

    code, _, err = run(
        "train", "debug", "train.epoch_cnt=1", "train.lr=1e-9", "--train-boards", "mine.txt",
        "--init-from", "own", "--out", "tuned",
    )  # fmt: skip
    assert code == 0, err
    one, two = (HRM.from_pretrained(name).state_dict() for name in ("own", "tuned"))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], atol=1e-6, rtol=1e-5)


def test_a_model_without_a_tie_to_its_size_is_fine_tuned_on_another(run, tmp_path):
    tiny = [*TINY, "train.epoch_cnt=1"]
    assert run("train", "debug", *tiny, "task.board_sizes=[3,4]", "--out", "small")[0] == 0
    more = ["task.board_size=5", "train.lr=1e-9", "task.train_count=20", "train.epoch_cnt=1"]
    code, _, err = run("train", "debug", "--init-from", "small", *more, "--out", "large")
    assert code == 0, err
    small, large = (HRM.from_pretrained(name) for name in ("small", "large"))
    assert (small.grid.shape, large.grid.shape) == ((4, 4), (5, 5))
    torch.testing.assert_close(large.head.weight, small.head.weight, atol=1e-6, rtol=1e-5)


def test_own_boards_are_found_again_from_any_folder(run, tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text(as_text(some_boards(4, 40)))
    assert run("train", "debug", *TINY, "task.train_boards=mine.txt", "--out", "run")[0] == 0
    monkeypatch.chdir("/")
    assert run("train", "--resume", "--out", str(tmp_path / "run"))[0] == 0


def test_fine_tuning_needs_boards_and_settings_that_fit(run, model, tmp_path):
    (tmp_path / "five.txt").write_text(as_text(some_boards(5, 20, seed=9)))
    refused(run("train", "debug", "--init-from", model, "--train-boards", "five.txt"), "5×5", "4")
    words = ["train", "debug", "--init-from", model, "task.board_size=5"]
    refused(run(*words), "boards are 5×5", "4×4", "rope_2d")
    refused(run("train", "--init-from", model, "model.d_model=16"), "model.d_model")


def test_a_folder_that_cannot_be_written(run, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(run("train", "debug", *TINY, "--out", "locked/run"), "locked", "Permission denied")


def test_tensorboard_mirrors_the_metrics(run, tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            written.append(folder)

        def add_scalar(self, key, value, step):
            written.append((key, step))

        def flush(self):
            pass

        def close(self):
            pass

    module = type(sys)("torch.utils.tensorboard.writer")
    module.SummaryWriter = Writer  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", module)
    assert run("train", "debug", *TINY, "--track", "tensorboard")[0] == 0
    assert written[0].endswith("tensorboard")
    assert ("board_acc", 1) in written and ("train_loss", 2) in written


def test_a_tracker_that_is_not_installed(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    refused(run("train", "debug", *TINY, "--track", "wandb"), "wandb", "[track]")
    assert not runs.is_taken(tmp_path / "runs/debug")


def test_a_resumed_run_goes_on_with_the_same_run_of_the_tracker(run, tmp_path, monkeypatch):
    begun, logged = [], []
    tracked = SimpleNamespace(log=lambda row, step: logged.append(step), finish=lambda: None)

    def init(**arguments):
        begun.append((arguments["id"], arguments["resume"]))
        return tracked

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Error=OSError, init=init))
    assert run("train", "debug", *TINY, "--track", "wandb", "--out", "run")[0] == 0
    more = "train.epoch_cnt=3", "--accept-changes", "--track", "wandb"
    assert run("train", "--resume", "--out", "run", *more)[0] == 0
    assert begun[0] == begun[1] and begun[0][0] and begun[0][1] == "allow"
    assert logged == [1, 2, 3]
    assert run("train", "debug", *TINY, "--track", "wandb", "--out", "other")[0] == 0
    assert begun[2][0] != begun[0][0]


def test_a_tracker_that_refuses(run, tmp_path, monkeypatch):
    class Error(Exception):
        pass

    def init(**_):
        raise Error("No API key configured. Use `wandb login` to log in.\nMore words.")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Error=Error, init=init))
    refused(run("train", "debug", *TINY, "--track", "wandb"), "--track wandb: No API key")
    assert not runs.is_taken(tmp_path / "runs/debug")
