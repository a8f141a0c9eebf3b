"""Sudoku as a task: what it declares, its settings, labels, checks and verdicts."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_reference import (
    StatedSolver,
    full_grids_4x4,
    is_solution,
    numbered_units,
    solutions,
    units,
)

from hrm.randomness import Numbers
from hrm.tasks.grid import EXACT, IGNORE, SOLVED, UNSOLVABLE
from hrm.tasks.sudoku import solver
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings

FEW = settings(deadline=None, max_examples=60, derandomize=True)

SIZES = (4, 6, 9, 16)
TASKS = {size: Sudoku(SudokuSettings(size=size)) for size in SIZES}
PUZZLES = {size: TASKS[size].draw(6, (1,)) for size in SIZES}
ANSWERS = {size: TASKS[size].answer(PUZZLES[size]) for size in SIZES}
GRIDS = np.array(full_grids_4x4(), dtype=np.uint8).reshape(-1, 4, 4)


def flat(grids: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(grid.ravel().tolist()) for grid in grids]


def spoiled(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Puzzles, and answers of which some cells are changed, opened or left out."""
    numbers = Numbers(seed, size)
    answers = ANSWERS[size].copy()
    hit = numbers.uniform(answers.shape) < numbers.uniform((len(answers), 1, 1)) ** 4
    codes = numbers.below(size + 2, answers.shape).astype(np.uint8)
    answers[hit] = np.where(codes == size + 1, IGNORE, codes)[hit]
    return PUZZLES[size], answers


# What it declares.


@pytest.mark.parametrize("size", SIZES)
def test_its_grid_has_a_code_for_each_digit_and_one_for_open_cells(size):
    task = TASKS[size]
    assert task.shape == (size, size)
    assert task.grid.input_codes == task.grid.answer_codes == size + 1
    glyphs = "".join(code.glyph for code in task.codes)
    assert glyphs == ".123456789ABCDEFG"[: size + 1] and len(glyphs) == size + 1
    assert f"1 to {glyphs[-1]}" in task.legend


@pytest.mark.parametrize("size", SIZES)
def test_its_structure_is_rows_columns_boxes_and_digits_that_may_change_places(size):
    structure = TASKS[size].structure
    found = {
        kind: [{divmod(cell, size) for cell in group} for group in groups]
        for kind, groups in structure.groups.items()
    }
    assert found == units(size)
    assert structure.interchangeable == (tuple(range(1, size + 1)),)


def test_only_4x4_puzzles_are_scarce():
    assert [TASKS[size].scarce for size in SIZES] == [True, False, False, False]


def test_its_name_and_size_are_the_defaults():
    task = Sudoku()
    assert (task.config.name, task.shape) == ("sudoku", (9, 9))
    assert "row, column and box" in task.title


# Settings.


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 5}, "4, 6, 9 or 16"),
        ({"size": 6, "givens": 36}, "givens: 36 leaves no cell open of 36; use fewer"),
        ({"givens": -1}, "givens"),
        ({"size": 4, "min_guesses": 1}, "min_guesses: 1 is too many .* size 4; use up to 0"),
        ({"min_guesses": 201}, "min_guesses: 201 .* use up to 200"),
        ({"level": "hard"}, "level"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        SudokuSettings(**values)


def test_another_size_has_its_own_default_difficulty():
    task = Sudoku(SudokuSettings(min_guesses=20, givens=24, seed=5))
    other = task.of_shape((4, 4))
    assert other.shape == (4, 4) and other.draw(2, (1,)).shape == (2, 4, 4)
    assert other.config == SudokuSettings(size=4, seed=5)
    assert task.of_shape((9, 9)) is task


@pytest.mark.parametrize("shape", [(5, 5), (4, 6), (1, 1)])
def test_there_are_no_puzzles_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"size: |square") as raised:
        Sudoku().of_shape(shape)
    assert "\n" not in str(raised.value)


