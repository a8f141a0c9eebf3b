"""Names that Sudoku puzzles share with their views, and with no other puzzle.

The name is the puzzle itself with its rows and columns in an order that is the same for all views,
and its digits numbered as they first appear. To find that order, each row, column and digit gets a
colour that depends on what it meets: a row on the columns and digits of its givens and on the other
rows of its band. Colours are refined until they tell no more lines apart. Where lines still share
one, each of them in turn is marked and the refinement goes on. Of all orders that result, the one
that gives the smallest puzzle counts. Where two orders give the same puzzle, a symmetry of it maps
one to the other, and branches that such a symmetry maps to earlier ones are left out.

Colours are 64-bit hashes. Two that collide by chance cost time, but never make a name wrong.

A 9×9 puzzle takes about half a millisecond, an empty 16×16 grid, which looks the same from
everywhere, about a second.
"""

from hrm.tasks.grid import Cells
from hrm.tasks.sudoku.rules import OPEN, Rules, rules_for

_ALL = 2**64 - 1
_STEP, _FACTORS = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

Colours = list[int]
"""Of the N rows, then of the N columns; or of the codes, open cells among them."""


def canonical(puzzles: Cells) -> list[bytes]:
    """The name of each of ``(n, N, N)`` puzzles, N·N bytes."""
    rules = rules_for(puzzles)
    cells = puzzles.reshape(len(puzzles), rules.size**2).tolist()
    return [_Search(rules, puzzle).best for puzzle in cells]


def _mix(number: int) -> int:
    """Another 64-bit number for each; the last steps of splitmix64."""
    number = (number ^ (number >> 30)) * _FACTORS[0] & _ALL
    number = (number ^ (number >> 27)) * _FACTORS[1] & _ALL
    return number ^ (number >> 31)


class _Search:
    """Looks for the smallest puzzle; lines are the rows, numbered from 0, then the columns."""

    def __init__(self, rules: Rules, puzzle: list[int]):
        self.size, self._puzzle = rules.size, puzzle
        self._square = rules.box[0] == rules.box[1]
        box_rows, box_columns = rules.box
        rows = [line // box_rows for line in range(self.size)]
        columns = [line // box_columns + self.size for line in range(self.size)]
        self._group_of = rows + columns
        self._givens = [
            (cell // self.size, cell % self.size + self.size, digit)
            for cell, digit in enumerate(puzzle)
            if digit != OPEN
        ]
        self._symmetries: list[list[int]] = []
        self.best, self._best_order, self._best_path = b"", [], []
        # Rows and columns may change places where boxes are square.
        lines = [1] * self.size + [1 if self._square else 2] * self.size
        self._branch(*self._refined(lines, [3] * (self.size + 1)), [])

    def _branch(self, lines: Colours, digits: Colours, path: list[int]) -> int:
        """Go on with each line that a colour is left to tell apart.

        Args:
            lines: their refined colours.
            digits: their refined colours.
            path: the lines marked so far.

        Returns:
            How many of the marked lines stay marked: all of them, or fewer where what is left of
            the branch would be the image of one that is done.
        """
        # Marking one of many lines that look the same tells the most apart.
        count, colour = max((lines.count(colour), colour) for colour in set(lines))
        if count == 1:
            return self._finish(lines, path)
        refined: dict[int, tuple[Colours, Colours]] = {}
        for line in (line for line, own in enumerate(lines) if own == colour):
            marked = list(lines)
            marked[line] = _mix((colour + _STEP) & _ALL)
            refined[line] = self._refined(marked, digits)
        # Views have the same colours, so it is enough to go on with those that come out smallest.
        smallest = min(sorted(colours) for colours, _ in refined.values())
        tried: list[int] = []
        for line, (colours, own_digits) in refined.items():
            if sorted(colours) != smallest or self._maps_to_any(line, tried, path):
                continue
            tried.append(line)
            back = self._branch(colours, own_digits, [*path, line])
            if back < len(path):
                return back
        return len(path)

    def _refined(self, lines: Colours, digits: Colours) -> tuple[Colours, Colours]:
        kinds = 0
        while len({*lines}) + len({*digits}) > kinds:
            kinds = len({*lines}) + len({*digits})
            met, worn, grouped = [0] * len(lines), [0] * len(digits), [0] * len(lines)
            for row, column, digit in self._givens:
                met[row] += _mix((lines[column] + _STEP * digits[digit]) & _ALL)
                met[column] += _mix((lines[row] + _STEP * digits[digit]) & _ALL)
                worn[digit] += _mix((lines[row] + lines[column]) & _ALL)
            for line, group in enumerate(self._group_of):
                grouped[group] += _mix(lines[line])
            lines = [
                _mix((_STEP * colour + met[line] + _mix(grouped[group] & _ALL)) & _ALL)
                for line, (colour, group) in enumerate(zip(lines, self._group_of, strict=True))
            ]
            digits = [
                _mix((_STEP * colour + worn[digit]) & _ALL) for digit, colour in enumerate(digits)
            ]
        return lines, digits

    def _finish(self, lines: Colours, path: list[int]) -> int:
        """All lines have colours of their own: compare the puzzle in their order with the best."""
        order = self._order(lines)
        name = self._ordered(order)
        if name == self.best:
            symmetry = [0] * len(order)
            for one, other in zip(self._best_order, order, strict=True):
                symmetry[one] = other
            self._symmetries.append(symmetry)
            pairs = list(zip(self._best_path, path, strict=False))
            same = next((i for i, (one, other) in enumerate(pairs) if one != other), len(pairs))
            if all(symmetry[one] == other for one, other in pairs[: same + 1]):
                return same
        elif not self.best or name < self.best:
            self.best, self._best_order, self._best_path = name, order, path
        return len(path)

    def _order(self, lines: Colours) -> list[int]:
        """The lines of one side, then those of the other, bands and stacks kept together."""
        leader = [_ALL] * len(lines)
        for colour, group in zip(lines, self._group_of, strict=True):
            leader[group] = min(leader[group], colour)
        order = sorted(
            range(len(lines)), key=lambda line: (leader[self._group_of[line]], lines[line])
        )
        rows_first = not self._square or order[0] < self.size
        return sorted(order, key=lambda line: (line < self.size) != rows_first)

    def _ordered(self, order: list[int]) -> bytes:
        """The puzzle with its lines in that order, and its digits numbered as they appear."""
        numbers = {OPEN: OPEN}
        name = bytearray()
        for one in order[: self.size]:
            for other in order[self.size :]:
                row, column = min(one, other), max(one, other) - self.size
                digit = self._puzzle[row * self.size + column]
                name.append(numbers.setdefault(digit, len(numbers)))
        return bytes(name)

    def _maps_to_any(self, line: int, tried: list[int], path: list[int]) -> bool:
        """Whether symmetries found so far, that keep the lines marked, map the line to those."""
        keeping = [s for s in self._symmetries if all(s[marked] == marked for marked in path)]
        reached, waiting = {line}, [line]
        while waiting:
            here = waiting.pop()
            for there in {symmetry[here] for symmetry in keeping} - reached:
                reached.add(there)
                waiting.append(there)
        return not reached.isdisjoint(tried)
