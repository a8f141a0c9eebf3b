"""Two processes train the model that one would have trained."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import runs_in_children as children
import torch

from hrm.models.hrm import HRM

SETTINGS = [
    "task.board_size=4", "task.train_count=33", "task.val_count=257", "model.d_model=16",
    "train.epoch_cnt=3", "train.batch_size=16", "train.threads=1", "train.grad_clip=0.5",
    "train.ema=0.9", "train.checkpoint_minutes=0", "model.dropout=0.1", "model.sdpa_dropout=0.1",
]  # fmt: skip
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
KILLS = 8 if children.SOAK else 1


def train(folder: Path, *words: str, processes: int) -> subprocess.Popen[str]:
    port = str(10_000 + os.getpid() % 20_000)  # below those that the system gives out
    start = [*TORCHRUN, port] if processes == 2 else [sys.executable]
    return subprocess.Popen(
        [*start, "-m", "hrm", "train", *words, "--out", "run"],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("two")
    out = finish(train(folder, "debug", *SETTINGS, processes=2))
    return folder / "run", out


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in lines]


def test_two_processes_equal_one(two, tmp_path):
    finish(train(tmp_path, "debug", *SETTINGS, processes=1))
    both, alone = rows(two[0]), rows(tmp_path / "run")
    assert len(both) == len(alone) == 3
    for one, other in zip(both, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-3)
    for kind in ("best", "last"):
        weights = [
            HRM.from_pretrained(folder / "checkpoints" / kind).state_dict()
            for folder in (two[0], tmp_path / "run")
        ]
        for name, tensor in weights[0].items():
            torch.testing.assert_close(tensor, weights[1][name], atol=2e-4, rtol=1e-3)


def test_one_process_speaks_for_all(two):
    assert two[1].count("val loss") == 1 and two[1].count("best model") == 1


def kill(process: subprocess.Popen[str]) -> None:
    """Kill torchrun and both of its workers, which have sessions of their own."""
    process.send_signal(signal.SIGSTOP)  # so that it starts no more of them
    started = Path(f"/proc/{process.pid}/task").glob("*/children")  # by each of its threads
    workers = [int(number) for file in started for number in file.read_text().split()]
    assert len(workers) <= 2  # at the very end of a run one may be gone already
    for number in (process.pid, *workers):
        os.kill(number, signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_killed_and_resumed_under_torchrun(two, tmp_path):
    instants, kills, number = random.Random(0), 0, 0
    while kills < KILLS:
        folder, number = tmp_path / str(number), number + 1
        folder.mkdir()
        process = train(folder, "debug", *SETTINGS, processes=2)
        while kills < KILLS:
            assert process.stdout
            next(line for line in process.stdout if "train loss" in line)  # it trains now
            try:
                process.wait(timeout=instants.uniform(0, 1.5))
                break
            except subprocess.TimeoutExpired:
                kill(process)
                kills += 1
            process = train(folder, "--resume", processes=2)
        finish(process)
        assert children.outcome(folder / "run") == children.outcome(two[0])
    print(f"{kills} kills in {number} runs")


def test_wrong_input_is_said_once(tmp_path):
    process = train(tmp_path, "debug", "train.lrr=1", processes=2)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert err.count("perhaps you meant train.lr") == 1
