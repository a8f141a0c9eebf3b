"""Solving: every way to give puzzles, what a solution says, and the frames of a thought."""

from dataclasses import replace

import numpy as np
import pytest
import teller
import torch
from helpers import answers_one_by_one, board_path, some_boards
from mines import Mines
from PIL import Image, ImageSequence
from teller import Teller, walled

import hrm
from hrm import ModelConfig
from hrm.inference.solving import Solution, solve, solve_all, watch
from hrm.inference.thinking import Thinking, think
from hrm.models.hrm import HRM
from hrm.rendering.animation import save_animation
from hrm.tasks.boardpath.boards import UNSOLVABLE, label

TASK = board_path(4)

CONFIG = ModelConfig(
    d_model=8, head_cnt=2, H_block_cnt=1, H_cycle_cnt=3, L_cycle_cnt=2, infer_segment_cnt=2
)


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    return HRM(CONFIG, 4).eval()


@pytest.fixture(scope="module")
def boards():
    return some_boards(4, 20)


def test_a_solution_holds_the_answer_and_the_label(model, boards):
    found = solve(TASK.format(boards[0]), model)
    assert (found.predicted == answers_one_by_one(model, boards[:1], 2)[0]).all()
    assert (found.target == label(boards[:1])[0]).all()
    assert found.segments == 2 and found.seconds > 0


@pytest.mark.parametrize("how", [{}, {"restarts": 2}, {"until": "solved", "restarts": 2}], ids=str)
def test_however_puzzles_are_given_the_answers_are_the_same(how, model, boards, tmp_path):
    (tmp_path / "boards.txt").write_text(TASK.format_all(boards))
    given = {
        "uint8": boards,
        "int64": boards.astype(np.int64),
        "list": list(boards),
        "generator": (board for board in boards),
        "texts": [TASK.format(board) for board in boards],
        "file": [tmp_path / "boards.txt"],
        "text of all": [TASK.format_all(boards)],
        "turned in memory": [np.asfortranarray(board) for board in boards],
    }
    found = {name: list(solve_all(some, model, **how)) for name, some in given.items()}
    for solutions in found.values():
        for solution, expected in zip(solutions, found["uint8"], strict=True):
            np.testing.assert_array_equal(solution.input, expected.input)
            np.testing.assert_array_equal(solution.predicted, expected.predicted)
            assert solution.segments == expected.segments


def test_the_name_of_a_file_is_no_puzzle(model, tmp_path):
    (tmp_path / "board.txt").write_text("S.\n.E")
    with pytest.raises(ValueError, match=r"board\.txt: is the name of a file; pass Path"):
        solve(str(tmp_path / "board.txt"), model)


def test_solving_in_batches_is_solving_one_by_one(model, boards):
    expected = answers_one_by_one(model, boards, 3)
    found = [s.predicted for s in solve_all(list(boards), model, segments=3, batch_size=7)]
    assert (np.stack(found) == expected).all()


def test_a_board_without_a_path_is_named_so(model):
    solution = solve("S#..\n##..\n....\n...E", model)
    assert solution.verdict == UNSOLVABLE
    assert solution.target is None and solution.as_json()["target"] is None
    assert not solution.solved and not solution.exact
    assert "no path" in str(solution)


def test_json_holds_what_the_contract_names(model, boards):
    content = solve(boards[0], model).as_json()
    names = ["input", "predicted", "target", "verdict", "exact", "solved", "segments"]
    assert list(content) == [*names, "attempts", "abstained"]
    (read_back,) = TASK.parse("\n".join(content["input"]))
    assert (read_back.input == boards[0]).all()


def test_boards_of_another_size_are_refused_before_anything_is_solved(model, boards):
    for where, others in ((2, []), (21, list(boards[1:]))):
        with pytest.raises(ValueError, match=rf"board {where}: .* are 5×5, .* works on 4×4"):
            solve_all((b for b in (boards[0], *others, some_boards(5, 1)[0])), model)


def test_codes_that_are_no_board_are_refused(model, boards):
    twice = boards[0].copy()
    twice[twice == 0] = 2
    for board in (twice, np.full((4, 4), 4, dtype=np.uint8)):
        with pytest.raises(ValueError, match="board 1: codes are"):
            solve(board, model)
    codes = boards[0].astype(np.int64)
    for board in (codes + 0.0, codes + 255, -codes, codes.astype(str)):
        with pytest.raises(ValueError, match="board: expected text, a Path, or an array"):
            solve(board, model)
    with pytest.raises(ValueError, match="board 1 has 3 axes"):
        solve(boards, model)
    with pytest.raises(ValueError, match="segments: 0"):
        solve(boards[0], model, segments=0)


@pytest.mark.parametrize("training", [True, False])
def test_solving_drops_nothing_out_and_leaves_the_model_in_its_mode(training, boards):
    noisy = HRM(ModelConfig(d_model=8, head_cnt=2, dropout=0.5), 4).train(training)
    one, other = (solve(boards[0], noisy, segments=3, watch=True) for _ in range(2))
    for first, second in zip(one.frames, other.frames, strict=True):
        np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert noisy.training is training
    solutions = solve_all(boards, noisy, batch_size=1)
    next(solutions)
    assert noisy.training is training  # between two of them too
    with pytest.raises(ValueError, match="segments"):
        solve(boards[0], noisy, segments=-1)
    assert noisy.training is training and noisy.head.weight.requires_grad


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
    by_text = watch(TASK.format(boards[0]), model, segments=2)
    assert (by_text[-1].predicted == frames[-1].predicted).all()
    # Before any thought the state is the same in every cell, so the answer is too.
    assert len(np.unique(frames[0].predicted)) == 1
    for frame in frames:
        assert frame.probabilities is not None and frame.probabilities.shape == (4, 4, 5)
        np.testing.assert_allclose(frame.probabilities.sum(axis=2), 1, rtol=1e-5)
        np.testing.assert_array_equal(frame.probabilities.argmax(axis=2), frame.predicted)


