"""Run folders: what stands in one, who may write to it, metrics, and whether a run is the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hrm import RunConfig
from hrm.config.nested import ConfigError
from hrm.data.load import load_dataset
from hrm.runs import folder as runs
from hrm.training import metrics
from hrm.training.identity import require_same

CONFIG = RunConfig().derive(task__board_size=4, task__train_count=20, task__val_count=5)

HOLD = """
import sys
from pathlib import Path
from hrm.runs.folder import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path / "run"`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def make_run(name):
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    (folder / runs.CONFIG).write_text("task: {}\n")
    return folder


def test_a_folder_is_free_until_something_of_worth_is_in_it(tmp_path):
    folder = tmp_path / "run"
    assert not runs.is_taken(folder)
    folder.mkdir()
    assert not runs.is_taken(folder)
    for name in (runs.VERSIONS, runs.DATA, runs.LOCK, f".{runs.CONFIG}.new"):
        (folder / name).write_text("")
        assert not runs.is_taken(folder)
    (folder / runs.CONFIG).write_text("")
    assert runs.is_taken(folder)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", metrics.METRICS, "checkpoints"])
def test_a_folder_with_anything_else_is_taken(tmp_path, name):
    (tmp_path / name).mkdir()
    assert runs.is_taken(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_taken(tmp_path):
    (tmp_path / "run").write_text("")
    assert runs.is_taken(tmp_path / "run")


def started(preset: str, in_use: tuple[str, ...] = ()) -> Path:
    """The folder that a run of that name begins in, while other processes begin in `in_use`."""
    tried = []

    def start(folder: Path) -> None:
        tried.append(folder)
        if folder.name in in_use:
            raise runs.FolderTaken("in use")

    runs.start_numbered(preset, start)
    assert [folder.name for folder in tried[:-1]] == list(in_use)
    return tried[-1]


def test_a_new_run_counts_up_past_what_is_taken(here):
    assert started("demo") == Path("runs/demo")
    make_run("demo")
    assert started("demo") == Path("runs/demo-2")
    assert started("debug") == Path("runs/debug")
    make_run("demo-2")
    make_run("demo-4")
    assert started("demo") == Path("runs/demo-3")


def test_a_new_run_counts_up_past_what_other_processes_begin_in(here):
    assert started("demo", in_use=("demo", "demo-2")) == Path("runs/demo-3")
    make_run("demo-2")
    assert started("demo", in_use=("demo",)) == Path("runs/demo-3")


def test_a_new_run_uses_what_a_killed_start_left(here):
    folder = make_run("demo")
    (folder / runs.CONFIG).rename(folder / runs.VERSIONS)
    assert started("demo") == Path("runs/demo")


def test_the_thousandth_run_is_as_good_as_any(here, monkeypatch):
    monkeypatch.setattr(runs, "is_taken", lambda folder: folder.name != "demo-1000")
    assert started("demo") == Path("runs/demo-1000")


def test_a_failure_other_than_a_taken_folder_is_not_tried_again(here):
    def fail(folder: Path) -> None:
        raise ValueError(f"{folder}: too few boards")

    with pytest.raises(ValueError, match="runs/demo: too few"):
        runs.start_numbered("demo", fail)


def test_newest_folder_is_the_last_one(here):
    with pytest.raises(ValueError, match=r"runs/demo: no such run .*--out"):
        runs.newest_folder("demo")
    for name in ("demo", "demo-2", "demo-3", "debug", "demo-x", "demo-04", "demo-3-5"):
        make_run(name)
    assert runs.newest_folder("demo") == Path("runs/demo-3")
    assert runs.newest_folder("debug") == Path("runs/debug")


@pytest.mark.parametrize(
    "file", ["config.yaml", "run.lock", "metrics.jsonl", "checkpoints/last/training.safetensors"]
)
def test_newest_folder_is_that_of_the_last_change_whatever_its_number(here, file):
    for name in ("demo", "demo-2", "demo-10"):
        make_run(name)
    for name in ("demo", "demo-10"):
        os.utime(Path("runs") / name / runs.CONFIG, ns=(0, 10**9))
    changed = Path("runs/demo-2") / file
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text("task: {}\n")
    os.utime(changed, ns=(0, 10**18))
    assert runs.newest_folder("demo") == Path("runs/demo-2")
    os.utime(Path("runs/demo") / runs.CONFIG, ns=(0, 2 * 10**18))
    assert runs.newest_folder("demo") == Path("runs/demo")


def test_of_runs_that_were_changed_at_the_same_time_the_newest_has_the_highest_number(here):
    for name in ("demo", *(f"demo-{number}" for number in range(2, 12))):
        os.utime(make_run(name) / runs.CONFIG, ns=(0, 10**18))
    assert runs.newest_folder("demo") == Path("runs/demo-11")


def test_a_folder_without_a_run_is_not_the_newest(here):
    make_run("demo")
    (Path("runs/demo-2")).mkdir()
    (Path("runs/demo-2") / "notes.txt").write_text("later")
    assert runs.newest_folder("demo") == Path("runs/demo")


def test_newest_folder_is_the_last_one_though_an_older_one_was_removed(here):
    make_run("demo-2")
    assert runs.newest_folder("demo") == Path("runs/demo-2")


def test_a_held_folder_refuses_another_process_and_names_the_holder(tmp_path, holder):
    with pytest.raises(ValueError, match=rf"run: in use by process {holder.pid} on ."):
        runs.locked(tmp_path / "run").__enter__()
    holder.communicate("")
    with runs.locked(tmp_path / "run"):
        assert f"process {os.getpid()} on" in (tmp_path / "run" / runs.LOCK).read_text()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    lock = tmp_path / "run" / runs.LOCK
    assert f"process {holder.pid} on" in lock.read_text()
    with runs.locked(tmp_path / "run"):
        assert lock.read_text().startswith(f"process {os.getpid()} on")
        assert str(holder.pid) not in lock.read_text().split()


def test_a_held_folder_refuses_its_own_process_too_and_stays_held(tmp_path):
    with runs.locked(tmp_path):
        for _ in range(2):
            with pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
                runs.locked(tmp_path).__enter__()
    with runs.locked(tmp_path):
        pass


def test_a_run_in_its_first_epoch_has_no_metrics_yet(tmp_path):
    assert not metrics.has_metrics(tmp_path)
    (tmp_path / metrics.METRICS).write_text("")  # of a run resumed there
    assert not metrics.has_metrics(tmp_path)


def test_a_lock_is_let_go_of_after_a_failure(tmp_path):
    with pytest.raises(KeyError), runs.locked(tmp_path):
        raise KeyError
    with runs.locked(tmp_path):
        pass


def test_a_lock_file_of_long_ago_is_no_obstacle(tmp_path):
    (tmp_path / runs.LOCK).write_text("process 1234567 on another-machine with a long name\n")
    with runs.locked(tmp_path):
        [line] = (tmp_path / runs.LOCK).read_text().splitlines()
        assert line.startswith(f"process {os.getpid()} on ")


def test_locking_makes_the_folder_and_does_not_take_it(tmp_path):
    with runs.locked(tmp_path / "a" / "b"):
        assert not runs.is_taken(tmp_path / "a" / "b")


def test_a_created_run_says_what_it_is(tmp_path):
    dataset = load_dataset(CONFIG.task)
    runs.create(tmp_path / "run", CONFIG, dataset)
    assert runs.read_config(tmp_path / "run") == CONFIG
    described = json.loads((tmp_path / "run" / runs.DATA).read_text())
    assert described["hashes"] == dataset.hashes
    assert (described["train_count"], described["val_count"]) == (20, 5)
    versions = json.loads((tmp_path / "run" / runs.VERSIONS).read_text())
    assert set(versions) >= {"hrm-lab", "torch", "numpy", "python", "machine"}
    assert runs.is_taken(tmp_path / "run")


def test_a_folder_without_a_run_has_no_config(tmp_path):
    with pytest.raises(ValueError, match=r"no run here \(config\.yaml is missing\)"):
        runs.read_config(tmp_path)
    (tmp_path / runs.CONFIG).write_text("train: {lr: -1}\n")
    with pytest.raises(ConfigError, match=r"train\.lr"):
        runs.read_config(tmp_path)


def identity(config: RunConfig) -> dict:
    return {"config": config.model_dump(), "hashes": load_dataset(config.task).hashes}


def test_the_same_run_may_go_on(tmp_path):
    for config in (CONFIG, CONFIG.derive(task__stream=True)):
        require_same(tmp_path, identity(config), json.loads(json.dumps(identity(config))))


def test_each_difference_has_its_line(tmp_path):
    asked = CONFIG.derive(model__grad_horizon="full", train__lr=0.5, task__seed=5)
    old, new = identity(CONFIG), identity(asked)
    with pytest.raises(ConfigError) as caught:
        require_same(tmp_path, old, new)
    first, *lines = str(caught.value).splitlines()
    assert str(tmp_path) in first and "--accept-changes" in first
    assert lines == [
        "task.seed: the run has 0, now it is 5",
        "model.grad_horizon: the run has 'one_step', now it is 'full'",
        "train.lr: the run has 0.0003, now it is 0.5",
        f"hashes.val: the run has {old['hashes']['val']!r}, now it is {new['hashes']['val']!r}",
        f"hashes.train: the run has {old['hashes']['train']!r}, now it is"
        f" {new['hashes']['train']!r}",
    ]


def test_a_run_of_an_older_version_goes_on_when_a_new_key_has_come(tmp_path):
    old = identity(CONFIG)
    del old["config"]["train"]["ema"]
    require_same(tmp_path, old, identity(CONFIG))


def test_a_set_that_came_or_went_is_a_difference(tmp_path):
    old = identity(CONFIG)
    new = {**old, "hashes": {"val": old["hashes"]["val"]}}
    for one, other in ((old, new), (new, old)):
        with pytest.raises(ConfigError, match=r"hashes\.train: the run has"):
            require_same(tmp_path, one, other)


def test_metrics_are_read_a_row_an_epoch(tmp_path):
    (tmp_path / metrics.METRICS).write_text('{"epoch": 1, "lr": 0.5}\n{"epoch": 2, "lr": 0.25}\n')
    rows = metrics.read_metrics(tmp_path)
    assert rows == [{"epoch": 1, "lr": 0.5}, {"epoch": 2, "lr": 0.25}]


def test_missing_and_damaged_metrics_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"metrics\.jsonl: No such file"):
        metrics.read_metrics(tmp_path)
    rows = (b'{"lr": 1}', b'{"epoch": "1"}', b"[]", b"1", b'{"epoch": 1}\n{"epo', b"\xff\xfe")
    for content in rows:
        (tmp_path / metrics.METRICS).write_bytes(content)
        with pytest.raises(ValueError, match=r"metrics\.jsonl: damaged"):
            metrics.read_metrics(tmp_path)


@pytest.mark.parametrize("best_by, epoch", [("val_loss", 2), ("board_acc", 3)])
def test_the_best_epoch_is_the_one_that_the_run_chose_by_and_of_equals_the_first(
    tmp_path, best_by, epoch
):
    figures = [(0.5, 0.1), (0.3, 0.2), (0.4, 0.4), (0.3, 0.4)]
    lines = [
        json.dumps({"epoch": number, "val_loss": loss, "board_acc": share}) + "\n"
        for number, (loss, share) in enumerate(figures, start=1)
    ]
    (tmp_path / metrics.METRICS).write_text("".join(lines))
    assert metrics.best_epoch(tmp_path, best_by)["epoch"] == epoch
    (tmp_path / metrics.METRICS).write_text("".join([*lines, '{"epoch": 5}\n']))
    with pytest.raises(ValueError, match=f"damaged: an epoch without {best_by}"):
        metrics.best_epoch(tmp_path, best_by)
