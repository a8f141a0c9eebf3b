"""The stated solver in plain NumPy, for machines without a C compiler; see `solver`.

All puzzles go forward together, a step of each at a time, so that a step costs a few array
operations instead of a Python loop.

A candidate set is a bit for each digit that a cell may still hold, the lowest bit for digit 1.
Grids of them are ``(cells, m)``, a column a puzzle, because picking whole rows is fast.
"""

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.sudoku.rules import Rules

NONE, ONE, SEVERAL, UNDECIDED = range(4)
"""What the solver finds: no solution, one, several, or that it gives up before it knows."""

Flat = NDArray[np.uint8]
"""Puzzles as ``(n, cells)`` codes."""

Sets = NDArray[np.uint16]
"""``(cells, m)`` candidate sets."""

_COUNTS = np.array([bin(number).count("1") for number in range(1 << 16)], dtype=np.uint8)
"""Of each set."""
_LEVELS = 8


def solve_plain(
    rules: Rules, puzzles: Flat, limit: int
) -> tuple[Flat, NDArray[np.uint8], NDArray[np.int64]]:
    """What `solver.solve` does.

    Returns:
        Solutions ``(n, cells)``, outcomes ``(n,)`` and guesses ``(n,)``.
    """
    search = _Search(rules, puzzles, limit)
    active = np.arange(len(puzzles))
    while len(active):
        active = search.step(active)
    search.solutions[search.outcomes != ONE] = 0
    return search.solutions, search.outcomes, search.guesses


class _Search:
    """A depth-first search in each puzzle, with its own stack of the cells that it guesses at."""

    def __init__(self, rules: Rules, puzzles: Flat, limit: int):
        self.rules, self.limit = rules, limit
        self.solutions = np.zeros_like(puzzles)
        self.outcomes = np.full(len(puzzles), NONE, dtype=np.uint8)
        self.guesses = np.zeros(len(puzzles), dtype=np.int64)
        self._sets = candidates(rules, puzzles)
        self._depth = np.zeros(len(puzzles), dtype=np.int64)
        # For each level of guesses: the sets before, the cell guessed at, and its digits untried.
        self._stack = np.zeros((_LEVELS, *self._sets.shape), dtype=np.uint16)
        self._cell = np.zeros((_LEVELS, len(puzzles)), dtype=np.int64)
        self._left = np.zeros((_LEVELS, len(puzzles)), dtype=np.uint16)

    def step(self, active: NDArray[np.int64]) -> NDArray[np.int64]:
        """Propagate, then guess the next digit, in some puzzles; those that are not yet done."""
        sets, fine = propagate(self.rules, self._sets[:, active])
        cell, undecided = branching_cells(sets)
        full, partly = fine & ~undecided, fine & undecided
        new = full & (self.outcomes[active] == NONE)
        self.solutions[active[new]] = digits(sets[:, new])
        self.outcomes[active[full]] += 1
        self._push(active[partly], sets[:, partly], cell[partly])
        active = self._pop(active[self.outcomes[active] < SEVERAL])
        tired = self.guesses[active] == self.limit
        self.outcomes[active[tired]] = UNDECIDED
        active = active[~tired]
        self._guess(active)
        return active

    def _push(self, which: NDArray[np.int64], sets: Sets, cell: NDArray[np.int64]) -> None:
        level = self._depth[which]
        if len(which) and level.max() == len(self._left):
            names = ("_stack", "_cell", "_left")
            vars(self).update({name: _doubled(getattr(self, name)) for name in names})
        self._stack[level, :, which] = sets.T
        self._cell[level, which] = cell
        self._left[level, which] = sets[cell, np.arange(len(which))]
        self._depth[which] += 1

    def _pop(self, active: NDArray[np.int64]) -> NDArray[np.int64]:
        """Go back to where a digit is untried; those that have such a place."""
        spent = active
        while len(spent):
            spent = spent[self._depth[spent] > 0]
            spent = spent[self._left[self._depth[spent] - 1, spent] == 0]
            self._depth[spent] -= 1
        return active[self._depth[active] > 0]

    def _guess(self, active: NDArray[np.int64]) -> None:
        level = self._depth[active] - 1
        left = self._left[level, active]
        digit = lowest(left)
        self._left[level, active] = left ^ digit
        self._sets[:, active] = self._stack[level, :, active].T
        self._sets[self._cell[level, active], active] = digit
        self.guesses[active] += 1


