"""Mazes drawn with lines: ``+ - |`` or box-drawing characters.

Every character is a cell: lines are walls, spaces are floor. Most drawings are stretched, though:
the rooms of ::

    +---+---+
    | S     |
    +   +---+
    |     G |
    +---+---+

are three characters wide, and their walls one. So where the posts (``+``, corners, upright lines)
stand in every third, fourth, … column, what lies between two such columns becomes one cell, and
likewise for rows. This drawing becomes a maze of 5×5 cells. Without S and G, the two openings of
the outer wall are start and goal.
"""

import math
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from hrm.tasks.grid import Cells
from hrm.tasks.maze.answers import FLOOR, GOAL, START
from hrm.tasks.text import Line, PuzzleTextError

_LYING, _UPRIGHT = "-", "|"
_MARKS = "SGEo*"
_WALL, _FLOOR = "#", " "


class Symbol(NamedTuple):
    """A symbol of a text and where it stands, counted from 1."""

    line: int
    column: int
    text: str


Drawn = list[list[Symbol]]
"""Rows of the same length."""


def is_drawing(symbols: set[str]) -> bool:
    """Whether a text with these symbols is drawn with lines."""
    return "#" not in symbols and any(map(_is_line, symbols))


def decode(block: list[Line], source: str) -> Drawn:
    """A symbol for each cell: ``#``, space, or what marks it.

    Raises:
        PuzzleTextError: naming line and column, and what to do.
    """
    drawn = _characters(block, source)
    posts_are_drawn = any(symbol.text == "+" for row in drawn for symbol in row)
    # Columns first, then rows: those of the rows turned into columns.
    for lying in (_is_lying, _is_upright):
        drawn = _transposed(_narrowed(drawn, lying, posts_are_drawn, source))
    return [[s._replace(text=_WALL) if _is_line(s.text) else s for s in row] for row in drawn]


def with_ends_at_openings(cells: Cells) -> Cells:
    """A maze without start and goal, with them in the two openings of its outer wall.

    The first opening, row by row, is the start. With more or fewer openings, nothing changes.
    """
    rows, columns = cells.shape
    around = [(0, column) for column in range(columns)]
    around += [(row, columns - 1) for row in range(1, rows)]
    around += [(rows - 1, column) for column in range(columns - 2, -1, -1)]
    around += [(row, 0) for row in range(rows - 2, 0, -1)]
    is_open = [cells[place] == FLOOR for place in around]
    openings = [place for place, opened in zip(around, is_open, strict=True) if opened]
    runs = sum(one and not before for before, one in pairwise(is_open[-1:] + is_open))
    if len(openings) != 2 or runs != 2:
        return cells
    found = cells.copy()
    found[min(openings)], found[max(openings)] = START, GOAL
    return found


def _is_line(symbol: str) -> bool:
    return symbol in ("+", _LYING, _UPRIGHT) or bool(_box_words(symbol))


def _is_lying(symbol: str) -> bool:
    """Whether it is a line without any upright part."""
    words = _box_words(symbol)
    return symbol == _LYING or (bool(words) and not words & {"UP", "DOWN", "VERTICAL"})


def _is_upright(symbol: str) -> bool:
    """Whether it is a line without any lying part."""
    words = _box_words(symbol)
    return symbol == _UPRIGHT or (bool(words) and not words & {"LEFT", "RIGHT", "HORIZONTAL"})


def _box_words(symbol: str) -> set[str]:
    """What the Unicode name says of a box-drawing character; nothing for any other."""
    words = set(unicodedata.name(symbol, "").split())
    return words if {"BOX", "DRAWINGS"} <= words and "DIAGONAL" not in words else set()


def _characters(block: list[Line], source: str) -> Drawn:
    """The drawing without what stands around it, every line of the same length."""
    while not block[0].text.strip():
        block = block[1:]
    while not block[-1].text.strip():
        block = block[:-1]
    indent = min(line.first_column for line in block if line.text.strip()) - 1
    width = max(len(line.text.rstrip()) for line in block)
    drawn = [
        [Symbol(line.number, i + 1, line.text.ljust(width)[i]) for i in range(indent, width)]
        for line in block
    ]
    for symbol in (symbol for row in drawn for symbol in row):
        if not (_is_line(symbol.text) or symbol.text in _MARKS or symbol.text == _FLOOR):
            problem = (
                f"unexpected {symbol.text!r}; in a drawing, walls are + - | or box-drawing"
                " characters, floor is spaces, and S and G or E are start and goal"
            )
            raise PuzzleTextError(source, symbol.line, symbol.column, problem)
    return drawn


def _transposed(drawn: Drawn) -> Drawn:
    return [list(column) for column in zip(*drawn, strict=True)]


def _narrowed(
    drawn: Drawn, lying: Callable[[str], bool], posts_are_drawn: bool, source: str
) -> Drawn:
    """The drawing with one column for all between two columns of posts.

    Where no posts are drawn, they may by chance stand further apart than the rooms are wide. Then
    some part would not be of one kind, and the next shorter distance is tried.
    """
    width = len(drawn[0])
    posts = {
        column
        for row in drawn
        for column, symbol in enumerate(row)
        if _is_line(symbol.text) and not lying(symbol.text)
    }
    distance = math.gcd(width - 1, *posts)
    for pitch in range(distance, 2, -1):
        if distance % pitch:
            continue
        starts = [start for post in range(0, width, pitch) for start in (post, post + 1)][:-1]
        ends = [*starts[1:], width]
        parts = [[row[a:b] for a, b in zip(starts, ends, strict=True)] for row in drawn]
        mixed = next((part for row in parts for part in row if _kinds(part) > 1), None)
        if mixed is None:
            return [[_kept(part) for part in row] for row in parts]
        if posts_are_drawn:
            problem = "half a wall, or two marks in a room; draw all of the wall, or one mark"
            raise PuzzleTextError(source, mixed[0].line, mixed[0].column, problem)
    return drawn


def _kinds(part: list[Symbol]) -> int:
    """How many different things a part holds; a mark stands for the floor around it."""
    symbols = {_WALL if _is_line(symbol.text) else symbol.text for symbol in part}
    return len(symbols - {_FLOOR}) + (_FLOOR in symbols and _WALL in symbols)


def _kept(part: list[Symbol]) -> Symbol:
    return next((symbol for symbol in part if symbol.text != _FLOOR), part[0])
