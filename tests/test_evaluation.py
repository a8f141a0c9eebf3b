"""Evaluation: every metric against its definition, in one pass, cells that are not graded."""

import numpy as np
import pytest
import torch
from helpers import CPU, answers_one_by_one, board_path, labelled, some_boards
from mines import MINE, Mines
from teller import Teller

from hrm import ModelConfig
from hrm.data.source import held_out
from hrm.inference.evaluation import evaluate, joined, score
from hrm.intervals import wilson
from hrm.models.batch import to_targets, to_tokens
from hrm.models.hrm import HRM
from hrm.tasks.boardpath.boards import FLOOR, label, solved
from hrm.tasks.grid import IGNORE

SMALL = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1)


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    return HRM(SMALL, 4).eval()


@pytest.fixture(scope="module")
def boards():
    return some_boards(4, 20)


def test_evaluation_in_one_pass_equals_one_pass_each(model, boards):
    labels = label(boards)
    found = evaluate(model, boards, [5, 1, 2], batch_size=8)
    assert list(found) == [1, 2, 5]
    for segments, metrics in found.items():
        answers = answers_one_by_one(model, boards, segments)
        right = answers == labels
        assert metrics.cell_acc == pytest.approx(right.mean())
        filled = [
            r[b == FLOOR].mean() if FLOOR in b else 1.0 for r, b in zip(right, boards, strict=True)
        ]
        assert metrics.open_acc == pytest.approx(np.mean(filled))
        assert metrics.solved == pytest.approx(solved(boards, answers).mean())
        assert metrics.board_acc == pytest.approx(right.all(axis=(1, 2)).mean())
        assert metrics.loss == pytest.approx(evaluate(model, boards, [segments])[segments].loss)


def test_evaluated_loss_is_averaged_over_segments(model, boards):
    targets = to_targets(label(boards), CPU)
    losses = []
    with torch.no_grad():
        state = model.initial_state(len(boards))
        for _ in range(3):
            state, logits = model(state, to_tokens(boards, CPU))
            losses.append(
                torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            )
    assert evaluate(model, boards, [3])[3].loss == pytest.approx(float(sum(losses)) / 3, rel=1e-5)


@pytest.mark.parametrize("segments", [[], [0], [2, -1]])
def test_evaluation_needs_segments(model, boards, segments):
    with pytest.raises(ValueError, match="segments: "):
        evaluate(model, boards, segments)


def test_evaluation_needs_puzzles_with_answers(model, boards):
    with pytest.raises(ValueError, match="boards: there are none"):
        evaluate(model, boards[:0], [1])
    barren = boards.copy()
    barren[3] = [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 3]]
    with pytest.raises(ValueError, match=r"boards: puzzle 4: .*no path"):
        evaluate(model, barren, [1])


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_no_gradient_and_the_model_in_its_mode(training, boards):
    model = HRM(ModelConfig(d_model=8, head_cnt=2, dropout=0.5), 4).train(training)
    one, other = (evaluate(model, boards, [1, 2]) for _ in range(2))
    assert one == other and model.training is training
    assert all(p.grad is None for p in model.parameters())


def test_cells_that_are_not_graded_count_for_nothing():
    torch.manual_seed(0)
    task = Mines()
    model, examples = HRM(SMALL, task.grid).eval(), held_out(task, 30)
    assert ((examples.answers == IGNORE) == (examples.inputs == MINE)).all()
    (found,) = score(model, task, examples, [2], batch_size=30)
    losses, state = np.zeros(30), model.initial_state(30)
    for _ in range(2):
        with torch.no_grad():
            state, logits = model(state, to_tokens(examples.inputs, CPU))
        chances = logits.double().softmax(-1).numpy().reshape(30, 3, 5, 9)
        for i, puzzle in enumerate(examples.inputs):
            free = np.argwhere(puzzle != MINE)
            losses[i] -= np.mean([np.log(chances[i, r, c, around(puzzle, r, c)]) for r, c in free])
    answers = chances.argmax(-1)
    np.testing.assert_allclose(found[2].loss, losses / 2, rtol=1e-5)
    for i, puzzle in enumerate(examples.inputs):
        right = [answers[i, r, c] == around(puzzle, r, c) for r, c in np.argwhere(puzzle != MINE)]
        assert found[2].cell_acc[i] == found[2].open_acc[i] == pytest.approx(np.mean(right))
        assert found[2].exact[i] == found[2].solved[i] == all(right)


def around(puzzle, row: int, column: int) -> int:
    """Mines around a cell, one by one."""
    places = [(row + dr, column + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]
    return sum(0 <= r < 3 and 0 <= c < 5 and puzzle[r, c] == MINE for r, c in places)


def test_an_answer_is_right_whatever_it_says_of_cells_that_are_not_graded():
    task = Mines()
    puzzles = task.draw(4, (1,))
    labels = task.answer(puzzles)
    answers = np.where(labels == IGNORE, 7, labels)
    answers[0].flat[np.flatnonzero(labels[0] != IGNORE)[0]] += 1
    assert task.check(puzzles, answers).tolist() == [False, True, True, True]
    verdicts = [verdict.name for verdict in task.judge(puzzles, answers, labels)]
    assert verdicts == ["none", "exact", "exact", "exact"]
    nothing = np.full_like(labels, IGNORE)
    assert task.judge(puzzles[:1], answers[:1], nothing[:1])[0].name == "unsolvable"


def test_scores_puzzle_by_puzzle_are_those_of_each_alone():
    model, examples = Teller(), labelled(some_boards(4, 150))
    batches = list(score(model, board_path(4), examples, [4, 1], batch_size=64))
    assert [len(batch[1].exact) for batch in batches] == [64, 64, 22]
    found = joined(batches)
    assert list(found) == [1, 4]
    metrics = evaluate(model, examples, [1, 4])
    for count, scores in found.items():
        assert scores.solved.shape == (150,)
        for board in range(0, 150, 7):
            one = evaluate(model, examples.inputs[board : board + 1], [count])[count]
            assert (scores.exact[board], scores.solved[board]) == (one.board_acc, one.solved)
            assert scores.cell_acc[board] == pytest.approx(one.cell_acc)
            assert scores.open_acc[board] == pytest.approx(one.open_acc)
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
