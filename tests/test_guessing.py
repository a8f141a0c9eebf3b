"""Thinking that guesses: the search, its dead ends, and who may ask for it."""

from typing import Any

import numpy as np
import pytest
import sudoku_reference as reference
import torch
from helpers import some_boards
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm import HRM, ModelConfig, solve, solve_all
from hrm.data.source import held_out
from hrm.inference.guessing import SEGMENTS_A_GUESS, Search
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings

FOUR = Sudoku(SudokuSettings(size=4))


def puzzles(count: int) -> np.ndarray:
    return FOUR.draw(count, (7,))


@pytest.fixture(scope="module")
def model() -> HRM:
    torch.manual_seed(0)
    config = ModelConfig(d_model=8, head_cnt=2, H_cycle_cnt=1, L_cycle_cnt=1)
    return HRM(config, FOUR.grid, {"name": "sudoku", "size": 4}).eval()


def believing(answer: np.ndarray, sure: float) -> np.ndarray:
    """``(4, 4, 5)`` probabilities, most of it on an answer."""
    belief = np.full((4, 4, 5), (1 - sure) / 4)
    np.put_along_axis(belief, answer[..., None].astype(np.int64), sure, axis=-1)
    return belief


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.sampled_from([4, 6, 9]), st.integers(0, 2**31), st.floats(0, 1))
def test_a_dead_end_is_a_digit_twice_or_a_cell_without_digits(size: Any, seed, share):
    random = np.random.default_rng(seed)
    task = Sudoku(SudokuSettings(size=size))
    full = task.answer(task.draw(1, (3,)))[0].ravel()
    cells = np.where(random.random(size**2) < share, full, 0)
    changed = random.integers(size**2, size=random.integers(4))
    cells[changed] = random.integers(size + 1, size=len(changed))
    near = reference.peers(size)
    expected = any(
        (cells[c] and any(cells[c] == cells[p] for p in near[c]))
        or (not cells[c] and len({cells[p] for p in near[c]} - {0}) == size)
        for c in range(size**2)
    )
    found = task.dead_ends(cells.reshape(1, size, size).astype(np.uint8))
    assert found.tolist() == [expected]


def test_a_search_that_knows_nothing_tries_everything():
    (puzzle,) = puzzles(1)
    solution = FOUR.answer(puzzle[None])[0]
    search, seen = Search(FOUR, puzzle), []
    while puzzle.tobytes() not in seen:  # until it begins again
        search.step(np.full((4, 4, 5), 0.2))
        seen.append(search.puzzle.tobytes())
    assert solution.tobytes() in seen
    assert len(set(seen)) == len(seen) == search.guess_cnt
    filled = np.array([list(cells) for cells in seen], np.uint8).reshape(-1, 4, 4)
    kept = np.repeat(puzzle[None], len(filled), axis=0)
    np.testing.assert_array_equal(FOUR.restore(kept, filled), filled)


def test_a_search_that_is_right_takes_nothing_back():
    (puzzle,) = puzzles(1)
    solution = FOUR.answer(puzzle[None])[0]
    search = Search(FOUR, puzzle)
    for _ in range(int((puzzle == 0).sum())):
        search.step(believing(solution, 0.8))
    np.testing.assert_array_equal(search.puzzle, solution)


def test_a_guess_that_contradicts_what_the_network_is_sure_of_is_taken_back():
    empty, ones = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    first, second = empty.copy(), empty.copy()
    first[0, 0], second[0, 0] = 4, 3
    search = Search(FOUR, empty)
    search.step(np.full((4, 4, 5), 0.2))
    np.testing.assert_array_equal(search.puzzle, first)
    search.step(believing(ones, 0.95))
    np.testing.assert_array_equal(search.puzzle, second)
    # Less sure of the same, it goes on.
    search.step(believing(ones, 0.65))
    assert (search.puzzle != 0).sum() == 2


def test_when_all_was_tried_the_network_is_believed_less():
    """It is sure that all is 1, which no guess agrees with."""
    belief, search = (
        believing(np.ones((4, 4), np.uint8), 0.8),
        Search(FOUR, np.zeros((4, 4), np.uint8)),
    )
    filled = []
    for _ in range(7):
        search.step(belief)
        filled.append(int((search.puzzle != 0).sum()))
    # A guess, the other three codes of the cell, all was tried; and again, but the network counts.
    assert filled == [1, 1, 1, 1, 0, 1, 2]


def test_guessing_solves_what_the_network_alone_cannot(model):
    boards = list(puzzles(12))
    alone = list(solve_all(boards, model, until="solved", max_segments=2))
    guessed = list(solve_all(boards, model, until="solved", max_segments=2, guesses=200))
    assert not any(solution.solved for solution in alone)
    assert all(solution.solved and not solution.abstained for solution in guessed)
    assert all(s.attempts == 2 and s.segments % SEGMENTS_A_GUESS == 0 for s in guessed)
    for board, solution in zip(boards[:3], guessed, strict=False):
        one = solve(board, model, until="solved", max_segments=2, guesses=200)
        assert one.segments == solution.segments  # no matter what is in the batch
    few = list(solve_all(boards, model, until="solved", max_segments=2, guesses=3))
    assert all(s.segments <= 2 + SEGMENTS_A_GUESS * 4 for s in few)
    assert any(s.abstained for s in few)


def test_guesses_can_be_watched(model):
    (puzzle,) = puzzles(1)
    solution = solve(puzzle, model, until="solved", max_segments=1, guesses=200, watch=True)
    assert len(solution.frames) == 1 + (solution.segments - 1) * model.config.frames_per_segment
    np.testing.assert_array_equal(solution.frames[-1].predicted, solution.predicted)


def test_guessing_is_refused_where_nothing_tells_a_wrong_guess(model):
    (puzzle,) = puzzles(1)
    with pytest.raises(ValueError, match=r"guesses: need until=solved"):
        solve(puzzle, model, guesses=3)
    with pytest.raises(ValueError, match=r"guesses: -1; give 0 or more"):
        solve(puzzle, model, until="solved", guesses=-1)
    with pytest.raises(ValueError, match=r"guesses: .* take restarts"):
        solve(some_boards(4, 1)[0], HRM(ModelConfig(d_model=8, head_cnt=2), 4),
              until="solved", guesses=3)  # fmt: skip


def test_the_bundled_model_solves_sudokus_of_several_sizes():
    nine, six = Sudoku(SudokuSettings()), Sudoku(SudokuSettings(size=6))
    easy, small = (held_out(task, 30).inputs for task in (nine, six))
    alone = list(solve_all(easy, "sudoku", until="solved", max_segments=16))
    guessing = list(solve_all(easy, "sudoku", until="solved", max_segments=16, guesses=100))
    assert sum(s.solved for s in alone) >= 24 and all(s.solved for s in guessing)
    assert all(s.solved for s in solve_all(small, "sudoku"))
