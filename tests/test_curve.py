"""What ways of thinking buy: each outcome against thinking that way."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import board_path, labelled, some_boards
from mines import FREE, MINE, Mines
from teller import CONFIG, Teller

from hrm import ModelConfig
from hrm.inference.curve import FIXED, compare, ways
from hrm.inference.evaluation import evaluate
from hrm.inference.thinking import think
from hrm.models.hrm import HRM
from hrm.models.operations import forward_flops
from hrm.tasks.boardpath.boards import label, solved
from hrm.tasks.examples import Examples

TASK = board_path(4)


@pytest.fixture(scope="module")
def model() -> HRM:
    return Teller()


@pytest.fixture(scope="module")
def examples():
    return labelled(some_boards(4, 30))


def test_outcomes_are_those_of_thinking_so(model, examples):
    names = ["until solved", "vote of 8 starts"]
    outcomes = {(o.way, o.max_segments): o for o in compare(model, TASK, examples, names)}
    assert [limit for way, limit in outcomes if way == names[1]] == [1, 2]
    a_segment = sum(forward_flops(CONFIG, TASK.grid).values())
    for (way, limit), outcome in outcomes.items():
        thinking, _ = ways(CONFIG, TASK)[way]
        thoughts = think(model, TASK, examples.inputs, replace(thinking, max_segments=limit))
        assert outcome.segments == thoughts.segments.mean()
        assert outcome.flops == pytest.approx(thoughts.segments.mean() * a_segment)
        assert outcome.solved == solved(examples.inputs, thoughts.answers).mean()
        exact = (thoughts.answers == label(examples.inputs)).all(axis=(1, 2))
        assert outcome.board_acc == exact.mean()


def test_a_fixed_time_is_told_by_one_evaluation(model, examples):
    told = []
    outcomes = compare(model, TASK, examples, [FIXED], lambda: told.append(1))
    assert len(told) == len(outcomes) == 6
    for outcome in outcomes:
        expected = evaluate(model, examples, [outcome.max_segments])[outcome.max_segments]
        assert (outcome.board_acc, outcome.solved) == (expected.board_acc, expected.solved)
        assert outcome.segments == outcome.max_segments


def test_thinking_until_solved_solves_as_much_for_less(model, examples):
    fixed, solved = (compare(model, TASK, examples, [way]) for way in (FIXED, "until solved"))
    for one, other in zip(fixed, solved, strict=True):
        assert one.solved == other.solved
        assert other.segments <= one.segments
    assert 0 < fixed[0].solved < fixed[-1].solved
    assert solved[-1].segments < 10


def test_an_oblong_puzzle_has_the_ways_of_its_symmetries():
    task = Mines()
    names = list(ways(CONFIG, task))
    assert "vote of 4 symmetries" in names and "until solved, 4 symmetries" in names


@pytest.mark.parametrize("way", [FIXED, "until settled", "until solved", "vote of 8 starts"])
def test_cells_that_are_not_graded_are_passed_over(way):
    task = Mines()
    model = HRM(ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1, head_bias=True), task.grid)
    torch.nn.init.constant_(model.head.bias[5:6], 1e6)  # it answers 5 everywhere
    puzzles = np.full((15, 3, 5), MINE, dtype=np.uint8)
    puzzles.reshape(15, 15)[np.diag_indices(15)] = FREE
    # Five mines lie around eight of the cells: those at an edge, corners aside.
    for outcome in compare(model, task, Examples(puzzles, task.answer(puzzles)), [way]):
        assert outcome.board_acc == outcome.solved == 8 / 15
    assert model.training