def propagate(rules: Rules, sets: Sets) -> tuple[Sets, NDArray[np.bool_]]:
    """Naked and hidden singles to exhaustion.

    The order does not matter: every order ends with the same sets, or in a contradiction.

    Returns:
        The sets, and ``(m,)`` whether they are free of contradiction.
    """
    sets, fine = sets.copy(), np.ones(sets.shape[1], dtype=bool)
    active = np.arange(sets.shape[1])
    while len(active):
        before = sets[:, active]
        after, fine[active] = _pass(rules, before)
        sets[:, active] = after
        active = active[fine[active] & (after != before).any(axis=0)]
    return sets, fine


def _pass(rules: Rules, sets: Sets) -> tuple[Sets, NDArray[np.bool_]]:
    """All naked singles once, then all hidden ones."""
    single = np.where(_several(sets), np.uint16(0), sets)
    once, twice = _counted(rules, single)
    sets = np.where(single, sets, sets & ~_of_cells(rules, once))
    fine = ~twice.any(axis=0) & sets.all(axis=0)
    once, twice = _counted(rules, sets)
    hidden = sets & _of_cells(rules, once & ~twice)
    every = np.uint16((1 << rules.size) - 1)
    fine &= (once == every).all(axis=0) & ~_several(hidden).any(axis=0)
    return np.where(hidden, hidden, sets), fine


def _counted(rules: Rules, sets: Sets) -> tuple[Sets, Sets]:
    """``(units, m)`` the digits that some cell of a unit may hold, and those that several may."""
    once, twice = np.zeros((2, len(rules.units), sets.shape[1]), dtype=np.uint16)
    for cells in rules.units.T:
        here = sets[cells]
        twice |= once & here
        once |= here
    return once, twice


def _of_cells(rules: Rules, units: Sets) -> Sets:
    """``(cells, m)`` the union of the sets of the three units that each cell is in."""
    row, column, box = rules.units_of.T
    return units[row] | units[column] | units[box]


def _several(sets: Sets) -> NDArray[np.bool_]:
    return (sets & (sets - np.uint16(1))) != 0


def size_of(sets: Sets) -> NDArray[np.uint8]:
    """How many digits each set holds."""
    return _COUNTS[sets]


def lowest(sets: Sets) -> Sets:
    """The lowest digit of each set, as a set."""
    return sets & (~sets + np.uint16(1))


def candidates(rules: Rules, puzzles: Flat) -> Sets:
    """The sets of ``(n, cells)`` puzzles before any step."""
    every = (1 << rules.size) - 1
    of_code = np.array([every, *(1 << digit for digit in range(rules.size))], dtype=np.uint16)
    return np.ascontiguousarray(of_code[puzzles].T)


def digits(sets: Sets) -> NDArray[np.uint8]:
    """``(m, cells)`` the digit of each set of one."""
    return (size_of(sets - np.uint16(1)) + np.uint8(1)).T


def branching_cells(sets: Sets) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The first cell with the fewest candidates, but at least two, and whether there is one."""
    counts = size_of(sets)
    counts[counts < 2] = 255
    cell = counts.argmin(axis=0)
    return cell, counts[cell, np.arange(len(cell))] < 255


def _doubled(levels: NDArray) -> NDArray:
    """With room for twice as many levels."""
    return np.concatenate([levels, np.zeros_like(levels)])
