"""Thinking: when each puzzle is done, attempts under symmetries and from noise, votes."""

import tracemalloc
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from helpers import CPU, board_path, some_boards
from hypothesis import given, settings
from hypothesis import strategies as st
from mines import Mines
from teller import CONFIG, Teller, walled

from hrm import ModelConfig
from hrm.inference import halting
from hrm.inference.halting import Moment
from hrm.inference.thinking import Attempt, Stage, Thinking, Thoughts, think, vote
from hrm.models.batch import to_cells, to_tokens
from hrm.models.hrm import HRM
from hrm.models.segment import State
from hrm.tasks.boardpath.boards import END, FLOOR, PATH, Boards, label, solved
from hrm.tasks.symmetry import turn, turn_back, turns_of

SYMMETRY = st.integers(0, 7)
TASK = board_path(4)
SAME = turns_of((4, 4))[0]


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    return HRM(CONFIG, 4).eval()


@pytest.fixture(scope="module")
def boards() -> Boards:
    return some_boards(4, 40)


@settings(deadline=None, derandomize=True)
@given(st.integers(2, 6), st.integers(0, 2**31), SYMMETRY)
def test_turning_there_and_back_is_the_identity(size, seed, symmetry):
    board = some_boards(size, 1, seed, wall_prob=0.2)[0]
    turned = turn(board, symmetry)
    np.testing.assert_array_equal(turn_back(turned, symmetry), board)
    own = turns_of(board.shape)[symmetry]
    np.testing.assert_array_equal(turned, own.view(board))
    np.testing.assert_array_equal(own.undo(turned), board)
    np.testing.assert_array_equal(turn(board[None], symmetry)[0], turned)
    assert solved(turned[None], turn(label(board[None]), symmetry))[0]


def test_the_eight_symmetries_are_different_and_as_documented():
    board = np.arange(9, dtype=np.uint8).reshape(3, 3)
    views = [turn(board, symmetry).tolist() for symmetry in range(8)]
    assert len({str(view) for view in views}) == 8
    assert views[1] == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]
    assert views[4] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_each_board_thinks_until_it_is_solved_and_no_longer():
    teller = Teller()
    thoughts = think(teller, TASK, walled(3, 1, 10, 7), Thinking("solved", 5))
    assert thoughts.segments.tolist() == [3, 1, 5, 5]
    assert thoughts.done.tolist() == [True, True, False, False]
    # Boards that are done leave the batch.
    assert teller.boards_seen == 3 + 1 + 5 + 5
    np.testing.assert_array_equal(thoughts.answers[:2], label(walled(3, 1)))
    np.testing.assert_array_equal(thoughts.answers[2:], walled(10, 7))


def test_an_attempt_whose_answer_stands_still_is_given_up_where_that_is_asked_for():
    boards = walled(3, 1, 10, 7)  # the first answer stands for two segments before it is right
    patient = think(Teller(), TASK, boards, Thinking("solved", 5, patience=2))
    assert patient.segments.tolist() == [3, 1, 3, 3]
    assert patient.done.tolist() == [True, True, False, False]
    hasty = think(Teller(), TASK, boards, Thinking("solved", 5, patience=1, restarts=1))
    assert hasty.segments.tolist() == [4, 1, 4, 4] and hasty.attempts.tolist() == [2, 1, 2, 2]
    assert hasty.done.tolist() == [False, True, False, False]


