"""How a puzzle is drawn where its task does not say otherwise: tiles with glyphs.

What is given stands on a darker tile, what the model fills in on a light one, the fainter the less
sure it is. A cross marks what contradicts the puzzle.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrm.rendering.canvas import BELIEF, GRID, INK, PAPER, PATH, TILE, WRONG, Canvas, blend
from hrm.tasks.grid import IGNORE, Cells, Code, Colour

if TYPE_CHECKING:
    from hrm.tasks.task import Task

Symbol = Callable[[Canvas, float, float], None]
"""Draws a symbol of a legend around a point."""

_SYMBOL_SIDE = 20
_GIVEN = (226, 224, 218)


def draw(
    canvas: Canvas,
    left: float,
    top: float,
    side: int,
    task: "Task",
    puzzle: Cells,
    answer: Cells,
    belief: NDArray[np.floating] | None,
) -> None:
    """An answer on its puzzle; see `Task.draw_answer`."""
    rows, columns = puzzle.shape
    canvas.box(left, top, left + columns * side, top + rows * side, GRID)
    fillable = task.open_cells(puzzle[None])[0]
    wrong = task.contradictions(puzzle[None], answer[None])[0]
    same_codes = task.answer_codes == task.codes
    for cell in np.ndindex(rows, columns):
        x, y = left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side
        given = task.codes[puzzle[cell]]
        if not fillable[cell]:
            _tile(canvas, x, y, side, given.colour or _GIVEN)
            _glyph(canvas, x, y, side, given.glyph, INK)
        else:
            _tile(canvas, x, y, side, TILE if same_codes else given.colour or TILE)
            if answer[cell] != IGNORE:
                sure = 1.0 if belief is None else float(belief[cell][answer[cell]])
                _answered(canvas, x, y, side, task.answer_codes[answer[cell]], sure)
        if wrong[cell]:
            canvas.cross(x + 0.29 * side, y - 0.29 * side, 0.27 * side + 1.5, WRONG, rim=PAPER)


def symbols(task: "Task") -> dict[str, Symbol]:
    """The legend of `draw`: the codes of the answer, and the cross."""
    found: dict[str, Symbol] = {}
    for code in task.answer_codes[:6]:
        found[code.word] = lambda canvas, x, y, code=code: _symbol(canvas, x, y, code)
    found["contradicts puzzle"] = lambda canvas, x, y: canvas.cross(x, y, 11, WRONG)
    return found


def _symbol(canvas: Canvas, x: float, y: float, code: Code) -> None:
    _tile(canvas, x, y, _SYMBOL_SIDE, TILE)
    _answered(canvas, x, y, _SYMBOL_SIDE, code, 1.0)


def _tile(canvas: Canvas, x: float, y: float, side: float, colour: Colour) -> None:
    canvas.square(x, y, side - min(1, side / 8), colour)


def _answered(canvas: Canvas, x: float, y: float, side: float, code: Code, sure: float) -> None:
    if code.colour:
        canvas.disc(x, y, 0.7 * side, blend(TILE, code.colour, sure))
        _glyph(canvas, x, y, side, code.glyph, PAPER)
    else:
        _glyph(canvas, x, y, side, code.glyph, blend(BELIEF, PATH, sure))


def _glyph(canvas: Canvas, x: float, y: float, side: float, glyph: str, colour: Colour) -> None:
    if glyph not in " .":  # what stands for nothing
        canvas.text(x, y, glyph, 0.56 * side, colour, anchor="m")