def test_settings_say_how_many_givens_stay_and_how_hard_puzzles_are():
    puzzles = Sudoku(SudokuSettings(givens=45)).draw(5, (1,))
    assert ((puzzles > 0).sum(axis=(1, 2)) == 45).all()
    hard = Sudoku(SudokuSettings(min_guesses=10))
    drawn = hard.draw(4, (1,))
    assert (hard.difficulty(drawn) >= 10).all()
    slow = [StatedSolver(puzzle).guesses for puzzle in flat(drawn)]
    assert hard.difficulty(drawn).tolist() == slow


# Labels and checks.


def test_labels_of_4x4_puzzles_are_the_only_grid_that_fits():
    numbers = Numbers(6)
    kept = numbers.uniform((200, 4, 4)) < numbers.uniform((200, 1, 1))
    puzzles = np.where(kept, GRIDS[numbers.below(288, 200)], 0).astype(np.uint8)
    puzzles[::4, 1, 1] = 1 + numbers.below(4, 50)
    labels, counts = TASKS[4].answer(puzzles), TASKS[4].solution_counts(puzzles)
    for puzzle, label, count in zip(puzzles, labels, counts, strict=True):
        fitting = GRIDS[((puzzle == 0) | (puzzle == GRIDS)).all(axis=(1, 2))]
        assert count == min(2, len(fitting))
        expected = fitting[0] if len(fitting) == 1 else np.full((4, 4), IGNORE)
        np.testing.assert_array_equal(label, expected)


@pytest.mark.parametrize("size", [4, 6, 9])
def test_labels_are_what_plain_trying_finds(size):
    for puzzle, label in zip(flat(PUZZLES[size][:3]), flat(ANSWERS[size][:3]), strict=True):
        assert solutions(puzzle) == [label]


@FEW
@given(st.sampled_from(SIZES), st.integers(0, 10_000))
def test_an_answer_is_right_exactly_where_the_rules_hold(size, seed):
    puzzles, answers = spoiled(size, seed)
    right = TASKS[size].check(puzzles, answers).tolist()
    assert right == [is_solution(*pair) for pair in zip(flat(puzzles), flat(answers), strict=True)]


def test_all_and_only_the_288_grids_of_4x4_are_right_answers_to_an_empty_puzzle():
    numbers = Numbers(9)
    wrong = GRIDS.copy()
    for grid in wrong:  # two cells of a row change places
        row, columns = int(numbers.below(4, 1)[0]), numbers.order(4)[:2]
        grid[row, columns] = grid[row, columns[::-1]]
    known = {grid.tobytes() for grid in GRIDS}
    both = np.concatenate([GRIDS, wrong])
    right = TASKS[4].check(np.zeros_like(both), both)
    assert right.tolist() == [grid.tobytes() in known for grid in both]
    assert right.sum() < len(both)


@FEW
@given(st.sampled_from(SIZES), st.integers(0, 10_000))
def test_contradictions_are_digits_seen_twice_and_givens_changed(size, seed):
    puzzles, answers = spoiled(size, seed)
    for puzzle, answer, found in zip(
        flat(puzzles), flat(answers), TASKS[size].contradictions(puzzles, answers), strict=True
    ):
        wrong = {c for c, given in enumerate(puzzle) if given and answer[c] != given}
        for unit in numbered_units(size):
            for one, other in combinations(unit, 2):
                if answer[one] == answer[other] and 1 <= answer[one] <= size:
                    wrong |= {one, other}
        assert set(np.flatnonzero(found)) == wrong


def test_givens_are_put_back_and_all_else_is_open():
    puzzles, answers = spoiled(9, 4)
    restored = TASKS[9].restore(puzzles, answers)
    fillable = TASKS[9].open_cells(puzzles)
    assert (restored == puzzles)[~fillable].all() and (restored == answers)[fillable].all()
    assert (puzzles == 0).tolist() == fillable.tolist()


# Verdicts.


def verdict_of(puzzle: np.ndarray, answer: np.ndarray) -> str:
    task = Sudoku().of_shape(puzzle.shape)
    return task.judge(puzzle[None], answer[None], task.answer(puzzle[None]))[0].name