def test_each_segment_of_each_attempt_is_told():
    told: list[Stage] = []
    thinking = Thinking("solved", 3, restarts=1)
    think(Teller(), TASK, walled(3, 1, 10), thinking, on_segment=told.append)
    first = [Stage(1, 2, 1, 3, left=2), Stage(1, 2, 2, 3, left=2), Stage(1, 2, 3, 3, left=1)]
    assert told == [*first, *(Stage(2, 2, segment, 3, left=1) for segment in (1, 2, 3))]


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_settled_answer_has_stood_unchanged_for_so_many_segments(patience):
    thoughts = think(Teller(), TASK, walled(1, 3, 12), Thinking("settled", 9, patience))
    # With three walls the board itself is the answer twice, which fools an impatient rule.
    second = 2 if patience == 1 else 3 + patience
    assert thoughts.segments.tolist() == [1 + patience, second, 1 + patience]
    assert thoughts.done.all()
    unsettled = think(Teller(), TASK, walled(1, 2), Thinking("settled", patience, patience))
    assert not unsettled.done.any() and unsettled.segments.tolist() == [patience] * 2


def test_the_rules_themselves():
    boards = walled(0, 0, 0)
    answers = boards.copy()
    answers[0, 0, 1] = PATH
    answers[1, 0, 1] = answers[1, 3, 3] = PATH
    moment = Moment(np.array([3, 4, 5]), boards, answers, unchanged=np.array([1, 2, 3]))
    assert halting.solved(TASK)(moment).tolist() == [True, False, False]
    assert halting.settled(2)(moment).tolist() == [False, True, True]
    assert halting.fixed(4)(moment).tolist() == [False, True, True]
    barren = replace(moment, hopeless=np.array([False, False, True]))
    assert halting.solved(TASK)(barren).tolist() == [True, False, True]


@pytest.mark.parametrize("until", ["fixed", "settled", "solved"])
def test_dropping_boards_from_the_batch_changes_no_answer(until, model, boards):
    boards = boards[:12]
    thinking = Thinking(until, 4, patience=1, symmetries=True, restarts=1)
    together = think(model, TASK, boards, thinking)
    for i, board in enumerate(boards):
        alone = think(model, TASK, board[None], thinking)
        np.testing.assert_array_equal(together.answers[i], alone.answers[0])
        for name in ("segments", "done", "attempts"):
            assert getattr(together, name)[i] == getattr(alone, name)[0]


@pytest.mark.parametrize("modules", ["H", "HL"])
def test_boards_that_stay_fill_batches_again(modules, boards, monkeypatch):
    monkeypatch.setattr("hrm.inference.attempts.puzzles_at_a_time", lambda device, cells: 5)
    torch.manual_seed(0)
    network = HRM(ModelConfig(d_model=16, head_cnt=2, H_block_cnt=1, modules=modules), 4).eval()
    sizes = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[1].tokens)))
    done = iter([[True] * 7 + [False] * 5, [False] * 5, [True] * 5])
    monkeypatch.setattr(Thinking, "rule", lambda *_: lambda moment: np.array(next(done)))
    found = think(network, TASK, boards[:12], Thinking("solved", 4))
    assert sizes == [5, 5, 2, 5, 5]
    assert found.segments.tolist() == [1] * 7 + [3] * 5
    monkeypatch.undo()
    for count, chosen in ((1, slice(7)), (3, slice(7, 12))):
        alone = think(network, TASK, boards[:12], Thinking("fixed", count))
        np.testing.assert_array_equal(found.answers[chosen], alone.answers[chosen])


def test_compacted_states_are_those_of_a_full_batch_up_to_rounding(model, boards):
    tokens, keep = to_tokens(boards, CPU), torch.arange(40) % 3 == 0
    with torch.no_grad():
        state, _ = model(model.initial_state(40), tokens)
        _, expected = model(state, tokens)
        _, found = model(state.of(keep), tokens[keep])
    torch.testing.assert_close(found, expected[keep], atol=1e-5, rtol=1e-5)


def test_a_turned_attempt_is_the_answer_to_the_turned_board_turned_back(model, boards):
    for symmetry, how in enumerate(Thinking(max_segments=2, symmetries=True).attempts(TASK)):
        view = turn(boards[:1], symmetry)
        alone = think(model, TASK, view, Thinking(max_segments=2)).answers
        assert how == Attempt(turns_of((4, 4))[symmetry], plain=symmetry == 0)
        found = attempt_alone(model, boards[:1], how)
        np.testing.assert_array_equal(turn(found, symmetry), alone)


