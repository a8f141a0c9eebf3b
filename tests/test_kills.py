"""A run that is killed at any instant and resumed ends as if nothing had happened."""

import random
import shutil
import subprocess
import sys

import pytest
import runs_in_children as children

KILLS = 80 if children.SOAK else 4
# A save is ten operations or so; steps of three meet each of them many times.
FILE_OPERATIONS = range(0, 280, 3) if children.SOAK else (0, 3, 11, 24, 37, 66, 103)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("whole")
    child = children.start(children.train, str(folder))
    child.join()
    assert child.exitcode == 0
    return children.outcome(folder)


def test_sigkill_at_random_instants(uninterrupted, tmp_path):
    instants, kills, number = random.Random(0), 0, 0
    while kills < KILLS:
        folder, number = tmp_path / str(number), number + 1
        while True:
            child = children.start(children.train, str(folder))
            child.join(instants.uniform(0, 2.0) if kills < KILLS else None)
            if child.exitcode is not None:
                break
            child.kill()
            child.join()
            kills += 1
        assert child.exitcode == 0
        assert children.outcome(folder) == uninterrupted
    print(f"{kills} kills in {number} runs")


@pytest.mark.parametrize("operation", FILE_OPERATIONS)
def test_death_in_front_of_a_file_operation(operation, uninterrupted, tmp_path):
    child = children.start(children.train, str(tmp_path), operation)
    child.join()
    if child.exitcode == 0:
        pytest.skip("the run has fewer file operations")
    assert child.exitcode == 9
    child = children.start(children.train, str(tmp_path))
    child.join()
    assert child.exitcode == 0
    assert children.outcome(tmp_path) == uninterrupted
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith(".new")]


@pytest.mark.skipif(not children.SOAK or not shutil.which("c++"), reason="long; needs a compiler")
def test_a_compiled_run_on_two_threads_goes_on_bit_for_bit(tmp_path):
    def train(*words: str) -> None:
        settings = ["task.train_count=72", "task.val_count=32", "train.lr_schedule=constant",
                    "train.compile=true", "train.threads=2"]  # fmt: skip
        command = [sys.executable, "-m", "hrm", "train", *words[:1], *settings, *words[1:]]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    train("demo", "train.epoch_cnt=2", "--out", "whole")
    train("demo", "train.epoch_cnt=1", "--out", "parts")
    train("demo", "train.epoch_cnt=2", "--out", "parts", "--resume", "--accept-changes")
    assert children.outcome(tmp_path / "parts") == children.outcome(tmp_path / "whole")
