"""Puzzles that were found in a text: from symbols to codes, with errors that say where."""

from typing import NamedTuple, NoReturn

import numpy as np

from hrm.tasks.grid import IGNORE, Cells
from hrm.tasks.sudoku.rules import GLYPHS, OPEN, SIZES, clashes, first_clash
from hrm.tasks.text import Line, PuzzleTextError

LINE_LENGTHS = {size * size: size for size in SIZES}
"""The size of a puzzle by the number of its cells."""

CODES = np.full(129, IGNORE, dtype=np.uint8)
"""The code of each ASCII character; the last place stands for all others."""
for _code, _glyph in enumerate(GLYPHS):
    CODES[[ord(_glyph), ord(_glyph.lower())]] = _code
CODES[[ord(symbol) for symbol in ".0_*"]] = OPEN

_AT_A_TIME = 4096


class Found(NamedTuple):
    """The symbols of one puzzle, and where they stand."""

    symbols: str
    """N·N characters, not checked yet."""
    lines: list[Line]
    """That hold them, N or one."""
    first: int = 0
    """Characters of the (one) line before the first symbol, as in CSV."""

    def error(self, source: str, cell: int, problem: str) -> PuzzleTextError:
        """What is wrong at a cell."""
        cells_a_line = len(self.symbols) // len(self.lines)
        line = self.lines[cell // cells_a_line]
        columns = [
            column
            for column, symbol in enumerate(line.text, start=1)
            if column > self.first and _is_cell(symbol)
        ]
        return PuzzleTextError(source, line.number, columns[cell % cells_a_line], problem)


def _is_cell(symbol: str) -> bool:
    return not symbol.isspace() and symbol != "|"


def symbols_of(text: str) -> str:
    """A line without what is there for the eye only."""
    return "".join(text.replace("|", " ").split())


def code_of(symbol: str) -> int:
    """The code of a character; `IGNORE` if it has none."""
    return int(CODES[min(ord(symbol), 128)])


def refuse_length(line: Line, symbols: str, source: str, expected: str | None = None) -> NoReturn:
    """Say what is wrong with a line of symbols of which there are too few or too many.

    Raises:
        PuzzleTextError: at a symbol that belongs in no puzzle, or else at the end of the line.
    """
    for column, symbol in enumerate(line.text, start=1):
        if _is_cell(symbol) and code_of(symbol) == IGNORE:
            raise PuzzleTextError(source, line.number, column, _unexpected(symbol, SIZES[-1]))
    if expected is None:
        *cells, most = map(str, LINE_LENGTHS)
        *sides, longest = map(str, SIZES)
        expected = (
            f"a puzzle in one line has {', '.join(cells)} or {most}, a row"
            f" {', '.join(sides)} or {longest}"
        )
    problem = f"{len(symbols)} cells; {expected}"
    column = len(line.text.rstrip()) or len(line.text) + 1
    raise PuzzleTextError(source, line.number, column, problem)


def _unexpected(symbol: str, size: int) -> str:
    return f"unexpected {symbol!r}; cells are 1 to {GLYPHS[size]}, or . where open"


def puzzles_of(found: list[Found], source: str) -> list[Cells]:
    """The cells of puzzles of any sizes.

    Raises:
        PuzzleTextError: at the first symbol that is no cell, or digit that contradicts another.
    """
    grids: dict[int, Cells] = {}
    for size in SIZES:
        which = [i for i, each in enumerate(found) if len(each.symbols) == size * size]
        for first in range(0, len(which), _AT_A_TIME):
            some = which[first : first + _AT_A_TIME]
            cells = decoded([found[i] for i in some], size, source)
            for bad in np.flatnonzero(clashes(cells).any(axis=(1, 2)))[:1]:
                clash = first_clash(cells[bad])
                assert clash
                raise found[some[bad]].error(source, *clash)
            grids.update(zip(some, cells, strict=True))
    return [grids[i] for i in range(len(found))]


def decoded(found: list[Found], size: int, source: str) -> Cells:
    """``(n, N, N)`` the codes of symbols.

    Raises:
        PuzzleTextError: at the first symbol that is no cell of puzzles of this size.
    """
    text = "".join(each.symbols for each in found)
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    codes = CODES[np.minimum(points, 128)].reshape(len(found), size * size)
    for puzzle, cell in np.argwhere(codes > size)[:1]:
        problem = _unexpected(found[puzzle].symbols[cell], size)
        raise found[puzzle].error(source, int(cell), problem)
    return codes.reshape(-1, size, size)
