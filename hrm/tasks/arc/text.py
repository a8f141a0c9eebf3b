"""Grids as text: ARC's own JSON, or rows of figures."""

import numpy as np

from hrm.tasks.arc.files import parse_json
from hrm.tasks.arc.grids import LARGEST, put
from hrm.tasks.grid import IGNORE, Cells, Puzzle
from hrm.tasks.text import Line, PuzzleTextError, blocks


def parse(content: str, source: str, side: int) -> list[Puzzle]:
    """The puzzles of a text.

    Args:
        content: a task as JSON, whose test pairs are meant; or rows of the figures 0 to 9, spaces
            between them optional, blank lines between grids.
        source: what error messages call it.
        side: of the canvas.

    Raises:
        ValueError: naming the source and what is wrong in it.
    """
    if content.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        pairs = parse_json(content.removeprefix("\ufeff"), source)
        return [
            Puzzle(
                _put(grid, side, f"{source}: test pair {number}: input"),
                None
                if known is None
                else _put(known, side, f"{source}: test pair {number}: output", IGNORE),
            )
            for number, (grid, known) in enumerate(pairs, start=1)
        ]
    found = [
        Puzzle(_put(_grid(block, source), side, f"{source}: line {block[0].number}"))
        for block in blocks(content, source)
    ]
    if not found:
        raise PuzzleTextError(source, 1, 1, "no grid found; expected ARC's JSON or rows of 0 to 9")
    return found


def _put(grid: Cells, side: int, source: str, around: int = 0) -> Cells:
    rows, columns = grid.shape
    if max(grid.shape) > side:
        words = f"{rows} rows and {columns} columns, but the canvas is {side}×{side}"
        remedy = f"; it takes task.size={max(grid.shape)}" if max(grid.shape) <= LARGEST else ""
        raise ValueError(f"{source}: {words}{remedy}")
    return put(grid, side, around=around)


def _grid(block: list[Line], source: str) -> Cells:
    rows: list[list[int]] = []
    for line in block:
        for column, symbol in enumerate(line.text, start=1):
            if not symbol.isspace() and symbol not in "0123456789":
                problem = f"unexpected {symbol!r}; expected a colour, 0 to 9"
                raise PuzzleTextError(source, line.number, column, problem)
        rows.append([int(symbol) for symbol in line.text if not symbol.isspace()])
        if len(rows[-1]) != len(rows[0]):
            problem = f"{len(rows[-1])} cells in this row, but {len(rows[0])} in the first"
            raise PuzzleTextError(source, line.number, len(line.text), problem)
    return np.array(rows, dtype=np.uint8)
