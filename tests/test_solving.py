import numpy as np
import pytest
import torch

import hrm
from hrm.config.schema import ModelConfig
from hrm.data.dataset import generate
from hrm.inference.evaluation import evaluate, to_boards, to_tokens
from hrm.inference.solving import solve, solve_all, watch
from hrm.models.hrm import HRM
from hrm.tasks.boardpath.boards import PATH, Verdict, label
from hrm.tasks.boardpath.text import format_board, parse_boards

CONFIG = ModelConfig(
    d_model=8, head_cnt=2, H_block_cnt=1, H_cycle_cnt=3, L_cycle_cnt=2, infer_segment_cnt=2
)


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    return HRM(CONFIG, 4).eval()


@pytest.fixture(scope="module")
def boards():
    return generate(4, 0.3, 20, 0)


def answers_one_by_one(model, boards, segments):
    answers = []
    with torch.no_grad():
        for board in boards:
            state = model.initial_state(1)
            for _ in range(segments):
                state, logits = model(state, to_tokens(board[None], torch.device("cpu")))
            answers.append(to_boards(logits.argmax(-1))[0])
    return np.stack(answers)


def test_solve_takes_text_or_codes(model, boards):
    by_text, by_codes = solve(format_board(boards[0]), model), solve(boards[0], model)
    assert (by_text.predicted == by_codes.predicted).all()
    assert (by_text.target == label(boards[:1])[0]).all()
    assert by_text.segments == 2 and by_text.seconds > 0


def test_solving_in_batches_is_solving_one_by_one(model, boards):
    expected = answers_one_by_one(model, boards, 3)
    found = [s.predicted for s in solve_all(list(boards), model, segments=3, batch_size=7)]
    assert (np.stack(found) == expected).all()


def test_a_board_without_a_path_is_named_so(model):
    solution = solve("S#..\n##..\n....\n...E", model)
    assert solution.verdict is Verdict.UNSOLVABLE
    assert solution.target is None and solution.as_json()["target"] is None
    assert not solution.solved and not solution.exact
    assert "no path" in str(solution)


def test_json_holds_what_the_contract_names(model, boards):
    content = solve(boards[0], model).as_json()
    names = ["input", "predicted", "target", "verdict", "exact", "solved", "segments"]
    assert list(content) == [*names, "attempts", "abstained"]
    (read_back,) = parse_boards("\n".join(content["input"]))
    assert (read_back == boards[0]).all()


def test_boards_of_another_size_are_refused_before_anything_is_solved(model, boards):
    with pytest.raises(ValueError, match=r"board 2: boards are 5×5, but this model works on 4×4"):
        next(solve_all([boards[0], generate(5, 0.3, 1, 0)[0]], model))


def test_codes_that_are_no_board_are_refused(model, boards):
    twice = boards[0].copy()
    twice[twice == 0] = 2
    for board in (twice, np.full((4, 4), 4, dtype=np.uint8)):
        with pytest.raises(ValueError, match="board 1: codes are"):
            solve(board, model)
    with pytest.raises(ValueError, match="segments: 0"):
        solve(boards[0], model, segments=0)


def test_solving_drops_nothing_out(boards):
    noisy = HRM(ModelConfig(d_model=8, head_cnt=2, dropout=0.5), 4)
    assert noisy.training
    assert str(solve(boards[0], noisy).predicted) == str(solve(boards[0], noisy).predicted)
    assert not noisy.training


def test_solve_takes_one_board(model):
    with pytest.raises(ValueError, match="2 boards"):
        solve("S.\n.E\n\nS.\n.E", model)


def test_frames_are_the_answers_after_every_h_update(model, boards):
    frames = watch(boards[0], model, segments=2)
    assert [(f.segment, f.step) for f in frames] == [
        (0, 0), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)
    ]  # fmt: skip
    for segments, frame in ((1, frames[3]), (2, frames[6])):
        assert (frame.predicted == answers_one_by_one(model, boards[:1], segments)[0]).all()
    by_text = watch(format_board(boards[0]), model, segments=2)
    assert (by_text[-1].predicted == frames[-1].predicted).all()
    # Before any thought the state is the same in every cell, so the answer is too.
    assert len(np.unique(frames[0].predicted)) == 1
    for frame in frames:
        assert ((frame.path_probability >= 0) & (frame.path_probability <= 1)).all()
        assert (frame.path_probability[frame.predicted == PATH] > 0.2).all()


def test_one_module_shows_every_update(boards):
    one = HRM(ModelConfig(d_model=8, head_cnt=2, modules="H", H_block_cnt=1), 4)
    assert len(watch(boards[0], one, segments=3)) == 1 + 3 * 4


def test_evaluation_in_one_pass_equals_one_pass_each(model, boards):
    labels = label(boards)
    found = evaluate(model, boards, [5, 1, 2], batch_size=8)
    assert list(found) == [1, 2, 5]
    for segments, metrics in found.items():
        answers = answers_one_by_one(model, boards, segments)
        right = answers == labels
        assert metrics.cell_acc == pytest.approx(right.mean())
        assert metrics.board_acc == pytest.approx(right.all(axis=(1, 2)).mean())
        assert metrics.loss == pytest.approx(evaluate(model, boards, [segments])[segments].loss)


def test_evaluated_loss_is_averaged_over_segments(model, boards):
    targets = to_tokens(label(boards), torch.device("cpu"))
    losses = []
    with torch.no_grad():
        state = model.initial_state(len(boards))
        for _ in range(3):
            state, logits = model(state, to_tokens(boards, torch.device("cpu")))
            losses.append(
                torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            )
    assert evaluate(model, boards, [3])[3].loss == pytest.approx(float(sum(losses)) / 3, rel=1e-5)


@pytest.mark.parametrize("segments", [[], [0], [2, -1]])
def test_evaluation_needs_segments(model, boards, segments):
    with pytest.raises(ValueError, match="segments: "):
        evaluate(model, boards, segments)


def test_evaluation_leaves_no_gradient_behind(model, boards):
    evaluate(model, boards, [1])
    assert all(p.grad is None for p in model.parameters())


def test_the_package_offers_its_names_lazily():
    assert hrm.solve is solve and hrm.HRM is HRM
    assert set(hrm.__all__) == set(dir(hrm))
    with pytest.raises(AttributeError, match="nonsense"):
        hrm.nonsense  # noqa: B018
