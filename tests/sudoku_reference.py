"""Sudoku told slowly and obviously, for the tests to compare with."""

from collections.abc import Iterator
from itertools import permutations, product

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}

Puzzle = tuple[int, ...]
"""The codes of the cells, row by row."""


def size_of(puzzle: Puzzle) -> int:
    return next(size for size in BOXES if size * size == len(puzzle))


def units(size: int) -> dict[str, list[set[tuple[int, int]]]]:
    """The cells (row, column) of each row, column and box, in order."""
    rows, columns = BOXES[size]
    corners = product(range(0, size, rows), range(0, size, columns))
    return {
        "row": [{(i, k) for k in range(size)} for i in range(size)],
        "column": [{(k, i) for k in range(size)} for i in range(size)],
        "box": [
            {(top + i, left + k) for i in range(rows) for k in range(columns)}
            for top, left in corners
        ],
    }


def numbered_units(size: int) -> list[list[int]]:
    return [
        sorted(row * size + column for row, column in unit)
        for kind in units(size).values()
        for unit in kind
    ]


def peers(size: int) -> list[set[int]]:
    """For each cell the others that share a unit with it."""
    all_units = numbered_units(size)
    return [
        {other for unit in all_units if cell in unit for other in unit} - {cell}
        for cell in range(size * size)
    ]


def is_solution(puzzle: Puzzle, answer: Puzzle) -> bool:
    size = size_of(puzzle)
    digits = list(range(1, size + 1))
    return all(given in (0, other) for given, other in zip(puzzle, answer, strict=True)) and all(
        sorted(answer[cell] for cell in unit) == digits for unit in numbered_units(size)
    )


def solutions(puzzle: Puzzle, most: int = 2) -> list[Puzzle]:
    """Up to `most` solutions, by trying every digit that no peer has yet."""
    near = peers(size_of(puzzle))
    cells = list(puzzle)
    if any(cells[c] and any(cells[c] == cells[p] for p in near[c]) for c in range(len(cells))):
        return []

    def options(cell: int) -> list[int]:
        taken = {cells[peer] for peer in near[cell]}
        return [digit for digit in range(1, size_of(puzzle) + 1) if digit not in taken]

    def search() -> Iterator[Puzzle]:
        waiting = [cell for cell, digit in enumerate(cells) if not digit]
        if not waiting:
            yield tuple(cells)
            return
        cell = min(waiting, key=lambda each: len(options(each)))
        for digit in options(cell):
            cells[cell] = digit
            yield from search()
        cells[cell] = 0

    found = []
    for solution in search():
        found.append(solution)
        if len(found) == most:
            break
    return found


def full_grids_4x4() -> list[Puzzle]:
    """All 288: four rows that are permutations, kept where the rules hold."""
    rows = list(permutations((1, 2, 3, 4)))
    empty = (0,) * 16
    grids = (sum(four, ()) for four in product(rows, repeat=4))
    return [grid for grid in grids if _columns_differ(grid) and is_solution(empty, grid)]


def _columns_differ(grid: Puzzle) -> bool:
    return all(len(set(grid[column::4])) == 4 for column in range(4))


class StatedSolver:
    """Singles to exhaustion, then a guess at the first cell with the fewest candidates."""

    def __init__(self, puzzle: Puzzle):
        self.size = size_of(puzzle)
        self.units, self.peers = numbered_units(self.size), peers(self.size)
        self.guesses = 0
        self.found: list[Puzzle] = []
        every = set(range(1, self.size + 1))
        self._search([{digit} if digit else set(every) for digit in puzzle])

    def _search(self, sets: list[set[int]]) -> None:
        if not self._singles(sets):
            return
        counts = [len(digits) for digits in sets]
        if max(counts) == 1:
            self.found.append(tuple(min(digits) for digits in sets))
            return
        cell = counts.index(min(count for count in counts if count > 1))
        for digit in sorted(sets[cell]):
            if len(self.found) < 2:
                self.guesses += 1
                self._search([{digit} if c == cell else set(s) for c, s in enumerate(sets)])

    def _singles(self, sets: list[set[int]]) -> bool:
        """Naked and hidden singles until nothing changes; False where they contradict."""
        before = None
        while before != sets:
            before = [set(digits) for digits in sets]
            for cell, digits in enumerate(sets):
                if len(digits) == 1:
                    for peer in self.peers[cell]:
                        sets[peer] -= digits
            for unit in self.units:
                for digit in range(1, self.size + 1):
                    places = [cell for cell in unit if digit in sets[cell]]
                    if not places:
                        return False
                    if len(places) == 1:
                        sets[places[0]] = {digit}
            if not all(sets):
                return False
        return True
