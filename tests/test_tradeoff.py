import numpy as np
import pytest
from teller import CONFIG, Teller

from hrm.data.dataset import generate
from hrm.inference.evaluation import evaluate, score_boards, wilson
from hrm.inference.thinking import think
from hrm.inference.tradeoff import FIXED, compare, ways
from hrm.models.hrm import HRM
from hrm.models.operations import forward_flops
from hrm.tasks.boardpath.boards import label, solved


@pytest.fixture(scope="module")
def model() -> HRM:
    return Teller()


@pytest.fixture(scope="module")
def boards():
    return generate(4, 0.3, 30, 0)


def test_outcomes_are_those_of_thinking_so(model, boards):
    names = ["until solved", "vote of 8 starts"]
    outcomes = {(o.way, o.max_segments): o for o in compare(model, boards, names)}
    assert [limit for way, limit in outcomes if way == names[1]] == [1, 2]
    a_segment = sum(forward_flops(CONFIG, 4).values())
    for (way, limit), outcome in outcomes.items():
        thinking, _ = ways(CONFIG)[way]
        thoughts = think(model, boards, type(thinking)(**{**vars(thinking), "max_segments": limit}))
        assert outcome.segments == thoughts.segments.mean()
        assert outcome.flops == pytest.approx(thoughts.segments.mean() * a_segment)
        assert outcome.solved == solved(boards, thoughts.answers).mean()
        assert outcome.board_acc == (thoughts.answers == label(boards)).all(axis=(1, 2)).mean()


def test_a_fixed_time_is_told_by_one_evaluation(model, boards):
    told = []
    outcomes = compare(model, boards, [FIXED], lambda: told.append(1))
    assert len(told) == len(outcomes) == 6
    for outcome in outcomes:
        expected = evaluate(model, boards, [outcome.max_segments])[outcome.max_segments]
        assert (outcome.board_acc, outcome.solved) == (expected.board_acc, expected.solved)
        assert outcome.segments == outcome.max_segments


def test_thinking_until_solved_solves_as_much_for_less(model, boards):
    fixed, solved = (compare(model, boards, [way]) for way in (FIXED, "until solved"))
    for one, other in zip(fixed, solved, strict=True):
        assert one.solved == other.solved
        assert other.segments <= one.segments
    assert 0 < fixed[0].solved < fixed[-1].solved
    assert solved[-1].segments < 10


def test_scores_board_by_board_are_those_of_each_board_alone(model):
    boards, done = generate(4, 0.3, 150, 0), []
    found = score_boards(model, boards, [4, 1], batch_size=64, on_batch=done.append)
    assert list(found) == [1, 4] and done == [64, 64, 22]
    metrics = evaluate(model, boards, [1, 4])
    for count, scores in found.items():
        assert scores.solved.shape == (150,)
        for board in range(0, 150, 7):
            one = evaluate(model, boards[board : board + 1], [count])[count]
            assert (scores.exact[board], scores.solved[board]) == (one.board_acc, one.solved)
            assert scores.cell_acc[board] == pytest.approx(one.cell_acc)
            assert scores.loss[board] == pytest.approx(one.loss, rel=1e-5)
        for name, mean in scores.as_dict().items():
            assert mean == pytest.approx(getattr(metrics[count], name))


def test_wilson_interval_holds_the_shares_that_a_test_would_not_reject():
    """The ends are the shares p with |share - p| = z standard errors at p."""
    for share in (0.0, 0.3, 0.996, 1.0):
        low, high = wilson(share, 1000)
        for end in (low, high):
            error = 1.959964 * np.sqrt(max(0, end * (1 - end)) / 1000)
            assert abs(share - end) == pytest.approx(error, abs=1e-9)
        assert -1e-12 < low < share + 1e-12 and share - 1e-12 < high < 1 + 1e-12
