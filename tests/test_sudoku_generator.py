"""The generator, in C and in NumPy: one solution, as hard as asked for, the same everywhere."""

import hashlib

import numpy as np
import pytest
from sudoku_reference import StatedSolver, solutions

from hrm.randomness import Numbers
from hrm.tasks.sudoku import generator
from hrm.tasks.sudoku.generator import draw, generate
from hrm.tasks.sudoku.plain_generator import Plan, generate_plain, number
from hrm.tasks.sudoku.rules import rules_of

PLANS = [
    (4, Plan(0, 0, 1), 20),
    (4, Plan(9, 0, 1), 20),
    (6, Plan(0, 0, 3), 10),
    (6, Plan(0, 1, 3), 4),
    (9, Plan(0, 0, 6), 5),
    (9, Plan(26, 6, 6), 3),
    (16, Plan(150, 0, 21), 2),
]


def flat(puzzles: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(puzzle.ravel().tolist()) for puzzle in puzzles]


@pytest.mark.parametrize(("size", "plan", "count"), PLANS)
def test_puzzles_have_one_solution_and_are_as_the_plan_says(size, plan, count):
    for puzzle in flat(draw(size, plan, count, (2, size))):
        slow = StatedSolver(puzzle)
        assert len(slow.found) == 1 and slow.guesses >= plan.min_guesses
        assert sum(digit > 0 for digit in puzzle) >= plan.givens


@pytest.mark.parametrize("size", [4, 6, 9])
def test_no_given_can_be_taken_away_from_a_puzzle(size):
    puzzle = flat(draw(size, Plan(0, 0, 1), 1, (5,)))[0]
    for cell, given in enumerate(puzzle):
        if given:
            assert len(solutions((*puzzle[:cell], 0, *puzzle[cell + 1 :]))) == 2


def test_so_many_givens_stay_and_no_more_where_fewer_would_do():
    puzzles = draw(9, Plan(40, 0, 6), 20, (1,))
    assert ((puzzles > 0).sum(axis=(1, 2)) == 40).all()


def test_puzzles_are_hard_where_hard_ones_are_asked_for():
    plain, hard = (draw(9, Plan(0, least, 6), 15, (4,)) for least in (0, 20))
    guesses = [[StatedSolver(puzzle).guesses for puzzle in flat(part)] for part in (plain, hard)]
    assert np.median(guesses[0]) < 20 <= min(guesses[1])


@pytest.mark.parametrize(("size", "plan", "count"), PLANS)
def test_with_and_without_a_compiler_puzzles_are_the_same(size, plan, count):
    rules, seeds = rules_of(size), Numbers(7).raw(count)
    puzzles, found = generate(rules, plan, seeds)
    plainly, found_plainly = generate_plain(rules, plan, seeds)
    np.testing.assert_array_equal(puzzles, plainly)
    assert found.all() and found_plainly.all()


def test_the_numbers_are_splitmix64():
    """The first three of seed 1234567, from the definition in 64-bit arithmetic."""
    state, expected = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) % 2**64
        expected.append(z ^ z >> 31)
    seed = np.array([1234567], dtype=np.uint64)
    assert [int(number(seed, index)[0]) for index in range(3)] == expected


def test_a_puzzle_depends_on_the_key_and_its_place_alone():
    plan = Plan(0, 0, 6)
    ten = draw(9, plan, 10, (1, 2))
    np.testing.assert_array_equal(ten[:4], draw(9, plan, 4, (1, 2)))
    assert len(np.unique(np.concatenate([ten, draw(9, plan, 10, (1, 3))]), axis=0)) == 20
    assert draw(9, plan, 0, (1,)).shape == (0, 9, 9)


@pytest.mark.parametrize("plain", [False, True])
def test_too_rare_puzzles_are_refused(plain, monkeypatch):
    if plain:
        monkeypatch.setattr(generator, "library", lambda _name: None)
    with pytest.raises(ValueError, match=r"min_guesses: no 4×4 puzzle .* lower min_guesses"):
        draw(4, Plan(0, 5, 1, steps=3, attempts=2), 2, (1,))


GOLDEN = {
    (4, 0): "7b7bbe122992bb8e",
    (6, 0): "def13a50f7a3e2ba",
    (6, 4): "f63ab36517f6f897",
    (9, 0): "2843b1c5f0429a55",
    (9, 20): "57095d835a07c88a",
    (16, 0): "9b0b5fe1c96c5616",
}


@pytest.mark.parametrize(("size", "min_guesses"), GOLDEN)
def test_puzzles_are_the_same_in_every_version(size, min_guesses):
    plan = Plan(120 if size == 16 else 0, min_guesses, size * size // 12)
    content = draw(size, plan, 3 if min_guesses else 10, (2024, 1)).tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == GOLDEN[size, min_guesses]
