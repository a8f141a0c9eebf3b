"""Puzzles as plain text: what all tasks share in reading what people type."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hrm.files import decode, read_bytes
from hrm.tasks.grid import Cells, Puzzle
from hrm.tasks.rules import Rules

MAX_BYTES = 256 * 2**20
MAX_PUZZLES = 1_000_000
"""Of a file. Each takes some 300 bytes besides its cells: 200 MB of 2×2 boards took 9.4 GB."""
LONGEST_LINE = 100_000
COMMENT = "//"


class PuzzleTextError(ValueError):
    """Text that is no puzzle; the message names source, line and column."""

    def __init__(self, source: str, line: int, column: int, problem: str):
        super().__init__(f"{source}: line {line}, column {column}: {problem}")


class Line(NamedTuple):
    """A line of text."""

    number: int
    """Counted from 1."""
    text: str

    @property
    def first_column(self) -> int:
        """Of its first character that is no space, counted from 1."""
        return len(self.text) - len(self.text.lstrip()) + 1


def read(file: str | Path) -> tuple[str, str]:
    """The text of a file, or of standard input for ``-``, and what to call it in messages.

    Raises:
        ValueError: if the file cannot be read or is not text.
    """
    if str(file) != "-":
        return decode(read_bytes(Path(file), MAX_BYTES), str(file), MAX_BYTES), str(file)
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    return decode(content, "standard input", MAX_BYTES), "standard input"


def blocks(content: str, source: str) -> Iterator[list[Line]]:
    """Runs of lines between blank ones; comments are passed over.

    Raises:
        PuzzleTextError: if a line is too long.
    """
    block: list[Line] = []
    found = 0
    for number, line in enumerate([*content.removeprefix("\ufeff").splitlines(), ""], start=1):
        if len(line) > LONGEST_LINE:
            problem = f"longer than {LONGEST_LINE:,} characters"
            raise PuzzleTextError(source, number, LONGEST_LINE + 1, problem)
        if line.lstrip().startswith(COMMENT):
            continue
        if line.strip():
            block.append(Line(number, line))
        elif block:
            found += 1
            if found > MAX_PUZZLES:
                problem = f"over {MAX_PUZZLES:,} puzzles; split the file"
                raise PuzzleTextError(source, block[0].number, 1, problem)
            yield block
            block = []


def parse_glyphs(task: Rules, content: str, source: str) -> list[Puzzle]:
    """A glyph a cell, spaces between cells optional, a line a row, blank lines between puzzles.

    Raises:
        PuzzleTextError: naming line and column.
    """
    puzzles = [_parse_block(task, block, source) for block in blocks(content, source)]
    if not puzzles:
        glyphs = " ".join(code.glyph for code in task.codes)
        raise PuzzleTextError(source, 1, 1, f"no puzzle found; expected rows of {glyphs}")
    return puzzles


def _parse_block(task: Rules, block: list[Line], source: str) -> Puzzle:
    codes = {code.glyph: number for number, code in enumerate(task.codes)}
    rows = []
    for line in block:
        symbols = [(column, s) for column, s in enumerate(line.text, 1) if not s.isspace()]
        for column, symbol in symbols:
            if symbol not in codes:
                expected = f"expected one of {' '.join(codes)}"
                problem = f"unexpected {symbol!r}; {expected}"
                raise PuzzleTextError(source, line.number, column, problem)
        if rows and len(symbols) != len(rows[0]):
            problem = f"{len(symbols)} cells in this row, but {len(rows[0])} in the first"
            raise PuzzleTextError(source, line.number, symbols[-1][0], problem)
        rows.append([codes[symbol] for _, symbol in symbols])
    cells = np.array(rows, dtype=np.uint8)
    require_puzzle(task, cells, source, block[0])
    return Puzzle(cells)


def require_puzzle(task: Rules, cells: Cells, source: str, first: Line) -> None:
    """Refuse cells that are no puzzle of the task.

    Raises:
        PuzzleTextError: at the puzzle's first line.
    """
    try:
        own = task.of_shape(task.shape_of(cells))
    except ValueError as error:
        problem = str(error)
    else:
        problem = own.complaint(cells)
    if problem:
        raise PuzzleTextError(source, first.number, first.first_column, problem)
