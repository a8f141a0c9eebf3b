"""Thinking until the network says that it is done, and what is measured of it."""

import json
import sys
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU, held_out_boards, some_boards

from hrm import HRM, TRM, ModelConfig, TRMConfig, cli, evaluate, solve_all
from hrm.inference import halting
from hrm.inference.thinking import Thinking
from hrm.models.batch import to_cells, to_tokens
from hrm.models.segment import Inputs
from hrm.tasks.grid import equal_where_graded

CONFIG: Any = {
    "d_model": 16, "head_cnt": 2, "L_block_cnt": 1, "H_cycle_cnt": 1, "L_cycle_cnt": 1,
    "puzzle_token_cnt": 1, "infer_segment_cnt": 5,
}  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["likely right", "worth more"])
def model(request) -> TRM:
    torch.manual_seed(3)
    network = TRM(TRMConfig(**CONFIG, q_continue=request.param), 4).eval()
    with torch.no_grad():
        network.q_head.weight.normal_(std=0.5)
        network.q_head.bias.zero_()
        # So that some of the boards are done after the first segment, and others later.
        boards = Inputs(to_tokens(some_boards(4, 24), CPU))
        _, output = network(network.initial_state(24), boards)
        halt, go_on = output.halt.unbind(dim=1)
        network.q_head.bias[0] = -(halt - go_on if request.param else halt).quantile(0.5)
    return network


def says(model: TRM, halt) -> bool:
    return bool(halt[0] > (halt[1] if model.config.q_continue else 0))


def test_each_puzzle_is_thought_about_until_the_network_says_so(model):
    boards = some_boards(4, 24)
    expected = []
    with torch.no_grad():
        for board in boards:
            state, done = model.initial_state(1), 0
            while done < 5:
                state, output = model(state, Inputs(to_tokens(board[None], CPU)))
                done += 1
                if says(model, output.halt[0]):
                    break
            expected.append((done, to_cells(output.logits.argmax(-1), (4, 4))[0]))
    solutions = list(solve_all(boards, model, until="halted"))
    assert [s.segments for s in solutions] == [done for done, _ in expected]
    for solution, (_, answer) in zip(solutions, expected, strict=True):
        assert np.array_equal(solution.predicted, answer)
        assert not solution.abstained
    assert len({done for done, _ in expected}) > 1
    longest = list(solve_all(boards, model, until="halted", max_segments=2))
    assert [s.segments for s in longest] == [min(2, done) for done, _ in expected]


def test_how_often_the_network_is_right_about_its_answer(model):
    examples = held_out_boards(4, 30)
    found = evaluate(model, examples, [1, 3])
    with torch.no_grad():
        state = model.initial_state(30)
        for _ in range(3):
            state, output = model(state, Inputs(to_tokens(examples.inputs, CPU)))
    exact = equal_where_graded(to_cells(output.logits.argmax(-1), (4, 4)), examples.answers)
    right = (output.halt[:, 0].numpy() >= 0) == exact
    assert found[3].q_halt_acc == pytest.approx(right.mean())
    assert "q_halt_acc" in found[1].as_dict()
    silent = HRM(ModelConfig(d_model=8, head_cnt=2), 4)
    assert "q_halt_acc" not in evaluate(silent, examples, [1])[1].as_dict()


def test_a_network_without_such_a_head_is_refused():
    with pytest.raises(ValueError, match="halted needs a network that says when it is done"):
        next(solve_all(some_boards(4, 1), HRM(ModelConfig(d_model=8, head_cnt=2), 4),
                       until="halted"))  # fmt: skip
    assert Thinking.of(7, until="halted").max_segments == 7


def test_exploration_bounds_a_rule_from_both_sides():
    halt = np.array([[1, 0], [1, 0], [-1, 0], [-1, 0]], np.float32)
    moment = halting.Moment(np.array([1, 3, 3, 4]), halt=halt, least=np.array([2, 3, 0, 0]))
    rule = halting.explored(halting.learned(q_continue=False), 4)
    assert rule(moment).tolist() == [False, True, False, True]


def test_the_command_compares_halting_with_a_fixed_time(model, tmp_path, monkeypatch, capsys):
    model.save_pretrained(tmp_path / "model")
    words = ["evaluate", "--model", str(tmp_path / "model"), "--halted", "--json", "--count", "20"]
    monkeypatch.setattr(sys, "argv", ["hrm", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    ways = json.loads(capsys.readouterr().out)["ways"]
    assert {way["way"] for way in ways} == {"fixed time", "until halted"}
    longest = {way["way"]: way for way in ways if way["max_segments"] == 8}
    assert longest["until halted"]["segments"] < longest["fixed time"]["segments"] == 8
    monkeypatch.setattr(sys, "argv", ["hrm", "evaluate", "--halted", "--count", "5"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and "says when it is done" in capsys.readouterr().err
