import copy
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import reference
import torch

from hrm import distributed
from hrm.config.schema import RunConfig
from hrm.data.dataset import load_dataset
from hrm.errors import Diverged
from hrm.inference.evaluation import evaluate, to_tokens
from hrm.models import kernels
from hrm.models.hrm import HRM
from hrm.training.learner import Learner
from hrm.training.trainer import Trainer

CPU = torch.device("cpu")
TIMES = ("seconds", "boards_per_second")


class Silent:
    def __init__(self):
        self.rows, self.calls = [], []

    def advance(self, epoch, phase, done, total):
        self.calls.append((epoch, phase, done, total))

    def epoch(self, row):
        self.rows.append(row)


def tiny(**changes) -> RunConfig:
    config = RunConfig().derive(
        **{
            "task__board_size": 4,
            "task__train_count": 24,
            "task__val_count": 8,
            "model__d_model": 16,
            "model__head_cnt": 2,
            "model__H_block_cnt": 1,
            "model__dropout": 0.0,
            "model__sdpa_dropout": 0.0,
            "train__lr": 2e-3,
            "train__batch_size": 10,
            "train__epoch_cnt": 3,
            "train__threads": 1,
            **changes,
        }
    )
    return distributed.resolve(config)


def trainer_of(config: RunConfig, folder, **more) -> Trainer:
    return Trainer(
        config, load_dataset(config.task), folder, more.pop("reporter", Silent()), **more
    )


def digest(folder) -> str:
    """Of everything that a finished run leaves, times aside."""
    sha = hashlib.sha256()
    for name in ("checkpoints/last/model.safetensors", "checkpoints/best/model.safetensors"):
        sha.update((folder / name).read_bytes())
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = {key: value for key, value in json.loads(line).items() if key not in TIMES}
        sha.update(json.dumps(row).encode())
    return sha.hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__grad_horizon": "full"},
        {"model__modules": "H"},
        {"model__modules": "H", "model__grad_horizon": "full", "train__micro_batch": 2},
        {"model__local_mixing": True, "model__rope_2d": True, "train__grad_clip": 0.1},
    ],
    ids=["HL", "HL full", "H detached", "H bptt in micro-batches", "local mixing, clipped"],
)
def test_two_segments_of_training_equal_the_reference(changes, tmp_path):
    config = tiny(
        task__board_size=3,
        model__d_model=8,
        train__weight_decay=0.1,
        task__train_count=4,
        **changes,
    )
    trainer = trainer_of(config, tmp_path)
    trainer.model.double()
    weights = {k: v.detach().clone() for k, v in trainer.model.named_parameters()}
    boards, labels = trainer.dataset.train.epoch(1, 0)
    tokens, targets = to_tokens(boards, CPU)[:3], to_tokens(labels, CPU)[:3]
    loss = trainer.train_batch(tokens, targets)

    optimizer = reference.AdamW(config.train.lr, config.train.weight_decay)
    states = [reference.initial(weights, config.model, 9) for _ in tokens]
    losses = []
    for segment in range(2):
        weights = {name: w.detach().requires_grad_() for name, w in weights.items()}
        if segment == 0:
            states = [reference.initial(weights, config.model, 9) for _ in tokens]
        board_losses = []
        for i, board in enumerate(tokens):
            zH, zL, logits = reference.segment(*states[i], board, weights, config.model)
            states[i] = [z.detach() for z in zH], [z.detach() for z in zL]
            board_losses.append(reference.cross_entropy(logits, targets[i]))
        mean = torch.stack(board_losses).mean()
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


def test_the_same_config_gives_the_same_run(tmp_path):
    config = tiny(model__dropout=0.2, model__sdpa_dropout=0.2)
    for name in ("one", "two"):
        trainer_of(config, tmp_path / name).run()
    trainer_of(tiny(train__seed=1), tmp_path / "other").run()
    assert digest(tmp_path / "one") == digest(tmp_path / "two") != digest(tmp_path / "other")


RICH = {
    "model__dropout": 0.2,
    "train__ema": 0.9,
    "train__lr_schedule": "cosine",
    "train__warmup_steps": 3,
    "task__stream": True,
    "task__augment": True,
}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("whole")
    trainer_of(tiny(**RICH), folder).run()
    return digest(folder)


# Three batches and one batch of validation in each of three epochs.
@pytest.mark.parametrize("stop_after", range(1, 13))
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(stop_after, uninterrupted, tmp_path):
    assert digest_after_a_stop(tiny(**RICH), tmp_path, stop_after) == uninterrupted


def digest_after_a_stop(config: RunConfig, folder: Path, stop_after: int) -> str:
    """Of a run that was stopped at its `stop_after`-th chance, and resumed."""
    questions = iter(range(1, 1000))
    with pytest.raises(KeyboardInterrupt):
        trainer_of(config, folder, should_stop=lambda: next(questions) == stop_after).run()
    resumed = trainer_of(config, folder)
    assert resumed.resume() == []
    resumed.run()
    return digest(folder)


MIXED = {"task__board_sizes": [3, 4, 5], "model__rope_2d": True, "model__local_mixing": True}


def test_a_run_with_muon_in_bf16_resumes(tmp_path):
    config = tiny(**RICH, train__optimizer="muon", train__precision="bf16")
    trainer_of(config, tmp_path / "whole").run()
    for stop_after in (2, 5):
        stopped = digest_after_a_stop(config, tmp_path / str(stop_after), stop_after)
        assert stopped == digest(tmp_path / "whole")