def test_verdicts_say_what_is_wrong_with_an_answer():
    puzzle, answer = PUZZLES[9][0], ANSWERS[9][0]
    row, column = np.argwhere(puzzle == 0)[0]
    changed, twice, left = answer.copy(), answer.copy(), answer.copy()
    changed[puzzle > 0] = changed[puzzle > 0] % 9 + 1
    twice[row, column] = twice[row, column] % 9 + 1
    left[row, column] = 0
    answers = [answer, changed, twice, left, np.full_like(answer, IGNORE)]
    names = [verdict_of(puzzle, each) for each in answers]
    assert names == ["exact", "changed", "contradiction", "open", "changed"]
    task = TASKS[9]
    label = task.answer(puzzle[None])
    assert task.judge(puzzle[None], answer[None], label) == [EXACT]
    assert task.judge(puzzle[None], answer[None], twice[None]) == [SOLVED]


def test_puzzles_with_no_or_several_solutions_are_named_as_such():
    task = TASKS[4]
    none = np.zeros((4, 4), dtype=np.uint8)
    none[0], none[1, 3] = (1, 2, 3, 0), 4
    several = GRIDS[0] * (np.arange(16).reshape(4, 4) < 4)
    puzzles, answers = np.stack([none, several]).astype(np.uint8), GRIDS[[0, 0]]
    labels = task.answer(puzzles)
    assert (labels == IGNORE).all()
    none_verdict, several_verdict = task.judge(puzzles, answers, labels)
    assert none_verdict == UNSOLVABLE and "no solution" in none_verdict.words
    assert several_verdict.name == "several" and "several solutions" in several_verdict.words
    assert not several_verdict.solved


def test_a_puzzle_that_the_solver_gives_up_on_is_named_as_such(monkeypatch):
    monkeypatch.setattr("hrm.tasks.sudoku.task.solve", lambda cells: solver.solve(cells, limit=1))
    empty = np.zeros((1, 9, 9), dtype=np.uint8)
    labels = TASKS[9].answer(empty)
    verdict = TASKS[9].judge(empty, ANSWERS[9][:1], labels)[0]
    assert (labels == IGNORE).all() and verdict.name == "undecided" and not verdict.solved


@pytest.mark.parametrize("size", SIZES)
def test_what_is_no_puzzle_is_named_with_its_place(size):
    task = Sudoku()
    good = PUZZLES[size][0]
    task.require([good])
    bad = np.zeros_like(good)
    bad[1, 0] = bad[size - 1, 0] = 3
    with pytest.raises(
        ValueError, match=rf"puzzle 2: digit 3 stands twice in column 1 \(row 2, .*row {size}, "
    ):
        task.require([good, bad])
    bad = np.full_like(good, size + 1)
    with pytest.raises(ValueError, match=f"holds code {size + 1}"):
        task.require([bad])


def test_cells_of_the_solution_are_revealed():
    task = Sudoku(SudokuSettings(size=4, reveal=5))
    puzzles = np.concatenate([task.draw(300, (0,)), task.answer(task.draw(1, (1,)))])
    puzzles[-1, 0, 0] = 0  # one cell is open, and stays so
    shown, solutions = task.vary(puzzles, (1, 2)), task.answer(puzzles)
    more = ((shown != 0) & (puzzles == 0)).sum(axis=(1, 2))
    assert ((shown == puzzles) | (puzzles == 0)).all()
    assert ((shown == solutions) | (shown == 0)).all()
    assert set(more[:-1].tolist()) == {0, 1, 2, 3, 4, 5} and more[-1] == 0
    # Every open cell is as likely, not the first ones.
    among = ((shown != 0) & (puzzles == 0))[:-1].mean(axis=0) / (puzzles[:-1] == 0).mean(axis=0)
    assert among.max() < 2 * among.min()
    np.testing.assert_array_equal(task.vary(puzzles, (1, 2)), shown)
    assert (task.vary(puzzles, (1, 3)) != shown).any()
    assert Sudoku(SudokuSettings(size=4)).vary(puzzles, (1, 2)) is puzzles
