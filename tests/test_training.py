"""Training against a slow reference, what it measures and keeps, schedules and precision."""

import copy
import json
import math

import numpy as np
import pytest
import reference
import torch
from helpers import CPU, MINES, MIXED, TIMES, Silent, labelled, some_boards, tiny, trainer_of

from hrm.inference.evaluation import evaluate
from hrm.machine import Machine
from hrm.models import kernels
from hrm.models.batch import NOT_GRADED, to_targets, to_tokens
from hrm.models.hrm import HRM
from hrm.training.learner import Learner
from hrm.training.trainer import Trainer


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__grad_horizon": "full"},
        {"model__modules": "H"},
        {"model__modules": "H", "model__grad_horizon": "full", "train__micro_batch": 2},
        {"model__local_mixing": True, "model__rope_2d": True, "train__grad_clip": 0.1},
        {"task__name": MINES, "model__use_abs_pos": True, "train__micro_batch": 2},
    ],
    ids=[
        "HL", "HL full", "H detached", "H bptt in micro-batches", "local mixing, clipped",
        "cells that are not graded, in micro-batches",
    ],
)  # fmt: skip
def test_two_segments_of_training_equal_the_reference(changes, tmp_path):
    size = {} if "task__name" in changes else {"task__board_size": 3}
    config = tiny(**size, model__d_model=8, train__weight_decay=0.1, task__train_count=4, **changes)
    trainer = trainer_of(config, tmp_path)
    trainer.model.double()
    weights = {k: v.detach().clone() for k, v in trainer.model.named_parameters()}
    batch = trainer.dataset.train.epoch(1, 0).take(slice(0, 3))
    tokens, targets = to_tokens(batch.inputs, CPU), to_targets(batch.answers, CPU)
    assert ("task__name" in changes) == bool((targets == NOT_GRADED).any())
    loss = trainer.train_batch(batch)

    optimizer = reference.AdamW(config.train.lr, config.train.weight_decay)
    losses = []
    for segment in range(2):
        weights = {name: w.detach().requires_grad_() for name, w in weights.items()}
        if segment == 0:
            states = [reference.initial(weights, config.model, t.numel()) for t in tokens]
        cell_losses = []
        for i, board in enumerate(tokens):
            zH, zL, logits = reference.segment(*states[i], board, weights, config.model)
            states[i] = [z.detach() for z in zH], [z.detach() for z in zL]
            cell_losses += reference.cross_entropies(logits, targets[i])
        mean = torch.stack(cell_losses).mean()
        mean.backward()
        losses.append(mean.item())
        gradients = {n: w.grad for n, w in weights.items() if w.grad is not None}
        if config.train.grad_clip:
            norm = math.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
            assert norm > config.train.grad_clip
            gradients = {n: g * config.train.grad_clip / norm for n, g in gradients.items()}
        with torch.no_grad():
            weights = optimizer.step(weights, gradients)

    assert loss == pytest.approx(sum(losses) / 2)
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(parameter, weights[name], atol=1e-5, rtol=1e-5)


def test_metrics_of_mixed_sizes_are_means_over_all_validation_boards(tmp_path):
    trainer = trainer_of(tiny(**MIXED, train__epoch_cnt=1), tmp_path)
    trainer.run()
    (row,) = trainer.progress.history
    model, sums = HRM.from_pretrained(tmp_path), np.zeros(3)
    for part in trainer.dataset.parts:
        found = evaluate(model, part.val, [8])[8]
        sums += len(part.val) * np.array([found.loss, found.cell_acc, found.solved])
    expected = [row["val_loss_4x"], row["cell_acc_4x"], row["solved_4x"]]
    assert sums / 8 == pytest.approx(expected)


def test_a_tiny_model_learns_a_handful_of_boards(tmp_path):
    config = tiny(
        task__train_count=8, train__batch_size=8, train__epoch_cnt=150, train__lr=5e-3,
        model__modules="H", model__grad_horizon="full", model__local_mixing=True,
        model__d_model=32,
    )  # fmt: skip
    trainer = trainer_of(config, tmp_path)
    examples = trainer.dataset.train.epoch(1, 0)
    for _ in range(config.train.epoch_cnt):
        trainer.train_batch(examples)
    metrics = evaluate(trainer.model, examples, [2])[2]
    assert metrics.board_acc == metrics.solved == metrics.cell_acc == metrics.open_acc == 1.0


