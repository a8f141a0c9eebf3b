"""What the library computed before it knew any puzzle but board paths, it still computes.

`fixtures/golden.json` and the run folder beside it were made with commit c6c7f63: two epochs of a
tiny run, by a version whose configs knew no `task.name` and whose models knew no grids.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from helpers import held_out_boards, some_boards

from hrm import HRM, cli, machine, solve_all
from hrm.config.presets import preset
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.inference.models import task_of
from hrm.models import kernels
from hrm.runs import folder as runs
from hrm.tasks import registry
from hrm.training.learner import Learner
from hrm.training.metrics import read_metrics

FIXTURES = Path(__file__).parent / "fixtures"
GOLDEN = json.loads((FIXTURES / "golden.json").read_text())

DATA = {
    "plain": {},
    "stream": {"task__stream": True},
    "augment, moved ends": {"task__augment": True, "task__move_ends": 3},
    "sizes": {"task__board_sizes": [4, 5, 6], "model__rope_2d": True},
}

WAYS = {
    "as always": {},
    "until solved": {"until": "solved", "max_segments": 4, "symmetries": True, "restarts": 1},
    "vote of symmetries": {"segments": 1, "symmetries": True},
}

SMALL = {
    "task__board_size": 6,
    "task__train_count": 64,
    "task__val_count": 8,
    "train__threads": 1,
    "train__batch_size": 16,
    "train__device": "cpu",
    "model__d_model": 32,
    "model__head_cnt": 2,
    "model__H_block_cnt": 1,
}

TRAININGS = {
    "default, plain": {"train__kernels": "plain"},
    "default, fused": {"train__kernels": "fused"},
    "demo": {
        "model__modules": "H",
        "model__grad_horizon": "full",
        "model__rope_2d": True,
        "model__local_mixing": True,
        "train__lr_schedule": "cosine",
        "train__warmup_steps": 4,
        "train__grad_clip": 1.0,
        "train__ema": 0.9,
        "train__kernels": "plain",
        "train__micro_batch": 5,
        "train__train_segment_cnt": 4,
    },
}
UPDATES = 20


def test_boards_are_those_of_before():
    found = {
        "generate 10": some_boards(10, 100),
        "held out 10": held_out_boards(10, 100).inputs,
        "held out 20": held_out_boards(20, 20).inputs,
    }
    assert {name: content_hash(boards) for name, boards in found.items()} == GOLDEN["boards"]


@pytest.mark.parametrize("name", DATA)
def test_training_and_validation_boards_and_their_labels_are_those_of_before(name):
    config = preset("debug").derive(task__train_count=40, task__val_count=12, **DATA[name])
    dataset = load_dataset(config.task)
    digest = hashlib.sha256()
    for epoch in (1, 2):
        for batch in dataset.batches(epoch, 3, 16):
            digest.update(batch.inputs.tobytes())
            digest.update(batch.answers.tobytes())
    expected = GOLDEN["training"][name]
    assert digest.hexdigest() == expected["batches"]
    assert dataset.hashes == expected["hashes"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("size", "count"), [(10, 32), (20, 24)])
def test_the_bundled_models_answer_as_before(size, count, way):
    name = f"boardpath-{size}x{size}"
    solutions = list(solve_all(held_out_boards(size, count).inputs, name, **WAYS[way]))
    expected = GOLDEN["answers"][name][way]
    assert "".join(s.verdict.name[0] for s in solutions) == expected["verdicts"]
    assert sum(s.segments for s in solutions) == expected["segments"]
    answers = b"".join(s.predicted.tobytes() for s in solutions)
    assert hashlib.sha256(answers).hexdigest() == expected["sha"]


@pytest.mark.parametrize("name", TRAININGS)
def test_training_has_the_losses_and_ends_with_the_weights_of_before(name):
    if TRAININGS[name]["train__kernels"] == "fused" and not kernels.available():
        pytest.skip("no C compiler here")
    config = machine.resolve(preset("specification").derive(**SMALL, **TRAININGS[name]))
    dataset = load_dataset(config.task)
    torch.manual_seed(0)
    model = HRM(config.model, registry.make(config.task).grid)
    learner = Learner(config.train, model, UPDATES)
    batches = [batch for epoch in (1, 2, 3) for batch in dataset.batches(epoch, 0, 16)]
    model.train()
    steps = range(0, UPDATES, config.train.train_segment_cnt)
    losses = [learner.learn(batch, done) for done, batch in zip(steps, batches, strict=False)]
    weights = sum(float(p.detach().double().abs().sum()) for p in model.parameters())
    expected = GOLDEN["losses"][name]
    assert losses == pytest.approx(expected["losses"], rel=1e-5)
    assert weights == pytest.approx(expected["weights"], rel=1e-5)


@pytest.fixture
def old_run(tmp_path):
    shutil.copytree(FIXTURES / "run", tmp_path / "run")
    return tmp_path / "run"


def hrm(monkeypatch, capsys, *words) -> str:
    """What the command prints."""
    monkeypatch.setattr(sys, "argv", ["hrm", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    captured = capsys.readouterr()
    assert end.value.code == 0, captured.err
    return captured.out


def test_an_old_run_is_a_model_of_the_default_task(old_run):
    model = HRM.from_pretrained(old_run)
    assert (model.grid.shape, model.grid.input_codes, model.grid.answer_codes) == ((5, 5), 5, 5)
    assert model.task["name"] == registry.DEFAULT
    assert task_of(model).grid == model.grid
    solutions = list(solve_all(some_boards(5, 3), old_run))
    assert [solution.segments for solution in solutions] == [2, 2, 2]


def test_an_old_run_has_a_config_and_is_described(old_run, monkeypatch, capsys):
    assert "name:" not in (old_run / runs.CONFIG).read_text()
    config = runs.read_config(old_run)
    assert (config.task.name, config.task.shape) == (registry.DEFAULT, (5, 5))
    assert (config.task.train_count, config.model.d_model, config.train.ema) == (32, 8, 0.9)
    printed = hrm(monkeypatch, capsys, "info", old_run)
    assert "944" in printed and "5×5" in printed and registry.DEFAULT in printed


def test_an_old_run_goes_on_as_it_would_have(old_run, monkeypatch, capsys):
    before = read_metrics(old_run)
    words = ("--resume", "--out", old_run, "--accept-changes", "train.epoch_cnt=3")
    hrm(monkeypatch, capsys, "train", *words)
    *first, last = read_metrics(old_run)
    assert first == before
    found = {key: last[key] for key in GOLDEN["third epoch"]}
    assert found == pytest.approx(GOLDEN["third epoch"], rel=1e-5)
    assert runs.read_config(old_run).train.epoch_cnt == 3
