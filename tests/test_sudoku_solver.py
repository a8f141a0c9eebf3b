"""The stated solver, in C and in NumPy, against slow ones."""

import subprocess

import numpy as np
import pytest
from sudoku_reference import BOXES, StatedSolver, full_grids_4x4, numbered_units, solutions, units

from hrm import native
from hrm.randomness import Numbers
from hrm.tasks.sudoku import compiled, solver
from hrm.tasks.sudoku.generator import draw
from hrm.tasks.sudoku.plain_generator import Plan
from hrm.tasks.sudoku.plain_solver import NONE, ONE, SEVERAL, UNDECIDED, solve_plain
from hrm.tasks.sudoku.rules import SIZES, rules_of
from hrm.tasks.sudoku.solver import solve

HARD = "..8............39..7..16...5....37.....49..6.4...6..35.....9.471...37......5....."
TWO_DIGITS_FOR_ONE_CELL = (
    ".5.3....13...5..46...........9........3...8..4..7.16..9..58.....6.2..7852........"
)
NO_SOLUTION = HARD.replace("39..7..16", "49..7..16")


@pytest.fixture(params=["C", "NumPy"])
def both(request, monkeypatch):
    """Each test runs with the compiled solver and with the plain one."""
    if request.param == "NumPy":
        monkeypatch.setattr(solver, "library", lambda _name: None)
    elif solver.library("solver") is None:
        pytest.skip("no C compiler")


def grid_of(line: str) -> np.ndarray:
    size = round(len(line) ** 0.5)
    codes = [0 if symbol == "." else int(symbol) for symbol in line]
    return np.array(codes, dtype=np.uint8).reshape(size, size)


def some_puzzles(size: int) -> np.ndarray:
    """Of one solution, of several (a given less), of none or one (a given changed), and empty."""
    plan = Plan(130 if size == 16 else 0, 0, 3)
    puzzles = draw(size, plan, 2 if size == 16 else 10, (1, size))
    fewer, changed = puzzles.copy(), puzzles.copy()
    for which, puzzle in enumerate(puzzles):
        givens = np.argwhere(puzzle)
        row, column = givens[which % len(givens)]
        fewer[which, row, column] = 0
        changed[which, row, column] = puzzle[row, column] % size + 1
    return np.concatenate([puzzles, fewer, changed, np.zeros_like(puzzles[:1])])


@pytest.mark.parametrize("size", SIZES)
def test_units_are_rows_columns_and_boxes(size):
    rules = rules_of(size)
    assert rules.units.tolist() == numbered_units(size) and rules.box == BOXES[size]
    for kind, groups in rules.groups.items():
        assert [{divmod(cell, size) for cell in group} for group in groups] == units(size)[kind]
    for cell, owners in enumerate(rules.units_of):
        assert [cell in unit for unit in rules.units] == [u in owners for u in range(3 * size)]


@pytest.mark.parametrize("size", SIZES)
def test_solutions_outcomes_and_guesses_are_those_of_the_stated_solver(size, both):
    puzzles = some_puzzles(size)
    found = solve(puzzles)
    assert set(found.outcomes.tolist()) >= {ONE, SEVERAL}
    for i, puzzle in enumerate(puzzles):
        slow = StatedSolver(tuple(puzzle.ravel().tolist()))
        assert found.outcomes[i] == len(slow.found) and found.guesses[i] == slow.guesses
        expected = slow.found[0] if len(slow.found) == 1 else (0,) * size**2
        assert tuple(found.solutions[i].ravel().tolist()) == expected


@pytest.mark.parametrize("line", [HARD, TWO_DIGITS_FOR_ONE_CELL])
def test_a_known_puzzle_takes_the_guesses_of_the_stated_solver(line, both):
    puzzle = grid_of(line)
    slow = StatedSolver(tuple(puzzle.ravel().tolist()))
    found = solve(puzzle[None])
    assert found.guesses[0] == slow.guesses > 0
    assert tuple(found.solutions[0].ravel().tolist()) == slow.found[0]


