"""How ARC is drawn: the answer as tiles of its colours, the paler the less sure the model is of
them; where the puzzle has another code, that one in a small square."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import GRID, PAPER, TILE, Canvas, blend
from hrm.tasks.grid import IGNORE, Cells, Code, Colour
from hrm.tasks.tiles import STEPS, Symbol, sureness

_SMALL = 0.34
"""Of a cell's side."""
_SYMBOL_SIDE = 22


def draw(
    canvas: Canvas,
    left: float,
    top: float,
    side: int,
    codes: Sequence[Code],
    puzzle: Cells,
    answer: Cells,
    belief: NDArray[np.floating] | None,
) -> None:
    """An answer on its puzzle; see `Task.draw_answer`."""
    rows, columns = puzzle.shape
    canvas.box(left, top, left + columns * side, top + rows * side, GRID)
    for cell in np.ndindex(rows, columns):
        x, y = left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side
        given, told = codes[int(puzzle[cell])], int(answer[cell])
        sure = 1.0 if belief is None or told == IGNORE else sureness(belief[cell], told)
        shown = given if told == IGNORE else codes[told]
        _tile(canvas, x, y, side, shown.colour, round(sure * STEPS) / STEPS)
        if shown != given:
            _small(canvas, x, y, side, given.colour)


def symbols(codes: Sequence[Code]) -> dict[str, Symbol]:
    """The legend."""
    colour = codes[-1].colour
    return {
        "answer": partial(_tile, side=_SYMBOL_SIDE, colour=colour),
        "unsure": partial(_tile, side=_SYMBOL_SIDE, colour=colour, sure=2 / STEPS),
        "input, where it is another": partial(_framed_small, side=_SYMBOL_SIDE, colour=colour),
    }


def _tile(
    canvas: Canvas, x: float, y: float, side: float, colour: Colour | None, sure: float = 1.0
) -> None:
    canvas.square(x, y, side - min(1, side / 8), blend(TILE, colour or TILE, sure))


def _small(canvas: Canvas, x: float, y: float, side: float, colour: Colour | None) -> None:
    canvas.square(x, y, _SMALL * side + 2, PAPER)
    canvas.square(x, y, _SMALL * side, colour or TILE)


def _framed_small(canvas: Canvas, x: float, y: float, side: float, colour: Colour | None) -> None:
    _tile(canvas, x, y, side, GRID)
    _small(canvas, x, y, side, colour)