def test_an_oblong_grid_is_attempted_under_the_symmetries_that_it_has():
    torch.manual_seed(0)
    task = Mines()
    network = HRM(CONFIG, task.grid).eval()
    puzzles = task.draw(6, (0,))
    how = Thinking(max_segments=2, symmetries=True)
    found = think(network, task, puzzles, how)
    assert (found.attempts == 4).all()
    votes = [attempt_alone(network, puzzles, attempt) for attempt in how.attempts(task)]
    assert len({vote.tobytes() for vote in votes}) == 4
    for i in range(len(puzzles)):
        counts = [sum(bool((a[i] == b[i]).all()) for b in votes) for a in votes]
        np.testing.assert_array_equal(found.answers[i], votes[int(np.argmax(counts))][i])


def attempt_alone(model, puzzles, attempt: Attempt):
    """Two segments of an attempt, written out."""
    views = attempt.symmetry.view(puzzles)
    state = attempt.initial_state(model, views, views.shape[1:])
    with torch.no_grad():
        for _ in range(2):
            state, logits = model(state, to_tokens(views, CPU))
    return attempt.symmetry.undo(to_cells(logits.argmax(-1), views.shape[1:]))


def test_all_attempts_vote_where_nothing_checks(model, boards):
    thinking = Thinking(max_segments=2, symmetries=True, restarts=3)
    found = think(model, TASK, boards, thinking)
    assert (found.attempts == 11).all() and (found.segments == 22).all()
    votes = np.stack([attempt_alone(model, boards, a) for a in thinking.attempts(TASK)])
    for i, board in enumerate(boards):
        lawful = [np.where((board == FLOOR) & (v == PATH), PATH, board) for v in votes[:, i]]
        counts = [sum(bool((a == b).all()) for b in lawful) for a in lawful]
        np.testing.assert_array_equal(found.answers[i], lawful[int(np.argmax(counts))])


def ballot(answers: Boards, done: bool = True) -> Thoughts:
    ones = np.ones(len(answers), dtype=np.int64)
    return Thoughts(answers, ones.astype(bool) & done, 3 * ones, ones)


def test_the_most_frequent_answer_wins_and_respects_walls():
    board = walled(4)
    right, wrong = label(board), board.copy()
    wrong[0, 3] = PATH
    unlawful = right.copy()
    unlawful[0, 1, :2] = PATH, END  # in walls
    won = vote(TASK, board, [ballot(wrong), ballot(right, False), ballot(wrong), ballot(unlawful)])
    # Two against two, and the wrong one came first.
    np.testing.assert_array_equal(won.answers[0, 3], [PATH] * 4)
    won = vote(TASK, board, [ballot(wrong), ballot(unlawful), ballot(right)])
    np.testing.assert_array_equal(won.answers, right)
    assert won.segments.tolist() == [9] and won.attempts.tolist() == [3] and won.done.all()
    np.testing.assert_array_equal(vote(TASK, board, [ballot(unlawful)]).answers, unlawful)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2**31), min_size=2, max_size=5))
def test_votes_respect_walls(seeds):
    boards = some_boards(4, 5, seed=1, wall_prob=0.4)
    random = [np.random.default_rng(s).integers(0, 5, boards.shape).astype(np.uint8) for s in seeds]
    won = vote(TASK, boards, [ballot(answers) for answers in random]).answers
    assert (won[boards != FLOOR] == boards[boards != FLOOR]).all()
    assert set(np.unique(won[boards == FLOOR])) <= {FLOOR, PATH}