@pytest.mark.parametrize("stream", [False, True])
def test_a_run_on_mixed_sizes_is_reproducible_and_resumes(stream, tmp_path):
    config = tiny(**MIXED, task__stream=stream, train__epoch_cnt=2, train__batch_size=5)
    reporter = Silent()
    trainer_of(config, tmp_path / "whole", reporter=reporter).run()
    # Three sizes of two batches each.
    trained = [done for epoch, phase, done, _ in reporter.calls if (epoch, phase) == (2, "train")]
    assert len(trained) == 6 and trained[-1] == 24
    for stop_after in (3, 8, 11):
        stopped = digest_after_a_stop(config, tmp_path / str(stop_after), stop_after)
        assert stopped == digest(tmp_path / "whole")


def test_metrics_of_mixed_sizes_are_means_over_all_validation_boards(tmp_path):
    trainer = trainer_of(tiny(**MIXED, train__epoch_cnt=1), tmp_path)
    trainer.run()
    (row,) = trainer.progress.history
    model, sums = HRM.from_pretrained(tmp_path), np.zeros(3)
    for part in (trainer.dataset, *trainer.dataset.others):
        found = evaluate(model, part.val, [8])[8]
        sums += len(part.val) * np.array([found.loss, found.cell_acc, found.solved])
    expected = [row["val_loss_4x"], row["cell_acc_4x"], row["solved_4x"]]
    assert sums / 8 == pytest.approx(expected)


def test_resuming_from_the_previous_checkpoint_ends_the_same(tmp_path):
    config = tiny()
    trainer_of(config, tmp_path / "whole").run()
    trainer_of(config, tmp_path / "parts").run()
    damaged = tmp_path / "parts/checkpoints/last/training.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    resumed = trainer_of(config, tmp_path / "parts")
    (complaint,) = resumed.resume()
    assert "training.safetensors" in complaint and "checksum" in complaint
    resumed.run()
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")


def test_resume_without_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no good checkpoint"):
        trainer_of(tiny(), tmp_path).resume()


def test_a_tiny_model_learns_a_handful_of_boards(tmp_path):
    config = tiny(
        task__train_count=8, train__batch_size=8, train__epoch_cnt=150, train__lr=5e-3,
        model__modules="H", model__grad_horizon="full", model__local_mixing=True,
        model__d_model=32,
    )  # fmt: skip
    trainer = trainer_of(config, tmp_path)
    boards, labels = trainer.dataset.train.epoch(1, 0)
    for _ in range(config.train.epoch_cnt):
        trainer.train_batch(to_tokens(boards, CPU), to_tokens(labels, CPU))
    metrics = evaluate(trainer.model, boards, [2])[2]
    assert metrics.board_acc == metrics.solved == metrics.cell_acc == 1.0


def test_micro_batches_change_rounding_only(tmp_path):
    losses = []
    for micro in (0, 3):
        trainer = trainer_of(tiny(train__micro_batch=micro), tmp_path / str(micro))
        trainer.run()
        losses.append([row["train_loss"] for row in trainer.progress.history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_metrics_rows_hold_what_the_contract_names(tmp_path):
    reporter = Silent()
    trainer = trainer_of(tiny(), tmp_path, reporter=reporter)
    trainer.run()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows == reporter.rows
    twins = ("val_loss", "cell_acc", "board_acc", "solved")
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


def poison(trainer: Trainer) -> bool:
    with torch.no_grad():
        trainer.model.head.weight.fill_(float("nan"))
    return False


def test_divergence_stops_the_run_and_keeps_the_last_good_state(tmp_path):
    trainer = trainer_of(tiny(), tmp_path)
    trainer.should_stop = lambda: poison(trainer)  # asked after every batch
    with pytest.raises(Diverged, match=r"update 3, boards [0-9a-f]+ .epoch 1, batch 2 of 3"):
        trainer.run()
    fresh = trainer_of(tiny(), tmp_path)
    fresh.resume()
    assert fresh.progress.updates == 0
    assert torch.isfinite(fresh.model.head.weight).all()


def test_an_epoch_that_ends_in_divergence_leaves_no_best_model(tmp_path):
    trainer = trainer_of(tiny(), tmp_path)
    asked = iter(range(1, 100))
    trainer.should_stop = lambda: next(asked) == 3 and poison(trainer)  # after the last batch
    with pytest.raises(Diverged, match=r"a weight is not finite .epoch 1, batch 3 of 3"):
        trainer.run()
    assert not (tmp_path / "checkpoints/best").exists()


def test_a_validation_loss_that_is_not_finite_stops_the_run_too(tmp_path, monkeypatch):
    losses, real = iter([0.5, float("inf")]), Trainer._validate
    monkeypatch.setattr(Trainer, "_validate", lambda t: real(t) | {"val_loss": next(losses)})
    trainer = trainer_of(tiny(), tmp_path)
    with pytest.raises(Diverged, match=r"validation loss is not finite .epoch 2, batch 3 of 3"):
        trainer.run()
    fresh = trainer_of(tiny(), tmp_path)
    fresh.resume()
    assert fresh.progress.epoch == 2 and fresh.progress.best_loss == 0.5


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    trainer = trainer_of(tiny(), tmp_path)
    trainer.save()
    poison(trainer)
    with pytest.raises(Diverged, match="a weight"):
        trainer.save()
    trainer_of(tiny(), tmp_path).resume()


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
    boards, labels = trainer.dataset.train.epoch(1, 0)
    before = copy.deepcopy(trainer.learner.average.state_dict())
    trainer.train_batch(to_tokens(boards, CPU), to_tokens(labels, CPU))
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
        with distributed.autocast(config.train), kernels.use(fused):
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
    asked = {}
    monkeypatch.setattr("torch.compile", lambda model, **options: asked.update(options) or model)
    monkeypatch.setattr("torch.use_deterministic_algorithms", lambda on, **_: asked.update(det=on))
    Learner(tiny(train__compile=True).train, HRM(tiny().model, 4), 1)
    assert asked == {"dynamic": False, "det": True}
