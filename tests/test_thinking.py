from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from teller import CONFIG, Teller

from hrm.config.schema import ModelConfig
from hrm.data.dataset import generate
from hrm.inference.evaluation import to_boards, to_tokens
from hrm.inference.solving import Solution, solve, solve_all
from hrm.inference.thinking import (
    Attempt,
    Thinking,
    Thoughts,
    checks_out,
    plan,
    settled,
    think,
    vote,
)
from hrm.models.hrm import HRM, State
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    PATH,
    START,
    WALL,
    Boards,
    label,
    solved,
    turn,
    turn_back,
)
from hrm.tasks.boardpath.views import symmetries

SYMMETRY = st.integers(0, 7)


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    return HRM(CONFIG, 4).eval()


@pytest.fixture(scope="module")
def boards() -> Boards:
    return generate(4, 0.3, 40, 0)


def walled(*counts: int) -> Boards:
    """Boards of 4×4 with so many walls, and a path of three cells along the first row."""
    boards = np.full((len(counts), 16), FLOOR, dtype=np.uint8)
    for board, count in zip(boards, counts, strict=True):
        board[[0, 2]], board[4 : 4 + count] = (START, END), WALL
    return boards.reshape(-1, 4, 4)


@settings(deadline=None, derandomize=True)
@given(st.integers(2, 6), st.integers(0, 2**31), SYMMETRY)
def test_turning_there_and_back_is_the_identity(size, seed, symmetry):
    board = generate(size, 0.2, 1, seed)[0]
    turned = turn(board, symmetry)
    np.testing.assert_array_equal(turn_back(turned, symmetry), board)
    np.testing.assert_array_equal(turned, symmetries(board)[symmetry])
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
    thoughts = think(teller, walled(3, 1, 10, 7), Thinking("solved", 5))
    assert thoughts.segments.tolist() == [3, 1, 5, 5]
    assert thoughts.done.tolist() == [True, True, False, False]
    # Boards that are done leave the batch.
    assert teller.boards_seen == 3 + 1 + 5 + 5
    np.testing.assert_array_equal(thoughts.answers[:2], label(walled(3, 1)))
    np.testing.assert_array_equal(thoughts.answers[2:], walled(10, 7))


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_settled_answer_has_stood_unchanged_for_so_many_segments(patience):
    thoughts = think(Teller(), walled(1, 3, 12), Thinking("settled", 9, patience))
    # With three walls the board itself is the answer twice, which fools an impatient rule.
    second = 2 if patience == 1 else 3 + patience
    assert thoughts.segments.tolist() == [1 + patience, second, 1 + patience]
    assert thoughts.done.all()
    unsettled = think(Teller(), walled(1, 2), Thinking("settled", patience, patience))
    assert not unsettled.done.any() and unsettled.segments.tolist() == [patience] * 2


def test_the_rules_themselves():
    boards = walled(0, 0, 0)
    answers = boards.copy()
    answers[0, 0, 1] = PATH
    answers[1, 0, 1] = answers[1, 3, 3] = PATH
    assert checks_out(boards, answers, np.zeros(3, int)).tolist() == [True, False, False]
    assert settled(2)(boards, answers, np.array([1, 2, 3])).tolist() == [False, True, True]
    barren = walled(0)
    barren[0, :2, 1] = WALL
    barren[0, 1, 0] = WALL
    assert checks_out(barren, barren, np.zeros(1, int))[0]


@pytest.mark.parametrize("until", ["fixed", "settled", "solved"])
def test_dropping_boards_from_the_batch_changes_no_answer(until, model, boards):
    boards = boards[:12]
    thinking = Thinking(until, 4, patience=1, symmetries=True, restarts=1)
    together = think(model, boards, thinking)
    for i, board in enumerate(boards):
        alone = think(model, board[None], thinking)
        np.testing.assert_array_equal(together.answers[i], alone.answers[0])
        for name in ("segments", "done", "attempts"):
            assert getattr(together, name)[i] == getattr(alone, name)[0]


@pytest.mark.parametrize("modules", ["H", "HL"])
def test_boards_that_stay_fill_batches_again(modules, boards, monkeypatch):
    monkeypatch.setattr("hrm.inference.thinking.boards_at_a_time", lambda device, size: 5)
    torch.manual_seed(0)
    network = HRM(ModelConfig(d_model=16, head_cnt=2, H_block_cnt=1, modules=modules), 4).eval()
    sizes = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[1])))
    done = iter([[True] * 7 + [False] * 5, [False] * 5, [True] * 5])
    monkeypatch.setattr(Thinking, "rule", property(lambda self: lambda *_: np.array(next(done))))
    found = think(network, boards[:12], Thinking("solved", 4))
    assert sizes == [5, 5, 2, 5, 5]
    assert found.segments.tolist() == [1] * 7 + [3] * 5
    monkeypatch.undo()
    for count, chosen in ((1, slice(7)), (3, slice(7, 12))):
        alone = think(network, boards[:12], Thinking("fixed", count))
        np.testing.assert_array_equal(found.answers[chosen], alone.answers[chosen])


def test_compacted_states_are_those_of_a_full_batch_up_to_rounding(model, boards):
    tokens, keep = to_tokens(boards, torch.device("cpu")), torch.arange(40) % 3 == 0
    with torch.no_grad():
        state, _ = model(model.initial_state(40), tokens)
        _, expected = model(state, tokens)
        _, found = model(state.of(keep), tokens[keep])
    torch.testing.assert_close(found, expected[keep], atol=1e-5, rtol=1e-5)


