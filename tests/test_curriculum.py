"""A curriculum over depth: when which depth is due, and that training and counting follow it."""

import pytest
import torch
from helpers import CPU, labelled, some_boards, tiny

from hrm.models.batch import to_tokens
from hrm.models.hrm import HRM
from hrm.training.cost import run_flops
from hrm.training.curriculum import cycles_at
from hrm.training.learner import Learner

EXAMPLES = labelled(some_boards(4, 2))
TOKENS = to_tokens(EXAMPLES.inputs, CPU)


@pytest.mark.parametrize(
    ("full", "expected"), [(1, [1, 1, 1]), (2, [1, 1, 2]), (3, [1, 2, 3]), (6, [2, 4, 6])]
)
def test_depth_grows_in_three_stages(full, expected):
    stages = [[0.0, 0.1, 0.29], [0.3, 0.5, 0.59], [0.6, 0.9, 1.0]]
    for stage, cycles in zip(stages, expected, strict=True):
        assert [cycles_at(done, full) for done in stage] == [cycles] * 3


@pytest.mark.parametrize("modules", ["H", "HL"])
def test_a_shallow_segment_is_that_of_a_model_with_fewer_cycles(modules):
    config = tiny(model__modules=modules, model__H_cycle_cnt=3, model__grad_horizon=3).model
    model = HRM(config, 4)
    shallow = HRM(config.model_copy(update={"H_cycle_cnt": 1, "grad_horizon": 2}), 4)
    shallow.load_state_dict(model.state_dict())
    logits = []
    for network, cycles in ((model, 1), (shallow, None)):
        _, answer = network(network.initial_state(2), TOKENS, H_cycle_cnt=cycles)
        answer.square().sum().backward()
        logits.append(answer)
    assert torch.equal(*logits)
    for one, other in zip(model.parameters(), shallow.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or other.grad is None or torch.equal(one.grad, other.grad)
    assert not torch.equal(logits[0], model(model.initial_state(2), TOKENS)[1])


@pytest.mark.parametrize(("curriculum", "expected"), [(False, [3] * 10), (True, None)])
def test_training_follows_it(curriculum, expected):
    config = tiny(
        model__modules="H", model__H_cycle_cnt=3, model__L_cycle_cnt=1,
        train__depth_curriculum=curriculum, train__train_segment_cnt=1,
    )  # fmt: skip
    learner = Learner(config.train, HRM(config.model, 4), 10)
    counts = []
    for update in range(10):
        calls = []
        handle = learner.model.H.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        learner.learn(EXAMPLES, update)
        handle.remove()
        counts.append(len(calls))
    assert counts == (expected or [1, 1, 1, 2, 2, 2, 3, 3, 3, 3])


@pytest.mark.parametrize("horizon", ["full", "one_step", 3])
def test_operations_of_a_run_are_those_of_its_stages(horizon):
    def flops(cycles: int, depth_curriculum: bool = False) -> int:
        return run_flops(
            tiny(model__H_cycle_cnt=cycles, train__depth_curriculum=depth_curriculum,
                 model__grad_horizon=min(horizon, 2 * cycles) if horizon == 3 else horizon)
        )  # fmt: skip

    stages = 0.3 * flops(1) + 0.3 * flops(2) + 0.4 * flops(3)
    assert flops(3, depth_curriculum=True) == pytest.approx(stages, abs=1)
    assert flops(3, depth_curriculum=True) < flops(3)