@pytest.mark.parametrize("right", [None, 0, 2, 5])
def test_frames_are_those_of_the_attempt_whose_answer_is_returned(
    right, model, boards, monkeypatch, tmp_path
):
    """The attempt of that number is right in its second segment; of none, the first is shown."""
    rights = iter([attempt == right and last for attempt in range(8) for last in (False, True)])
    monkeypatch.setattr(Thinking, "rule", lambda *_: lambda moment: np.array([next(rights)]))
    how = {"until": "solved", "max_segments": 2, "symmetries": True}
    found = solve(boards[0], model, watch=True, **how)
    assert found.attempts == (8 if right is None else right + 1)
    shown = TASK.symmetries[right or 0]
    alone = answers_one_by_one(model, shown.view(boards[:1]), 2)
    np.testing.assert_array_equal(found.predicted, shown.undo(alone)[0])
    assert len(found.frames) == 1 + 2 * 3
    ends = []
    for frames in (found.frames, [replace(found.frames[-1], predicted=found.predicted)]):
        save_animation(tmp_path / "a.gif", TASK, found.input, frames, found.verdict)
        with Image.open(tmp_path / "a.gif") as gif:
            *_, last = (page.convert("RGB") for page in ImageSequence.Iterator(gif))
        ends.append(last.tobytes())
    assert ends[0] == ends[1]


def test_frames_of_a_vote_end_with_the_answer_that_won(model, boards):
    for board in boards:
        found = solve(board, model, symmetries=True, restarts=3, watch=True)
        np.testing.assert_array_equal(found.frames[-1].predicted, found.predicted)


def test_one_module_shows_every_update(boards):
    one = HRM(ModelConfig(d_model=8, head_cnt=2, modules="H", H_block_cnt=1), 4)
    assert len(watch(boards[0], one, segments=3)) == 1 + 3 * 4


def test_a_solution_says_what_it_took_and_abstains_in_words():
    def told(walls: int, **how) -> Solution:
        return solve(walled(walls)[0], Teller(), **how)

    found = told(3, until="solved", max_segments=32)
    assert found.solved and found.segments == 3 and not found.abstained
    assert "(3 segments, " in str(found) and "abstains" not in str(found)
    lost = told(11, until="solved", max_segments=4, restarts=2)
    assert lost.abstained and lost.segments == 12 and lost.attempts == 3
    assert lost.as_json()["abstained"] is True and lost.as_json()["verdict"] == "none"
    words = "The model abstains: no answer checked out within 4 segments of each of 3 attempts."
    assert str(lost).endswith(words) and "(12 segments in 3 attempts, " in str(lost)
    restless = told(3, until="settled", max_segments=3, patience=3)
    assert str(restless).endswith("abstains: the answer kept changing within 3 segments.")
    # A settled answer is stood by, right or wrong; so is that of a fixed time.
    assert not told(11, until="settled").abstained and not told(11, segments=2).abstained


def test_a_board_without_a_path_takes_one_segment_and_is_no_answer(model):
    found = solve("S#..\n##..\n....\n...E", model, until="solved")
    assert found.segments == 1 and found.abstained and str(found).count("no path") == 1


def test_boards_of_mixed_sizes_are_solved_in_batches_of_one_size_and_in_order(model, monkeypatch):
    torch.manual_seed(0)
    free = HRM(teller.CONFIG, 4).eval()
    small, large = list(some_boards(4, 5)), list(some_boards(6, 4))
    mixed = [small[0], large[0], large[1], small[1], *small[2:], *large[2:]]
    batches = []
    monkeypatch.setattr(
        "hrm.inference.solving.think",
        lambda m, t, puzzles, *how: batches.append(puzzles.shape[:2]) or think(m, t, puzzles, *how),
    )
    found = list(solve_all(mixed, free, batch_size=2))
    assert batches == [(2, 4), (2, 6), (2, 4), (1, 4), (2, 6)]
    for board, solution in zip(mixed, found, strict=True):
        np.testing.assert_array_equal(solution.input, board)
        np.testing.assert_array_equal(solution.predicted, solve(board, free).predicted)
    with pytest.raises(ValueError, match=r"board 2: .* are 6×6.*rope_2d"):
        solve_all(mixed, model)


def test_a_model_of_another_task_solves_what_its_own_task_reads():
    torch.manual_seed(0)
    task = Mines()
    found = solve(
        ".*...\n.....\n**..*", HRM(ModelConfig(d_model=8, head_cnt=2), task.grid), task=task
    )
    assert found.predicted.shape == (3, 5) and found.target is not None
    assert found.as_json()["target"] == ["1?100", "332 1 1".replace(" ", ""), "??11?"]


def test_the_package_offers_its_names_lazily():
    assert hrm.solve is solve and hrm.HRM is HRM
    assert set(hrm.__all__) == set(dir(hrm))
    with pytest.raises(AttributeError, match="nonsense"):
        hrm.nonsense  # noqa: B018
