"""Thinking about a batch before it is learned from."""

import pytest
import torch
from configs import refused
from helpers import board_path, held_out_boards, tiny

from hrm import HRM
from hrm.models.batch import to_inputs, to_targets
from hrm.models.losses import LOSSES
from hrm.models.segment import State
from hrm.models.trm import TRM
from hrm.randomness import Numbers, Purpose
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings
from hrm.training.cost import estimate, run_flops
from hrm.training.free_thought import drawn
from hrm.training.learner import Learner
from hrm.training.slots import Slots

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


def test_held_cells_stay_at_the_initial_state_while_the_others_think_on(monkeypatch):
    learner = learner_of(4, train__held_cells=0.5)
    update = next(u for u in range(99) if drawn(learner.config, EXAMPLES, u).held_segments == 2)
    thought = drawn(learner.config, EXAMPLES, update)
    assert thought.cells.any() and not thought.cells.all()
    plain, states = learner.model, []
    initial = plain.initial_state(len(EXAMPLES), EXAMPLES.shape)
    assert initial.zL is not None
    inputs, state = to_inputs(EXAMPLES.inputs, None, CPU), initial
    with torch.no_grad():
        for segment in range(thought.segments):
            held = segment < thought.held_segments
            for _ in range(plain.config.H_cycle_cnt):  # a cycle at a time
                state, _ = plain(state, inputs, H_cycle_cnt=1)
                cells = thought.cells[..., None] & held
                zL = torch.where(cells, initial.zL, state.zL)
                state = State(torch.where(cells, initial.zH, state.zH), zL)
            states.append(state)
    assert not torch.equal(states[0].zH, initial.zH)
    begun: list[State] = []

    def only_look(slots: Slots, update: int) -> float:
        begun.append(slots.parts[0].state)
        return 0.0

    monkeypatch.setattr(learner, "update", only_look)
    learner.learn(EXAMPLES, update)
    torch.testing.assert_close(begun[0].zH, states[-1].zH)
    torch.testing.assert_close(begun[0].zL, states[-1].zL)


def test_of_each_puzzle_another_part_is_held_up_to_the_limit():
    config = tiny(train__free_segment_cnt=4, train__held_cells=0.4).train
    boards = held_out_boards(10, 40)
    thoughts = [drawn(config, boards, update) for update in range(150)]
    shares = torch.stack([thought.cells.double().mean(dim=1) for thought in thoughts])
    assert shares.mean().item() == pytest.approx(0.2, abs=0.02) and shares.max() < 0.6
    assert all(thought.held_segments <= thought.segments <= 4 for thought in thoughts)
    assert {thought.held_segments for thought in thoughts} == {0, 1, 2, 3, 4}
    without = tiny(train__free_segment_cnt=4).train
    again = [drawn(without, boards, update) for update in range(150)]
    assert [t.segments for t in again] == [t.segments for t in thoughts]
    assert not any(t.held_segments or t.cells.any() for t in again)


def test_the_vectors_of_a_cell_are_those_of_all_its_codes_and_follow_the_puzzle_tokens():
    cells = torch.tensor([[True, False, False, True]])
    digits = HRM(
        tiny(model__code_axis=True, model__local_mixing=True, model__attention=False).model,
        Sudoku(SudokuSettings(size=4)).grid,
    )
    assert digits.vectors_of(cells)[0].tolist() == [True] * 4 + [False] * 8 + [True] * 4
    trm = TRM({"puzzle_token_cnt": 2}, board_path(2).grid)
    assert trm.vectors_of(cells)[0].tolist() == [False, False, True, False, False, True]


def test_cells_are_held_in_free_segments_only():
    [line] = refused("train.held_cells=0.1")
    assert "train.held_cells" in line and "train.free_segment_cnt" in line


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
