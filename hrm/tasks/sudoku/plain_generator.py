"""The generator in plain NumPy, for machines without a C compiler; see `generator`.

All puzzles go forward together, a step of each at a time, as in `plain_solver`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.sudoku.plain_solver import (
    ONE,
    Flat,
    branching_cells,
    candidates,
    digits,
    lowest,
    propagate,
    size_of,
    solve_plain,
)
from hrm.tasks.sudoku.rules import OPEN, Rules

Seeds = NDArray[np.uint64]

_STEP, _FACTORS = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_NUMBERS_A_GRID = 256
"""A grid's stream of numbers: so many for its guesses, then one for each step of `_harden`."""


class Plan(NamedTuple):
    """How puzzles are made; `generator.c` reads the fields in this order."""

    givens: int
    """Fewer are never left."""
    min_guesses: int
    """A puzzle takes the stated solver at least so many."""
    put_back: int
    """Givens that are put back, to thin out again."""
    steps: int = 200
    """Times that a grid is thinned out, before it is given up."""
    attempts: int = 50
    """Grids that are tried for a puzzle."""
    limit: int = 1000
    """Guesses after which the solver gives up, while a grid is thinned out; the given stays."""


def number(seeds: Seeds, index: int) -> Seeds:
    """Number `index` of the stream of each seed: the splitmix64 generator."""
    z = seeds + np.array([(index + 1) * _STEP % 2**64], dtype=np.uint64)
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def _shuffle(rules: Rules, seeds: Seeds, first: int) -> NDArray[np.int64]:
    """``(n, cells)`` the cells in random order: sorted by numbers `first`, `first` + 1, … ."""
    cells = range(first, first + rules.size**2)
    return np.stack([number(seeds, cell) for cell in cells], axis=1).argsort(axis=1, kind="stable")


def generate_plain(rules: Rules, plan: Plan, seeds: Seeds) -> tuple[Flat, NDArray[np.bool_]]:
    """What `generator.generate` does.

    Returns:
        Puzzles ``(n, cells)``, and ``(n,)`` whether each is as hard as the plan asks for.
    """
    puzzles = np.zeros((len(seeds), rules.size**2), dtype=np.uint8)
    found = np.zeros(len(seeds), dtype=bool)
    for attempt in range(plan.attempts):
        pending = np.flatnonzero(~found)
        if not len(pending):
            break
        own = number(seeds[pending], attempt)
        full, filled = _fill(rules, own)
        hard, guesses = _harden(rules, plan, own[filled], full[filled])
        puzzles[pending[filled]] = hard
        found[pending[filled]] = guesses >= plan.min_guesses
    return puzzles, found


def _fill(rules: Rules, seeds: Seeds) -> tuple[Flat, NDArray[np.bool_]]:
    """Random full grids, by random guesses without a second try, and which of them succeed."""
    grids = np.zeros((len(seeds), rules.size**2), dtype=np.uint8)
    sets, active = candidates(rules, grids), np.arange(len(seeds))
    for guess in range(rules.size**2):
        now, fine = propagate(rules, sets[:, active])
        cell, undecided = branching_cells(now)
        grids[active[fine & ~undecided]] = digits(now[:, fine & ~undecided])
        partly = fine & undecided
        now, cell, active = now[:, partly], cell[partly], active[partly]
        if not len(active):
            break
        column = np.arange(len(active))
        left = now[cell, column]
        which = number(seeds[active], guess) % size_of(left)
        while which.any():
            left = np.where(which > 0, left & (left - np.uint16(1)), left)
            which -= which > 0
        now[cell, column] = lowest(left)
        sets[:, active] = now
    return grids, grids[:, 0] != OPEN


def _thin(rules: Rules, puzzles: Flat, order: NDArray[np.int64], plan: Plan) -> None:
    """Take givens away in the order given, while there is one solution and more than the plan's
    least are left. A given stays too where the solver gives up."""
    left = (puzzles > 0).sum(axis=1)
    for cells in order.T:
        which = np.flatnonzero(left > plan.givens)
        which = which[puzzles[which, cells[which]] > 0]
        cells = cells[which]
        without = puzzles[which]
        without[np.arange(len(which)), cells] = 0
        good = solve_plain(rules, without, plan.limit)[1] == ONE
        puzzles[which[good], cells[good]] = 0
        left[which[good]] -= 1


def _harden(rules: Rules, plan: Plan, seeds: Seeds, full: Flat) -> tuple[Flat, NDArray[np.int64]]:
    """A puzzle from the full grid of each seed, and its guesses."""
    puzzles, hardest = full.copy(), np.full(len(full), -1)
    for step in range(plan.steps):
        active = np.flatnonzero(hardest < plan.min_guesses)
        if not len(active):
            break
        own = number(seeds[active], _NUMBERS_A_GRID + step)
        tried = puzzles[active]
        if step:
            order = _shuffle(rules, own, 0)
            is_open = np.take_along_axis(tried == 0, order, axis=1)
            back = is_open & (is_open.cumsum(axis=1) <= plan.put_back)
            puzzle = np.nonzero(back)[0]
            tried[puzzle, order[back]] = full[active[puzzle], order[back]]
        _thin(rules, tried, _shuffle(rules, own, _NUMBERS_A_GRID), plan)
        guesses = solve_plain(rules, tried, plan.limit)[2]
        harder = guesses >= hardest[active]
        puzzles[active[harder]] = tried[harder]
        hardest[active[harder]] = guesses[harder]
    return puzzles, hardest
