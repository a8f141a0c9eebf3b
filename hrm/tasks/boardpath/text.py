"""The plain-text board format that people type and read.

Rows of ``.`` floor, ``#`` wall, ``S`` start, ``E`` end (``*`` path, in answers only); spaces
between cells are optional, blank lines separate boards, lines starting with ``//`` are comments.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from hrm.files import decode, read_text
from hrm.tasks.boardpath.boards import END, START, Boards

SYMBOLS = ".#SE*"
"""The symbol of each code."""

INPUT_SYMBOLS = SYMBOLS[:-1]
LEGEND = ". = Floor, # = Wall, S = Start point, E = End point, * = Path"
SMALLEST_SIZE, LARGEST_SIZE = 2, 64
LONGEST_LINE = 10_000
MAX_BYTES = 256 * 2**20


class BoardTextError(ValueError):
    """Board text that breaks the format; the message names source, line and column."""

    def __init__(self, source: str, line: int, column: int, problem: str):
        super().__init__(f"{source}: line {line}, column {column}: {problem}")


def read_boards(path: str | Path) -> list[Boards]:
    """The boards of a file, or of standard input for ``-``.

    Returns:
        One ``(N, N)`` array a board, sizes may differ.

    Raises:
        BoardTextError: naming the line and column at fault.
        ValueError: if the file cannot be read or is not text.
    """
    if str(path) == "-":
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        return parse_boards(decode(content, "standard input", MAX_BYTES), "standard input")
    return parse_boards(read_text(Path(path), MAX_BYTES), str(path))


def parse_boards(text: str, source: str = "boards") -> list[Boards]:
    """Parse board text; `source` is what error messages call it. See `read_boards`."""
    boards = [_parse_board(rows, source) for rows in _blocks(text)]
    if not boards:
        raise BoardTextError(source, 1, 1, f"no board found; expected rows of {INPUT_SYMBOLS}")
    return boards


def format_board(board: Boards, separator: str = " ") -> str:
    """The text of one ``(N, N)`` board, a line a row; `parse_boards` reads it back."""
    return "\n".join(rows_of(board, separator))


def format_boards(boards: Iterable[Boards]) -> str:
    """The text of many boards, separated by blank lines, ending in a newline."""
    return "\n\n".join(format_board(board, separator="") for board in boards) + "\n"


def rows_of(board: Boards, separator: str = "") -> list[str]:
    """One string a row of the ``(N, N)`` board."""
    return [separator.join(SYMBOLS[code] for code in row) for row in board]


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Runs of numbered lines between blank ones; comments are passed over."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.removeprefix("\ufeff").splitlines(), ""], start=1):
        if line.lstrip().startswith("//"):
            continue
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []


def _parse_board(rows: list[tuple[int, str]], source: str) -> Boards:
    first_line, size = rows[0][0], len(rows)
    first_column = len(rows[0][1]) - len(rows[0][1].lstrip()) + 1
    if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        problem = f"the board has {size} rows; boards have {SMALLEST_SIZE} to {LARGEST_SIZE}"
        raise BoardTextError(source, first_line, first_column, problem)
    board = np.empty((size, size), dtype=np.uint8)
    seen: dict[str, int] = {}
    for row, (number, line) in enumerate(rows):
        for index, (column, symbol) in enumerate(_cells(line, size, source, number)):
            if symbol not in INPUT_SYMBOLS:
                problem = f"unexpected {symbol!r}; expected one of {' '.join(INPUT_SYMBOLS)}"
                raise BoardTextError(source, number, column, problem)
            if symbol in "SE" and symbol in seen:
                problem = f"a second {symbol} (the first is in line {seen[symbol]}); one is allowed"
                raise BoardTextError(source, number, column, problem)
            seen[symbol] = number
            board[row, index] = INPUT_SYMBOLS.index(symbol)
    for code in (START, END):
        if SYMBOLS[code] not in seen:
            problem = f"the board has no {SYMBOLS[code]}"
            raise BoardTextError(source, first_line, first_column, problem)
    return board


def _cells(line: str, size: int, source: str, number: int) -> list[tuple[int, str]]:
    """The cells of a row with their columns; as many as the board has rows."""
    if len(line) > LONGEST_LINE:
        problem = f"longer than {LONGEST_LINE:,} characters"
        raise BoardTextError(source, number, LONGEST_LINE + 1, problem)
    cells = [(column, symbol) for column, symbol in enumerate(line, 1) if not symbol.isspace()]
    if len(cells) != size:
        column, _ = cells[min(size, len(cells) - 1)]  # the first one too many, or the last
        problem = f"{len(cells)} cells in this row, but the board has {size} rows"
        raise BoardTextError(source, number, column, f"{problem}; boards are square")
    return cells
