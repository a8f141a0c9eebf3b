"""Sudoku as plain text: one puzzle a line, rows of cells, drawings, and lists as CSV.

- A line of N·N symbols is a puzzle.
- N lines of N symbols are one too; blank lines may stand between its bands. Spaces and ``|`` within
  a line, and lines of ``-``, ``+``, ``=`` and ``|`` alone, are there for the eye only.
- CSV begins with a line that names its columns: ``question`` holds puzzles as above, ``answer``,
  where there is one, their answers; other columns are passed over.

A digit is 1 to 9 or, for 16×16 grids, A to G; ``.``, ``0``, ``_`` or ``*`` is an open cell. Sixteen
symbols in a line are a 4×4 puzzle, or else a row of a 16×16 one: this if the lines around it hold a
digit above 4, or if they are a multiple of four and have spaces or ``|`` between cells, or if 16×16
puzzles are expected.
"""

from collections.abc import Iterator

from hrm.tasks.grid import IGNORE, Puzzle
from hrm.tasks.sudoku.found import (
    LINE_LENGTHS,
    Found,
    code_of,
    puzzles_of,
    refuse_length,
    symbols_of,
)
from hrm.tasks.sudoku.lists import parse_csv
from hrm.tasks.sudoku.rules import SIZES, rules_of
from hrm.tasks.text import Line, PuzzleTextError, blocks

_RULES = frozenset("-+=| \t")


def parse(content: str, source: str, expected: int) -> list[Puzzle]:
    """The puzzles of a text, and their answers where it holds them.

    Args:
        content: the text.
        source: what error messages call it.
        expected: the size of puzzles that is likely.

    Raises:
        PuzzleTextError: naming line and column.
    """
    parts = list(blocks(content, source))
    if parts and ("," in parts[0][0].text or "question" in parts[0][0].text.lower()):
        return parse_csv([line for part in parts for line in part], source)
    found = list(_found(parts, source, expected))
    if not found:
        problem = "no puzzle found; expected lines of digits, with . for an open cell"
        raise PuzzleTextError(source, 1, 1, problem)
    return [Puzzle(cells) for cells in puzzles_of(found, source)]


def format_grid(glyphs: list[str]) -> str:
    """Rows of glyphs with spaces between cells, and rules between boxes."""
    rules = rules_of(len(glyphs))
    box_rows, box_columns = rules.box

    def grouped(row: str) -> list[str]:
        return [row[i : i + box_columns] for i in range(0, len(row), box_columns)]

    lines = [" | ".join(" ".join(cells) for cells in grouped(row)) for row in glyphs]
    rule = "+".join("-" * len(part) for part in lines[0].replace("|", "+").split("+"))
    bands = [lines[i : i + box_rows] for i in range(0, len(lines), box_rows)]
    return f"\n{rule}\n".join("\n".join(band) for band in bands)


def _found(parts: list[list[Line]], source: str, expected: int) -> Iterator[Found]:
    """Every puzzle of blocks of lines."""
    begun: list[Line] = []  # the rows of a puzzle of which only the first bands are read yet
    for part in parts:
        lines = [line for line in part if not _RULES.issuperset(line.text)]
        if not lines:
            continue
        if not begun and not _are_rows(lines, expected):
            for line in lines:
                yield _whole(line, source)
            continue
        begun += lines
        size = len(symbols_of(begun[0].text))
        _require_rows(begun, size, source)
        if len(begun) == size:
            yield Found("".join(symbols_of(line.text) for line in begun), begun)
            begun = []
        elif len(begun) > size or len(begun) % rules_of(size).box[0]:
            _refuse_rows(begun, size, source)
    if begun:
        _refuse_rows(begun, len(symbols_of(begun[0].text)), source)


def _are_rows(lines: list[Line], expected: int) -> bool:
    """Whether lines are rows of puzzles, and not a puzzle each."""
    symbols = symbols_of(lines[0].text)
    if len(symbols) != 16:
        return len(symbols) in SIZES
    text = "".join(line.text.strip() for line in lines)
    if any(4 < code_of(symbol) < IGNORE for symbol in set(text)):
        return True
    likely = expected == 16 or not {" ", "|"}.isdisjoint(text)
    return likely and len(lines) % 4 == 0


def _require_rows(lines: list[Line], size: int, source: str) -> None:
    for line in lines:
        symbols = symbols_of(line.text)
        if len(symbols) != size:
            expected = f"the first row of this puzzle, line {lines[0].number}, has {size}"
            refuse_length(line, symbols, source, expected)


def _refuse_rows(lines: list[Line], size: int, source: str) -> None:
    raise PuzzleTextError(
        source,
        lines[0].number,
        lines[0].first_column,
        f"{len(lines)} rows of {size} cells; a puzzle has {size}, with blank lines only between"
        f" bands of {rules_of(size).box[0]}",
    )


def _whole(line: Line, source: str) -> Found:
    """The puzzle of one line."""
    symbols = symbols_of(line.text)
    if len(symbols) not in LINE_LENGTHS:
        expected = "the lines before are puzzles of a line each" if len(symbols) in SIZES else None
        refuse_length(line, symbols, source, expected)
    return Found(symbols, [line])
