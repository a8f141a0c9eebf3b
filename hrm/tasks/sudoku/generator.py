"""A seeded generator of Sudoku puzzles with one solution each, as hard as asked for.

A random full grid is thinned out: its givens are taken away one by one, in random order, each for
good if the puzzle still has one solution. To make it harder, some givens are put back at random and
the puzzle is thinned out again; of the two the one that takes the stated solver more guesses goes
on. Where that leads nowhere, the next full grid is tried.

All random numbers come from a small integer generator, splitmix64, which is written out in
`generator.c` and in `plain_generator`: the same seeds give the same puzzles everywhere, with a C
compiler and without one.
"""

import ctypes

import numpy as np
from numpy.typing import NDArray

from hrm.randomness import Numbers
from hrm.tasks.grid import Cells
from hrm.tasks.sudoku.compiled import address, library
from hrm.tasks.sudoku.plain_generator import Plan, generate_plain
from hrm.tasks.sudoku.plain_solver import Flat
from hrm.tasks.sudoku.rules import Rules, rules_of

_AT_A_TIME = 16
"""Puzzles that C makes in one call, so that Ctrl-C is heard soon."""


def draw(size: int, plan: Plan, count: int, key: tuple[int, ...]) -> Cells:
    """`count` random puzzles, ``(count, N, N)``, a function of the arguments alone.

    Raises:
        ValueError: if puzzles as hard as the plan asks for are too rare.
    """
    puzzles, found = generate(rules_of(size), plan, Numbers(*key).raw(count))
    if not found.all():
        raise ValueError(
            f"min_guesses: no {size}×{size} puzzle of {plan.min_guesses} guesses was found in"
            f" {plan.attempts * plan.steps:,} tries; lower min_guesses or givens"
        )
    return puzzles.reshape(count, size, size)


def generate(rules: Rules, plan: Plan, seeds: NDArray[np.uint64]) -> tuple[Flat, NDArray[np.bool_]]:
    """A puzzle from each seed.

    Returns:
        Puzzles ``(n, cells)``, and ``(n,)`` whether each is as hard as the plan asks for.
    """
    compiled = library("generator")
    if compiled is None:
        return generate_plain(rules, plan, seeds)
    puzzles = np.zeros((len(seeds), rules.size**2), dtype=np.uint8)
    found = np.zeros(len(seeds), dtype=np.uint8)
    fields = np.array(plan, dtype=np.int64)
    for first in range(0, len(seeds), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        compiled.generate_all(
            ctypes.c_int(rules.size),
            address(rules.units),
            ctypes.c_int64(len(seeds[part])),
            *map(address, (fields, seeds[part], puzzles[part], found[part])),
        )
        if not found[part].all():
            break
    return puzzles, found.astype(bool)