@pytest.mark.parametrize("task", [{}, {"task__name": MINES}], ids=["board paths", "mines"])
def test_micro_batches_change_rounding_only(task, tmp_path):
    losses = []
    for micro in (0, 3):
        trainer = trainer_of(tiny(**task, train__micro_batch=micro), tmp_path / str(micro))
        trainer.run()
        losses.append([row["train_loss"] for row in trainer.progress.history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_metrics_rows_hold_what_the_contract_names(tmp_path):
    reporter = Silent()
    trainer = trainer_of(tiny(), tmp_path, reporter=reporter)
    trainer.run()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows == reporter.rows
    twins = ("val_loss", "cell_acc", "open_acc", "board_acc", "solved")
    names = {"epoch", "updates", "train_loss", "lr", *TIMES, *twins, *(f"{t}_4x" for t in twins)}
    assert all(set(row) == names for row in rows)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["updates"] for row in rows] == [6, 12, 18]  # 3 batches, the last of 4 boards
    told = [(epoch, done) for epoch, phase, done, _ in reporter.calls if phase == "train"]
    assert told == [(epoch, done) for epoch in (1, 2, 3) for done in (10, 20, 24)]


def test_metrics_are_those_of_the_evaluated_model(tmp_path):
    trainer = trainer_of(tiny(train__epoch_cnt=1), tmp_path)
    trainer.run()
    (row,) = trainer.progress.history
    model = HRM.from_pretrained(tmp_path)
    found = evaluate(model, trainer.dataset.val, [2, 8])
    assert row["board_acc"] == found[2].board_acc
    assert row["cell_acc_4x"] == found[8].cell_acc
    assert row["val_loss"] == pytest.approx(found[2].loss)


@pytest.mark.parametrize(
    "best_by, values, better",
    [("val_loss", [0.5, 0.3, 0.4], [1, 2]), ("board_acc", [0.2, 0.4, 0.4], [1, 2])],
)
def test_best_is_the_first_epoch_that_is_better(best_by, values, better, tmp_path, monkeypatch):
    given = iter(values)
    real = Trainer._validate
    monkeypatch.setattr(Trainer, "_validate", lambda t: real(t) | {best_by: next(given)})
    kept = []
    trainer = trainer_of(tiny(train__best_by=best_by), tmp_path)
    monkeypatch.setattr(
        trainer.best, "save_pretrained", lambda folder: kept.append(trainer.progress.epoch)
    )
    trainer.run()
    assert kept == better


def test_learning_rate_warms_up_and_follows_half_a_cosine():
    model = HRM(tiny().model, 4)
    train = tiny(train__lr=1.0, train__warmup_steps=4, train__lr_schedule="cosine").train
    rates = [Learner(train, model, 12).learning_rate(update) for update in range(12)]
    expected = [0.25, 0.5, 0.75, 1.0] + [(1 + math.cos(math.pi * i / 8)) / 2 for i in range(8)]
    assert rates == pytest.approx(expected)
    constant = Learner(tiny(train__lr=1.0).train, model, 12)
    assert [constant.learning_rate(update) for update in (0, 11)] == [1.0, 1.0]


def test_moving_average_is_what_is_evaluated_and_kept(tmp_path):
    trainer = trainer_of(tiny(train__ema=0.5, train__epoch_cnt=1), tmp_path)
    before = copy.deepcopy(trainer.learner.average.state_dict())
    trainer.train_batch(trainer.dataset.train.epoch(1, 0))
    name = "head.weight"
    raw = trainer.model.state_dict()[name]
    average = trainer.learner.average.state_dict()[name]
    assert not torch.equal(average, raw) and not torch.equal(average, before[name])
    trainer.save()
    saved = HRM.from_pretrained(tmp_path / "checkpoints/last").state_dict()[name]
    assert torch.equal(saved, average)


def test_bf16_autocast_trains(tmp_path):
    trainer = trainer_of(tiny(train__precision="bf16", train__epoch_cnt=1), tmp_path)
    trainer.run()
    assert np.isfinite(trainer.progress.history[0]["train_loss"])
    assert trainer.model.head.weight.dtype == torch.float32


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("horizon", ["one_step", "full"])
def test_bf16_gradients_are_those_of_fp32_up_to_rounding(horizon, fused):
    gradients = []
    for precision in ("fp32", "bf16"):
        config = tiny(train__precision=precision, model__grad_horizon=horizon)
        torch.manual_seed(0)
        model = HRM(config.model, 4)
        tokens = torch.randint(0, 5, (8, 16))
        with Machine.of(config.train).arithmetic(), kernels.use(fused):
            # Or steps without gradient would leave weights in it that get none (torch < 2.11).
            assert precision == "fp32" or not torch.is_autocast_cache_enabled()
            _, logits = model(model.initial_state(8), tokens)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten())
        loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    fp32, bf16 = gradients
    assert fp32.keys() == bf16.keys()
    for name, gradient in fp32.items():
        assert (gradient - bf16[name]).norm() < 0.1 * gradient.norm(), name


def test_compiled_training_asks_for_code_that_repeats_itself(monkeypatch):
    """What it is asked for here is seen to hold by `make soak`, where a compiler is needed."""
    options, asked = {}, []
    monkeypatch.setattr("torch.compile", lambda model, **words: options.update(words) or model)
    monkeypatch.setattr("torch.use_deterministic_algorithms", lambda on, **_: asked.append(on))
    learner = Learner(tiny(train__compile=True).train, HRM(tiny().model, 4), 2)
    learner.learn(labelled(some_boards(4, 2)), 0)
    # For each of the two updates, and no longer.
    assert options == {"dynamic": False} and asked == [True, False, True, False]