def test_a_turned_attempt_is_the_answer_to_the_turned_board_turned_back(model, boards):
    for symmetry, view in enumerate(symmetries(boards[0])):
        alone = think(model, view[None], Thinking(max_segments=2)).answers[0]
        ballot = Thinking(max_segments=2, symmetries=True).attempts[symmetry]
        assert ballot == Attempt(symmetry=symmetry)
        found = attempt_alone(model, boards[:1], ballot)
        np.testing.assert_array_equal(turn(found, symmetry), alone[None])


def attempt_alone(model, boards, attempt: Attempt) -> Boards:
    """Two segments of an attempt, written out."""
    views = turn(boards, attempt.symmetry)
    state = attempt.initial_state(model, views)
    with torch.no_grad():
        for _ in range(2):
            state, logits = model(state, to_tokens(views, torch.device("cpu")))
    return turn_back(to_boards(logits.argmax(-1)), attempt.symmetry)


def test_all_attempts_vote_where_nothing_checks(model, boards):
    thinking = Thinking(max_segments=2, symmetries=True, restarts=3)
    found = think(model, boards, thinking)
    assert (found.attempts == 11).all() and (found.segments == 22).all()
    votes = np.stack([attempt_alone(model, boards, a) for a in thinking.attempts])
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
    won = vote(board, [ballot(wrong), ballot(right, False), ballot(wrong), ballot(unlawful)])
    # Two against two, and the wrong one came first.
    np.testing.assert_array_equal(won.answers[0, 3], [PATH] * 4)
    won = vote(board, [ballot(wrong), ballot(unlawful), ballot(right)])
    np.testing.assert_array_equal(won.answers, right)
    assert won.segments.tolist() == [9] and won.attempts.tolist() == [3] and won.done.all()
    np.testing.assert_array_equal(vote(board, [ballot(unlawful)]).answers, unlawful)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2**31), min_size=2, max_size=5))
def test_votes_respect_walls(seeds):
    boards = generate(4, 0.4, 5, 1)
    random = [np.random.default_rng(s).integers(0, 5, boards.shape).astype(np.uint8) for s in seeds]
    won = vote(boards, [ballot(answers) for answers in random]).answers
    assert (won[boards != FLOOR] == boards[boards != FLOOR]).all()
    assert set(np.unique(won[boards == FLOOR])) <= {FLOOR, PATH}


def test_further_attempts_are_made_for_unsolved_boards_only(monkeypatch):
    made = []

    def initial_state(self, model, boards):
        made.append((self, len(boards)))
        # The third attempt begins with six segments of experience.
        experience = torch.tensor([[6.0 * (self.symmetry == 2), 0.0]])
        return State(experience.expand(len(boards), 1, 2), None)

    monkeypatch.setattr(Attempt, "initial_state", initial_state)
    found = think(Teller(), walled(2, 8, 10), Thinking("solved", 3, symmetries=True, restarts=1))
    assert [count for _, count in made] == [3, 2, 2, 1, 1, 1, 1, 1, 1]
    assert found.done.tolist() == [True, True, False]
    assert found.segments.tolist() == [2, 3 + 3 + 2, 27]
    assert found.attempts.tolist() == [1, 3, 9]
    np.testing.assert_array_equal(found.answers, [*label(walled(2, 8)), walled(10)[0]])


def test_noise_depends_on_board_restart_and_seed_alone(model, boards):
    def start(board, restart=1, seed=0):
        return Attempt(restart=restart, seed=seed).initial_state(model, board)

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
    assert plan(4) == Thinking("fixed", 4)
    assert plan(4, 7, restarts=2, seed=3) == Thinking("fixed", 7, restarts=2, seed=3)
    assert plan(4, until="solved") == Thinking("solved", 32)
    assert plan(4, until="settled", max_segments=9, patience=3) == Thinking("settled", 9, 3)
    for wishes, words in (
        ({"until": "done"}, r"until: 'done'; choose from fixed, settled, solved"),
        ({"max_segments": 3}, "max_segments: needs until"),
        ({"until": "solved", "segments": 3}, "segments: is a fixed time.*max_segments"),
        ({"until": "solved", "patience": 3}, "patience: needs until=settled"),
        ({"until": "settled", "patience": 0}, "patience: 0; give 1"),
        ({"until": "solved", "max_segments": 0}, "max_segments: 0; give 1"),
        ({"segments": 0}, "segments: 0; give 1"),
        ({"restarts": -1}, "restarts: -1; give 0"),
    ):
        with pytest.raises(ValueError, match=words):
            plan(4, **cast(Any, wishes))


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
    small, large = list(generate(4, 0.3, 5, 0)), list(generate(6, 0.3, 4, 0))
    mixed = [small[0], large[0], large[1], small[1], *small[2:], *large[2:]]
    batches = []
    monkeypatch.setattr(
        "hrm.inference.solving.think",
        lambda m, b, how: batches.append(b.shape[:2]) or think(m, b, how),
    )
    found = list(solve_all(mixed, model, batch_size=2))
    assert batches == [(2, 4), (2, 6), (2, 4), (1, 4), (2, 6)]
    for board, solution in zip(mixed, found, strict=True):
        np.testing.assert_array_equal(solution.input, board)
        alone = solve(board, model)
        np.testing.assert_array_equal(solution.predicted, alone.predicted)
    tied = HRM(replace_rope(CONFIG), 4)
    with pytest.raises(ValueError, match=r"board 2: boards are 6×6.*rope_2d"):
        next(solve_all(mixed, tied))


def replace_rope(config: ModelConfig) -> ModelConfig:
    return ModelConfig(**{**config.model_dump(), "rope_2d": False})
