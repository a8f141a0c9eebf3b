"""Studies as they are run: results, failures, going on after any stop."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import board_path, held_out_boards

from hrm.data.load import load_dataset
from hrm.errors import WorkFailed
from hrm.inference.evaluation import evaluate
from hrm.models.hrm import HRM
from hrm.models.operations import training_flops
from hrm.study.definition import Study, load_study
from hrm.study.executors import LocalExecutor, RayExecutor
from hrm.study.job import Job, make_job
from hrm.study.results import Result, read_results
from hrm.study.runner import run_study
from hrm.study.statistics import summarise
from hrm.study.work import attempt

STUDY = """
title: A study of seconds
base: debug
settings:
  task: {board_size: 4, train_count: 96, val_count: 24}
  model: {d_model: 16, head_cnt: 2, H_cycle_cnt: 2}
  train: {epoch_cnt: 6, best_by: board_acc}
seeds: 1
test_count: 40
axes: {segments: train.train_segment_cnt}
rows:
  one: {segments: 1}
  two: {segments: 2}
"""
DIVERGING = STUDY + "  wild: {train.lr: 10, train.weight_decay: 10, train.epoch_cnt: 9}\n"


class Here:
    """An executor that does a job as soon as it is started, in this process."""

    threads = 1
    free = 1

    def __init__(self):
        self.started: list[str] = []
        self._ended: list[tuple[Job, Result]] = []

    def start(self, job: Job) -> None:
        self.started.append(job.name)
        self._ended.append((job, attempt(job)))

    def finished(self) -> list[tuple[Job, Result]]:
        ended, self._ended = self._ended, []
        return ended

    def stop(self) -> None:
        raise AssertionError("nothing asked to stop")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("hrm.study.runner._LOOK_SECONDS", 0.0)


def study_of(folder: Path, text: str) -> Study:
    (folder / "s.yaml").write_text(text)
    return load_study(folder / "s.yaml")


def run_here(folder: Path, text: str = STUDY) -> list[str]:
    """Run the study in `folder`; the runs that were started."""
    executor = Here()
    run_study(study_of(folder, text), folder / "runs", folder / "results/s", executor)
    return executor.started


def without_times(result: Result) -> Result:
    """All of a result that is reproducible."""
    kept = {k: v for k, v in result.items() if k not in ("seconds", "format_version")}
    times = ("seconds", "boards_per_second")
    epochs = [{k: v for k, v in row.items() if k not in times} for row in result["epochs"]]
    return {**kept, "epochs": epochs}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    run_here(folder)
    return folder


def test_every_run_leaves_its_figures(done):
    study = load_study(done / "s.yaml")
    results = read_results(done / "results/s", study)
    assert results.keys() == {"one-seed0", "two-seed0"}
    for run in study.runs:
        result, folder = results[run.name], done / "runs" / run.name
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        assert result["epochs"] == [json.loads(line) for line in lines]
        assert result["summary"] == summarise(result["epochs"])
        update = sum(training_flops(run.config.model, board_path(4).grid, batch_size=16).values())
        updates = 6 * 6 * run.config.train.train_segment_cnt  # epochs of six batches
        assert result["operations"]["update"] == update
        assert result["operations"]["training"] == update * updates
        assert result["parameters"] == HRM.from_pretrained(folder).parameter_cnt


def test_the_best_epoch_s_model_is_measured_board_by_board(done):
    study = load_study(done / "s.yaml")
    for run in study.runs:
        result = json.loads((done / f"results/s/{run.name}.json").read_text())
        model = HRM.from_pretrained(done / "runs" / run.name)
        best = result["summary"]["best"]
        assert best["board_acc"] > 0
        for segments, suffix in (("2", ""), ("8", "4x")):
            exact, good = (result["validation"][kind][segments] for kind in ("exact", "solved"))
            assert len(exact) == len(load_dataset(run.config.task).val) == 24
            key = "acc4x" if suffix else "board_acc"
            assert exact.count("1") / 24 == pytest.approx(best[key])
            assert good.count("1") / 24 == pytest.approx(best[f"solved{suffix}"])
        found = evaluate(model, held_out_boards(4, 40), range(1, 17))
        for key in ("cell_acc", "open_acc", "board_acc", "solved"):
            expected = [getattr(metrics, key) for metrics in found.values()]
            assert np.allclose(result["test"][key], expected, atol=1e-9)


def test_what_is_done_is_not_done_again(done):
    before = {file: file.read_bytes() for file in (done / "results/s").iterdir()}
    assert run_here(done) == []
    assert {file: file.read_bytes() for file in (done / "results/s").iterdir()} == before


def test_result_files_are_enough_to_go_on_elsewhere(done, tmp_path):
    (tmp_path / "results/s").mkdir(parents=True)
    name = "one-seed0.json"
    (tmp_path / "results/s" / name).write_bytes((done / "results/s" / name).read_bytes())
    assert run_here(tmp_path) == ["two-seed0"]


def test_a_run_that_diverges_has_failed_and_does_not_stop_the_others(tmp_path):
    with pytest.raises(WorkFailed, match=r"1 of 3 runs failed.*\nwild-seed0: .*not finite"):
        run_here(tmp_path, DIVERGING)
    results = read_results(tmp_path / "results/s", load_study(tmp_path / "s.yaml"))
    assert "not finite" in results["wild-seed0"]["failed"]
    assert all("failed" not in results[name] for name in ("one-seed0", "two-seed0"))
    with pytest.raises(WorkFailed, match="1 of 3"):  # tried again, and it alone
        executor = Here()
        study = load_study(tmp_path / "s.yaml")
        run_study(study, tmp_path / "runs", tmp_path / "results/s", executor)
    assert executor.started == ["wild-seed0"]


def test_too_few_test_puzzles_are_noticed_before_training(tmp_path):
    few = "  few: {task.board_size: 2, task.train_count: 2, task.val_count: 1}\n"
    with pytest.raises(WorkFailed, match=r"few-seed0: count 40: only \d+ puzzles"):
        run_here(tmp_path, STUDY + few)
    assert not (tmp_path / "runs/few-seed0").exists()


@pytest.mark.parametrize(
    "left, old, new, message",
    [
        ("results", "board_size: 4", "board_size: 5", "task.board_size is 4 there and 5 here"),
        ("results", "test_count: 40", "test_count: 41", "test_count is 40 there and 41 here"),
        ("results", "  two: {segments: 2}", "", "row two is not in this one"),
        ("results", "segments: 2", "segments: 3", "train.train_segment_cnt is 2 there and 3 here"),
        ("runs", "board_size: 4", "board_size: 5", "task.board_size is 4 there and 5 here"),
        ("runs", "segments: 2", "segments: 3", "train.train_segment_cnt is 2 there and 3 here"),
    ],
)
def test_results_and_runs_of_another_study_are_left_alone(done, tmp_path, left, old, new, message):
    for name in ("one-seed0", "two-seed0"):
        file = Path("results/s") / f"{name}.json"
        file = file if left == "results" else Path("runs") / name / "config.yaml"
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes((done / file).read_bytes())
    before = {f: f.read_bytes() for f in tmp_path.rglob("*.*") if f.is_file()}
    with pytest.raises(ValueError, match=message) as error:
        run_here(tmp_path, STUDY.replace(old, new))
    assert "of another study" in str(error.value) and "\n" not in str(error.value)
    after = {f: f.read_bytes() for f in tmp_path.rglob("*.*") if f.is_file()}
    assert after == {**before, tmp_path / "s.yaml": (tmp_path / "s.yaml").read_bytes()}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": 1}', "[" * 9999])
def test_a_damaged_result_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=r"x\.json: no result of a run"):
        read_results(tmp_path, study_of(tmp_path, STUDY))


def test_a_child_that_is_killed_has_failed(tmp_path):
    study = study_of(tmp_path, STUDY)
    executor = LocalExecutor(workers=1)
    job = make_job(study, study.runs[0], tmp_path, threads=1)
    executor.start(job)
    assert executor.free == 0
    (child,) = executor._children.values()
    child.kill()
    child.wait()
    ((ended, result),) = executor.finished()
    assert ended is job and "SIGKILL" in result["failed"] and executor.free == 1


def test_a_child_that_fails_before_its_run_begins_is_tried_again(tmp_path):
    text = STUDY.replace("board_size: 4", "board_size: 2").replace("  one: {segments: 1}\n", "")
    study = study_of(tmp_path, text.replace("test_count: 40", "test_count: 4"))
    for _ in range(2):
        with pytest.raises(WorkFailed, match=r"(?s)1 of 1 runs .*two-seed0: .* too few"):
            run_study(study, tmp_path / "runs", tmp_path / "results", LocalExecutor(workers=1))


def test_a_study_that_is_stopped_and_killed_ends_as_an_uninterrupted_one(tmp_path):
    text = STUDY.replace("epoch_cnt: 6", "epoch_cnt: 50").replace("  one: {segments: 1}\n", "")
    (tmp_path / "whole").mkdir()
    run_here(tmp_path / "whole", text)
    study_of(tmp_path, text)
    metrics = tmp_path / "runs/two-seed0/metrics.jsonl"
    command = [sys.executable, "-m", "hrm", "study", "run", "s.yaml"]
    command += ["--workers=1", "--threads=1", "--runs=runs"]

    def begin() -> subprocess.Popen:
        return subprocess.Popen(command, cwd=tmp_path, start_new_session=True)

    def epoch_cnt() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    def begin_and_let_train(epochs: int) -> subprocess.Popen:
        study, before = begin(), epoch_cnt()
        while epoch_cnt() < before + epochs:
            with pytest.raises(subprocess.TimeoutExpired):  # it must not end yet
                study.wait(0.05)
        return study

    study = begin_and_let_train(epochs=3)
    study.terminate()  # the parent alone: it has its child save and stop
    assert study.wait() == 128 + signal.SIGTERM
    study = begin_and_let_train(epochs=3)
    os.killpg(study.pid, signal.SIGKILL)
    study.wait()
    assert 6 <= epoch_cnt() < 50 and not list(tmp_path.glob("results/*/*"))
    assert run_here(tmp_path, text) == ["two-seed0"]
    result, whole = (
        json.loads((folder / "results/s/two-seed0.json").read_text())
        for folder in (tmp_path, tmp_path / "whole")
    )
    assert without_times(result) == without_times(whole)


def test_workers_of_a_ray_cluster_give_the_same_results(done, tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)  # two nodes with one place each
        executor = RayExecutor(cluster.address)
        assert executor.free == 2
        study = study_of(tmp_path, DIVERGING)
        with pytest.raises(WorkFailed, match=r"1 of 3 runs failed.*\nwild-seed0: .*not finite"):
            run_study(study, tmp_path / "runs", tmp_path / "results/s", executor)
        results = read_results(tmp_path / "results/s", study)
        for name, expected in read_results(done / "results/s", load_study(done / "s.yaml")).items():
            assert without_times(results[name]) == without_times(expected)
        workers = {file.read_text() for file in (tmp_path / "runs").glob("*-seed0/run.lock")}
        assert len(workers) > 1 and not any(f" {os.getpid()} " in worker for worker in workers)
    finally:
        ray.shutdown()
        cluster.shutdown()
