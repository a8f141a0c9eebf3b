"""What answers are worth: each is checked against its board alone."""

import numpy as np
import pytest
from helpers import some_boards
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_boards import any_boards, board_of, reference_label, reference_verdict

from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    LONGER,
    NONE,
    PATH,
    SOLVED,
    START,
    UNSOLVABLE,
    WALL,
    label,
    solved,
)
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.grid import EXACT, IGNORE, Cells

TASK = BoardPath()
RIGHT = ("exact", "solved")
FEW = settings(deadline=None, max_examples=60, derandomize=True)


def verdicts_of(boards: Cells, answers: Cells) -> list[str]:
    """By name; whether an answer is right is told in three places, which have to agree."""
    verdicts = TASK.judge(boards, answers, TASK.answer(boards))
    right = [verdict.name in RIGHT for verdict in verdicts]
    assert [verdict.solved for verdict in verdicts] == right
    assert TASK.check(boards, answers).tolist() == solved(boards, answers).tolist() == right
    return [verdict.name for verdict in verdicts]


def verdict_of(board: str, answer: str) -> str:
    return verdicts_of(board_of(board)[None], board_of(answer)[None])[0]


TIE = "S... .... .... ...E"


@pytest.mark.parametrize(
    ("board", "answer", "expected"),
    [
        (TIE, "S... *... *... ***E", "exact"),
        (TIE, "S*** ...* ...* ...E", "solved"),
        (TIE, "S*.. .**. ..*. ..*E", "solved"),
        ("SE ..", "SE ..", "exact"),
        # Longer: a detour, a dead end beside the right path, a mark that touches nothing.
        ("S.E ... ...", "S.E *.* ***", "longer"),
        ("SE ..", "SE **", "longer"),
        (TIE, "S... **.. *... ***E", "longer"),
        (TIE, "S..* *... *... ***E", "longer"),
        (TIE, "S*** ...* *..* ...E", "longer"),
        (TIE, "S*** **** **** ***E", "longer"),
        # No path: untouched, broken, joined at a corner only, right number of marks but apart.
        (TIE, TIE, "none"),
        (TIE, "S... *... .... ***E", "none"),
        (TIE, "S... .*.. ..*. ...E", "none"),
        (TIE, "S*** ...* .... *..E", "none"),
        (TIE, "S.** ...* *..* ...E", "none"),
        # No path: through a wall, a wall or floor changed, S or E gone, moved or doubled.
        ("S#E ... ...", "S*E ... ...", "none"),
        ("S#E ... ...", "S.E *** ...", "none"),
        ("S#E ... ...", "S#E *** ..#", "none"),
        (TIE, ".... *... *... ***E", "none"),
        (TIE, "*... *... *... ***E", "none"),
        (TIE, "S... *... *... ****", "none"),
        (TIE, "S... *... *... ***S", "none"),
        (TIE, "S..S *... *... ***E", "none"),
        (TIE, "S... *... *.E. ***E", "none"),
        ("S#E ### ...", "S*E ### ...", "unsolvable"),
        ("S#E ### ...", "S#E ### ...", "unsolvable"),
    ],
)
def test_verdict_of_an_answer_by_hand(board, answer, expected):
    assert reference_verdict(board_of(board), board_of(answer)) == expected
    assert verdict_of(board, answer) == expected


def test_marks_through_a_wall_are_no_path_even_if_fewer():
    assert verdict_of("S#E .#. ...", "S*E .#. ...") == "none"
    assert verdict_of("S#E .#. ...", "S#E *#* ***") == "exact"


@st.composite
def boards_with_answers(draw):
    size = draw(st.integers(2, 5))
    board = draw(
        st.lists(st.sampled_from([FLOOR, FLOOR, WALL]), min_size=size**2, max_size=size**2)
    )
    start, end = draw(st.lists(st.integers(0, size**2 - 1), min_size=2, max_size=2, unique=True))
    board[start], board[end] = START, END
    board = np.array(board, dtype=np.uint8).reshape(size, size)
    target = reference_label(board)
    answer = board.copy() if target is None else target
    kind = draw(st.sampled_from(["label", "all marked", "mirror"]))
    if kind == "all marked":
        answer = np.where(board == FLOOR, PATH, board).astype(np.uint8)
    elif kind == "mirror" and target is not None:
        # The label of the board turned over is a shortest path too, mostly another one.
        other = reference_label(board[::-1, ::-1])
        assert other is not None
        answer = other[::-1, ::-1].copy()
    changes = draw(
        st.lists(
            st.tuples(st.integers(0, size**2 - 1), st.sampled_from([FLOOR, PATH, PATH, WALL])),
            max_size=3,
        )
    )
    for cell, code in changes:
        answer.flat[cell] = code
    return board, answer


@settings(FEW, max_examples=300)
@given(boards_with_answers())
def test_verdict_is_that_of_an_independent_checker(case):
    board, answer = case
    expected = reference_verdict(board, answer)
    assert verdicts_of(board[None], answer[None]) == [expected]


def test_verdicts_of_a_mixed_batch_are_those_of_each_board():
    boards = any_boards(300, 4, 0.35, seed=5)
    rng = np.random.default_rng(6)
    answers = boards.copy()
    for board, answer in zip(boards, answers, strict=True):
        target = reference_label(board)
        if target is not None and rng.random() < 0.7:
            answer[:] = target
        if rng.random() < 0.6:
            answer[tuple(rng.integers(0, 4, 2))] = rng.choice([FLOOR, PATH])
    expected = [reference_verdict(b, a) for b, a in zip(boards, answers, strict=True)]
    assert verdicts_of(boards, answers) == expected
    assert set(expected) >= {"exact", "longer", "none", "unsolvable"}


def test_labels_say_what_is_exact_and_nothing_else():
    boards = any_boards(200, 4, 0.35, seed=7)
    answers = TASK.answer(boards)
    answers = np.where(answers == IGNORE, boards, answers)
    for labels in (boards, np.full_like(boards, IGNORE), answers[::-1]):
        names = [verdict.name for verdict in TASK.judge(boards, answers, labels)]
        for board, answer, given_label, name in zip(boards, answers, labels, names, strict=True):
            expected = reference_verdict(board, answer)
            if expected == "exact" and (given_label != answer).any():
                expected = "solved"
            assert name == expected


def test_judging_changes_neither_board_nor_answer():
    boards = some_boards(5, 10, seed=1)
    answers = label(boards)
    before = boards.copy(), answers.copy()
    TASK.judge(boards, answers, answers)
    np.testing.assert_array_equal(boards, before[0])
    np.testing.assert_array_equal(answers, before[1])


def test_every_verdict_has_its_own_words():
    verdicts = (EXACT, SOLVED, LONGER, NONE, UNSOLVABLE)
    assert len({verdict.words for verdict in verdicts}) == 5
    assert [verdict.name for verdict in verdicts] == [
        "exact", "solved", "longer", "none", "unsolvable",
    ]  # fmt: skip
    assert [verdict.solved for verdict in verdicts] == [True, True, False, False, False]
