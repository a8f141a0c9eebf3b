"""Mazes as people type, print and draw them.

- Rows of ``#`` wall, space floor, ``S`` start, ``G`` or ``E`` goal. A space is a cell, at the ends
  of a line too. Lines that an editor has shortened are filled up with floor, unless that would open
  a right wall that all other lines close.
- Floor written as ``.``, or rows of 1 wall and 0 floor, each with ``S`` and ``G``: spaces (and
  commas) then mean nothing, and stand between all cells of a row or between none.
- Drawings in ``+ - |`` or box-drawing characters, see `hrm.tasks.maze.drawings`.

An empty line ends a maze; lines that begin with ``//`` are passed over. ``o`` or ``*`` marks a
path: then it is the given answer, and must be a shortest path, any one; another is refused.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hrm.tasks.grid import Cells, Puzzle
from hrm.tasks.maze import drawings
from hrm.tasks.maze.answers import FLOOR, GOAL, PATH, START, WALL, steps, worth
from hrm.tasks.maze.drawings import Drawn, Symbol
from hrm.tasks.text import COMMENT, LONGEST_LINE, Line, PuzzleTextError, require_puzzle

if TYPE_CHECKING:
    from hrm.tasks.task import Task

_ENDS_AND_PATH = {"S": START, "G": GOAL, "E": GOAL, "o": PATH, "*": PATH}


class _Style(NamedTuple):
    meaning: dict[str, int]
    """The code of each symbol."""
    remedy: str


_ENDS_WORDS = "S for start, G or E for goal, o or * for a path"
_GLYPHS = _Style(
    {"#": WALL, " ": FLOOR, ".": FLOOR, **_ENDS_AND_PATH},
    f"write # for wall, space or . for floor, {_ENDS_WORDS}",
)
_DIGITS = _Style(
    {"1": WALL, "0": FLOOR, **_ENDS_AND_PATH}, f"write 1 for wall, 0 for floor, {_ENDS_WORDS}"
)


def parse(task: "Task", content: str, source: str) -> list[Puzzle]:
    """The mazes of a text.

    Args:
        task: mazes, of any shape.
        content: the text.
        source: what error messages call it.

    Raises:
        PuzzleTextError: naming line and column, and what to do.
    """
    puzzles = [_puzzle(task, block, source) for block in _blocks(content, source)]
    if not puzzles:
        raise PuzzleTextError(source, 1, 1, f"no maze found; {_GLYPHS.remedy}")
    return puzzles


def _blocks(content: str, source: str) -> Iterator[list[Line]]:
    """The lines of each maze. A line of spaces is a row of floor, or else ends a maze."""
    block: list[Line] = []
    for number, line in enumerate([*content.removeprefix("\ufeff").splitlines(), ""], start=1):
        if len(line) > LONGEST_LINE:
            problem = f"longer than {LONGEST_LINE:,} characters"
            raise PuzzleTextError(source, number, LONGEST_LINE + 1, problem)
        if line.lstrip().startswith(COMMENT):
            continue
        if line:
            block.append(Line(number, line))
        elif block:
            yield from _split(block)
            block = []


def _split(block: list[Line]) -> Iterator[list[Line]]:
    symbols = _symbols(block)
    if not symbols:
        return
    if drawings.is_drawing(symbols) or _spaces_are_floor(symbols):
        yield block
        return
    part: list[Line] = []
    for line in [*block, Line(0, "")]:
        if line.text.strip():
            part.append(line)
        elif part:
            yield part
            part = []


def _symbols(block: list[Line]) -> set[str]:
    return {symbol for line in block for symbol in line.text if not symbol.isspace()}


def _spaces_are_floor(symbols: set[str]) -> bool:
    return "." not in symbols and not _are_digits(symbols)


def _are_digits(symbols: set[str]) -> bool:
    return bool(symbols & {"0", "1"}) and not symbols & {"#", "."}


def _puzzle(task: "Task", block: list[Line], source: str) -> Puzzle:
    symbols = _symbols(block)
    if drawings.is_drawing(symbols):
        cells = _codes(drawings.decode(block, source), _GLYPHS, source)
        if not np.isin(cells, (START, GOAL)).any():
            cells = drawings.with_ends_at_openings(cells)
    elif _are_digits(symbols):
        cells = _codes(_apart(block, source, between=","), _DIGITS, source)
    elif _spaces_are_floor(symbols):
        cells = _codes(_as_they_stand(block, source), _GLYPHS, source)
    else:
        cells = _codes(_apart(block, source, between=""), _GLYPHS, source)
    maze = np.where(cells == PATH, FLOOR, cells).astype(np.uint8)
    require_puzzle(task, maze, source, block[0])
    if not (cells == PATH).any():
        return Puzzle(maze)
    if problem := _wrong_path(maze, cells):
        raise PuzzleTextError(source, block[0].number, block[0].first_column, problem)
    return Puzzle(maze, cells)


def _wrong_path(maze: Cells, answer: Cells) -> str | None:
    found = worth(maze[None], answer[None])
    if found.shortest[0]:
        return None
    remedy = "mark a shortest path, or leave the marks out"
    if not found.joined[0]:
        return f"the marked path does not join S and G; {remedy}"
    marked, fewest = (answer == PATH).sum(), steps(maze[None])[0] - 1
    return f"the marked path has {marked} cells where {fewest} are enough; {remedy}"


def _apart(block: list[Line], source: str, between: str) -> Drawn:
    """Rows in which spaces mean nothing."""
    rows: Drawn = []
    for line in block:
        row = [
            Symbol(line.number, column, symbol)
            for column, symbol in enumerate(line.text, 1)
            if not symbol.isspace() and symbol not in between
        ]
        apart = [after.column - before.column > 1 for before, after in pairwise(row)]
        if len(set(apart)) > 1:
            odd = row[apart.index(not apart[0]) + 1]
            problem = "spaces between some cells of this row only; put them between all or none"
            raise PuzzleTextError(source, line.number, odd.column, problem)
        if rows and len(row) != len(rows[0]):
            problem = f"{len(row)} cells in this row, but {len(rows[0])} in the first"
            column = row[-1].column if row else line.first_column
            raise PuzzleTextError(source, line.number, column, problem)
        rows.append(row)
    return rows


def _as_they_stand(block: list[Line], source: str) -> Drawn:
    """Rows in which a space is floor."""
    width = max(len(line.text) for line in block)
    closed = all(line.text[-1] == "#" for line in block if len(line.text) == width)
    for line in block:
        if len(line.text) == width:
            continue
        place = (source, line.number, len(line.text) + 1)
        if not line.text.strip():
            problem = f"a line of spaces that is no row of {width} cells; make it empty"
            raise PuzzleTextError(*place, f"{problem} to end a maze, or {width} spaces long")
        if closed:
            problem = f"{len(line.text)} cells in this row, but {width} in the longest"
            raise PuzzleTextError(*place, f"{problem}, and a wall on the right; complete the row")
    return [
        [Symbol(line.number, i, s) for i, s in enumerate(line.text.ljust(width), 1)]
        for line in block
    ]


def _codes(rows: Drawn, style: _Style, source: str) -> Cells:
    ends: dict[int, Symbol] = {}
    cells = np.empty((len(rows), len(rows[0])), dtype=np.uint8)
    for place in np.ndindex(cells.shape):
        symbol = rows[place[0]][place[1]]
        code = style.meaning.get(symbol.text)
        if code is None:
            problem = f"unexpected {symbol.text!r}; {style.remedy}"
            raise PuzzleTextError(source, symbol.line, symbol.column, problem)
        if code in (START, GOAL) and code in ends:
            first = ends[code]
            problem = (
                f"a second {symbol.text} (the first: line {first.line}, column {first.column})"
            )
            raise PuzzleTextError(source, symbol.line, symbol.column, f"{problem}; leave one")
        ends[code] = symbol
        cells[place] = code
    return cells