def test_a_thousand_votes_on_many_boards_take_little_memory():
    boards = some_boards(10, 256)
    random = np.random.default_rng(0)
    some = [ballot(random.integers(0, 5, boards.shape).astype(np.uint8)) for _ in range(4)]
    right = ballot(np.where((boards == FLOOR) & (random.random(boards.shape) < 0.5), PATH, boards))
    ballots = [*(some[n % 4] for n in range(700)), *[right] * 300]
    tracemalloc.start()
    won = vote(board_path(10), boards, ballots)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The answers themselves are 26 MB; to compare each with each took 26 GB.
    assert peak < 3 * boards.nbytes * len(ballots)
    np.testing.assert_array_equal(won.answers, right.answers)
    assert (won.attempts == 1000).all()


def test_further_attempts_are_made_for_unsolved_boards_only(monkeypatch):
    made = []

    def initial_state(self, model, boards, shape):
        made.append((self, len(boards)))
        # The third attempt begins with six segments of experience.
        experience = torch.tensor([[6.0 * (self.symmetry is turns_of(shape)[2]), 0.0]])
        return State(experience.expand(len(boards), 1, 2), None)

    monkeypatch.setattr(Attempt, "initial_state", initial_state)
    found = think(
        Teller(), TASK, walled(2, 8, 10), Thinking("solved", 3, symmetries=True, restarts=1)
    )
    assert [count for _, count in made] == [3, 2, 2, 1, 1, 1, 1, 1, 1]
    assert found.done.tolist() == [True, True, False]
    assert found.segments.tolist() == [2, 3 + 3 + 2, 27]
    assert found.attempts.tolist() == [1, 3, 9]
    np.testing.assert_array_equal(found.answers, [*label(walled(2, 8)), walled(10)[0]])


def test_noise_depends_on_board_restart_and_seed_alone(model, boards):
    def start(board, restart=1, seed=0):
        return Attempt(SAME, restart=restart, seed=seed).initial_state(model, board, (4, 4))

    together, plain = start(boards), model.initial_state(40)
    assert together.zL is not None and plain.zL is not None
    for i in (0, 7):
        alone = start(boards[i : i + 1])
        assert torch.equal(alone.zH[0], together.zH[i])
        assert alone.zL is not None and torch.equal(alone.zL[0], together.zL[i])
    assert not torch.equal(together.zH[0], together.zH[1])
    for other in (start(boards, restart=2), start(boards, seed=1)):
        assert not torch.equal(other.zH, together.zH)
    for noisy, calm in ((together.zH, plain.zH), (together.zL, plain.zL)):
        assert (noisy - calm).std().item() == pytest.approx(1, abs=0.05)
    difference = (together.zH - plain.zH) - (together.zL - plain.zL)
    assert difference.std() > 1


def test_plans_are_checked():
    of = Thinking.of
    assert of(4) == Thinking("fixed", 4)
    assert of(4, 7, restarts=2, noise_seed=3) == Thinking("fixed", 7, restarts=2, noise_seed=3)
    assert of(4, until="solved") == Thinking("solved", 32)
    assert of(4, until="settled", max_segments=9, patience=3) == Thinking("settled", 9, 3)
    assert of(4, until="solved", patience=3) == Thinking("solved", 32, 3)
    for wishes, words in (
        ({"until": "done"}, r"until: 'done'; choose from fixed, settled, solved"),
        ({"max_segments": 3}, "max_segments: needs until"),
        ({"until": "solved", "segments": 3}, "segments: is a fixed time.*max_segments"),
        ({"patience": 3}, "patience: needs until=settled or solved"),
        ({"until": "halted", "patience": 3}, "patience: needs until=settled or solved"),
        ({"until": "settled", "patience": 0}, "patience: 0; give 1"),
        ({"until": "solved", "max_segments": 0}, "max_segments: 0; give 1"),
        ({"segments": 0}, "segments: 0; give 1"),
        ({"restarts": -1}, "restarts: -1; give 0"),
    ):
        with pytest.raises(ValueError, match=words):
            of(4, **cast(Any, wishes))
