"""Boards as plain text that people type and read.

Rows of ``.`` floor, ``#`` wall, ``S`` start, ``E`` end (``*`` path, in answers only); spaces
between cells are optional, blank lines separate boards, lines starting with ``//`` are comments.
"""

import numpy as np

from hrm.tasks import text
from hrm.tasks.boardpath.boards import END, LARGEST, SMALLEST, START, Boards
from hrm.tasks.text import Line, PuzzleTextError

SYMBOLS = ".#SE*"
"""The symbol of each code."""

INPUT_SYMBOLS = SYMBOLS[:-1]

_MEANT = {
    "*": "a path is in answers only; write . there",
    "G": "the end is E here",
    "X": "write walls as #",
    "█": "write walls as #",
    "0": "write floor as . and walls as #, with one S and one E",
    "1": "write floor as . and walls as #, with one S and one E",
    "+": "this looks like a drawing of walls; write a symbol for each cell, floor as .",
    "|": "this looks like a drawing of walls; write a symbol for each cell, floor as .",
    "-": "this looks like a drawing of walls; write a symbol for each cell, floor as .",
    ",": "write no commas between cells",
    "{": "this looks like JSON; give the rows themselves",
}
"""What to do about symbols that other programs use."""


def parse_boards(content: str, source: str = "boards") -> list[Boards]:
    """The boards of a text, one ``(N, N)`` array each; sizes may differ.

    Args:
        content: the text.
        source: what error messages call it.

    Raises:
        PuzzleTextError: naming the line and column at fault.
    """
    boards = [_parse_board(block, source) for block in text.blocks(content, source)]
    if not boards:
        raise PuzzleTextError(source, 1, 1, f"no board found; expected rows of {INPUT_SYMBOLS}")
    return boards


def _parse_board(block: list[Line], source: str) -> Boards:
    rows = [_row(line, source) for line in block]
    size, first = len(rows), block[0]
    if not SMALLEST <= size <= LARGEST:
        problem = f"the board has {size} rows; boards have {SMALLEST} to {LARGEST}"
        raise PuzzleTextError(source, first.number, first.first_column, problem)
    for line, row in zip(block, rows, strict=True):
        if len(row) != size:
            column, _ = row[min(size, len(row) - 1)]  # the first one too many, or the last
            raise PuzzleTextError(source, line.number, column, _not_square(line, len(row), size))
    seen: dict[str, int] = {}
    for line, row in zip(block, rows, strict=True):
        for column, symbol in row:
            if symbol in "SE" and symbol in seen:
                problem = f"a second {symbol} (the first is in line {seen[symbol]}); one is allowed"
                raise PuzzleTextError(source, line.number, column, problem)
            seen[symbol] = line.number
    for code in (START, END):
        if SYMBOLS[code] not in seen:
            problem = f"the board has no {SYMBOLS[code]}"
            raise PuzzleTextError(source, first.number, first.first_column, problem)
    codes = [[INPUT_SYMBOLS.index(symbol) for _, symbol in row] for row in rows]
    return np.array(codes, dtype=np.uint8)


def _row(line: Line, source: str) -> list[tuple[int, str]]:
    """The cells of a row with their columns."""
    cells = [(column, symbol) for column, symbol in enumerate(line.text, 1) if not symbol.isspace()]
    for column, symbol in cells:
        if symbol not in INPUT_SYMBOLS:
            remedy = _MEANT.get(symbol, f"expected one of {' '.join(INPUT_SYMBOLS)}")
            problem = f"unexpected {symbol!r}; {remedy}"
            raise PuzzleTextError(source, line.number, column, problem)
    return cells


def _not_square(line: Line, cells: int, size: int) -> str:
    problem = f"{cells} cells in this row, but the board has {size} rows; boards are square"
    # The commonest reason: mazes whose floor is a space.
    if " " in line.text.strip() and cells < size <= len(line.text):
        problem += ". Write floor as . (a space is no cell)"
    return problem
