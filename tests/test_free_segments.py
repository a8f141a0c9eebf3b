"""Thinking about a batch before it is learned from."""

import pytest
import torch
from configs import refused
from helpers import board_path, held_out_boards, tiny

from hrm import HRM
from hrm.models.batch import to_inputs, to_targets
from hrm.models.losses import LOSSES
from hrm.randomness import Numbers, Purpose
from hrm.training.cost import estimate, run_flops
from hrm.training.learner import Learner

EXAMPLES = held_out_boards(4, 6)
CPU = torch.device("cpu")


def learner_of(free: int, **train):
    config = tiny(train__free_segment_cnt=free, train__train_segment_cnt=1, **train)
    return Learner(config.train, HRM(config.model, board_path(4).grid), 100)


def counts(free: int, updates: range, **train) -> list[int]:
    """Segments thought about for each batch."""
    learner, found = learner_of(free, **train), []
    for update in updates:
        calls: list[int] = []
        handle = learner.model.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        learner.learn(EXAMPLES, update)
        handle.remove()
        found.append(len(calls))
    return found


def test_batches_are_thought_about_for_all_lengths_up_to_the_limit():
    found = counts(3, range(60))
    assert set(found) == {1, 2, 3, 4}
    assert counts(0, range(5)) == [1] * 5


def test_lengths_depend_on_seed_and_update_alone():
    assert counts(5, range(20))[10:] == counts(5, range(10, 20))
    assert counts(5, range(20)) != counts(5, range(20), train__seed=1)


def test_the_loss_is_that_of_the_state_after_the_free_segments_and_they_have_no_gradient(
    monkeypatch,
):
    update = next(u for u in range(99) if _drawn(4, u) == 3)
    learner = learner_of(4, model__dropout=0.0, model__sdpa_dropout=0.0)
    plain = HRM(learner.model.config, board_path(4).grid)
    plain.load_state_dict(learner.model.state_dict())
    inputs = to_inputs(EXAMPLES.inputs, None, CPU)
    state = plain.initial_state(len(EXAMPLES), EXAMPLES.shape)
    for _ in range(3):
        state, _ = plain(state, inputs)
        state = state.detach()
    loss = LOSSES["softmax"](plain(state, inputs)[1].logits, to_targets(EXAMPLES.answers, CPU))
    loss.backward()
    found = {}

    def keep_gradients(update: int) -> None:
        for name, parameter in learner.model.named_parameters():
            if parameter.grad is not None:
                found[name] = parameter.grad.clone()

    monkeypatch.setattr(learner, "_step", keep_gradients)
    assert learner.learn(EXAMPLES, update) == pytest.approx(loss.item(), rel=1e-5)
    expected = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys() and expected
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)


def _drawn(most: int, update: int) -> int:
    return int(Numbers(0, Purpose.FREE_SEGMENTS, update).below(most + 1))


def test_their_operations_are_counted_as_forward_passes():
    """A training segment costs about three forward passes, and two free ones come on average."""
    full = tiny(model__grad_horizon="full")
    freely = full.derive(train__free_segment_cnt=4)
    without, with_free = run_flops(full), run_flops(freely)
    segments = full.train.train_segment_cnt
    assert (with_free - without) / without == pytest.approx(2 / (3 * segments), rel=0.05)
    assert estimate(freely).training == with_free


def test_with_learned_halting_there_are_none():
    [line] = refused("model.network=trm", "train.halt=learned", "train.free_segment_cnt=2")
    assert "train.free_segment_cnt" in line and "train.halt=fixed" in line