@pytest.mark.parametrize("size", [6, 9])
def test_with_and_without_a_compiler_all_is_the_same(size):
    """On many puzzles: some steps of the solver are needed in one puzzle of hundreds."""
    puzzles = draw(size, Plan(0, 0, 1), 400, (6,))
    changed = puzzles.copy()
    changed[puzzles == 3] = 0
    both = np.concatenate([puzzles, changed])
    found = solve(both, limit=100)
    plain = solve_plain(rules_of(size), both.reshape(800, -1), 100)
    assert set(found.outcomes.tolist()) == {ONE, SEVERAL}
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.reshape(800, -1), other.reshape(800, -1))


@pytest.mark.parametrize("size", [6, 9])
def test_the_number_of_solutions_is_that_of_plain_trying(size, both):
    puzzles = some_puzzles(size)[::2]
    counts = [len(solutions(tuple(puzzle.ravel().tolist()))) for puzzle in puzzles]
    assert solve(puzzles).outcomes.tolist() == counts


def test_4x4_puzzles_have_the_solutions_found_among_all_grids(both):
    grids = np.array(full_grids_4x4(), dtype=np.uint8)
    assert len(grids) == 288
    numbers = Numbers(3)
    kept = numbers.uniform((300, 16)) < numbers.uniform((300, 1))
    puzzles = np.where(kept, grids[numbers.below(288, 300)], 0).astype(np.uint8)
    puzzles[::3, 5] = numbers.below(5, 100)  # so that some have none
    found = solve(puzzles.reshape(-1, 4, 4))
    for i, puzzle in enumerate(puzzles):
        fitting = grids[((puzzle == 0) | (grids == puzzle)).all(axis=1)]
        assert found.outcomes[i] == min(2, len(fitting))
        if len(fitting) == 1:
            assert (found.solutions[i].ravel() == fitting[0]).all()
    assert set(found.outcomes.tolist()) == {NONE, ONE, SEVERAL}


def test_it_gives_up_at_the_limit_and_not_before(both):
    puzzle = grid_of(HARD)[None]
    needed = int(solve(puzzle).guesses[0])
    given_up = solve(puzzle, limit=needed - 1)
    assert given_up.outcomes[0] == UNDECIDED and given_up.guesses[0] == needed - 1
    assert not given_up.solutions.any()
    assert solve(puzzle, limit=needed).outcomes[0] == ONE
    assert solve(grid_of(NO_SOLUTION)[None], limit=500).outcomes[0] == UNDECIDED


def test_guesses_do_not_depend_on_the_names_of_the_digits(both):
    puzzle = grid_of(HARD)
    renamed = np.where(puzzle, 10 - puzzle, 0).astype(np.uint8)
    one, other = solve(np.stack([puzzle, renamed])).guesses
    assert one == other


def test_no_puzzles_have_no_solutions(both):
    assert solve(np.zeros((0, 9, 9), dtype=np.uint8)).solutions.shape == (0, 9, 9)


@pytest.mark.parametrize(
    ("shape", "words"), [((5, 5), "choose one of 4, 6, 9, 16"), ((4, 6), "4×6 is not square")]
)
def test_other_shapes_are_refused(shape, words):
    with pytest.raises(ValueError, match=words):
        solve(np.zeros((1, *shape), dtype=np.uint8))


def test_other_codes_are_refused():
    with pytest.raises(ValueError, match="code 7 is no digit; use 0 to 6"):
        solve(np.full((1, 6, 6), 7, dtype=np.uint8))


@pytest.mark.parametrize(
    "failure", [OSError("no compiler"), subprocess.CalledProcessError(1, "cc")]
)
def test_without_a_compiler_the_plain_solver_is_used_silently(failure, monkeypatch, capfd):
    def refuse(*_args, **_options):
        raise failure

    monkeypatch.setattr(native, "load", refuse)
    compiled.library.cache_clear()
    try:
        assert compiled.library("solver") is None
        assert solve(grid_of(HARD)[None]).outcomes[0] == ONE
    finally:
        compiled.library.cache_clear()
    assert capfd.readouterr() == ("", "")
