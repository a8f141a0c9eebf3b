"""Runs that stop, for whatever reason, and go on: they end as if nothing had happened."""

from pathlib import Path

import pytest
import torch
from helpers import MIXED, Silent, digest, tiny, trainer_of

from hrm import RunConfig
from hrm.errors import Diverged
from hrm.training.trainer import Trainer


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


def poison(trainer: Trainer) -> bool:
    with torch.no_grad():
        trainer.model.head.weight.fill_(float("nan"))
    return False


def test_divergence_stops_the_run_and_keeps_the_last_good_state(tmp_path):
    trainer = trainer_of(tiny(), tmp_path)
    trainer.should_stop = lambda: poison(trainer)  # asked after every batch
    with pytest.raises(Diverged, match=r"update 3, puzzles [0-9a-f]+ .epoch 1, batch 2 of 3"):
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
