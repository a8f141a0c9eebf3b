"""How a Sudoku is drawn: givens in ink on darker tiles, answers in blue, lines around the boxes.

Where a model is not sure of a cell yet, the digits that it still thinks possible stand small in the
cell, each in a place of its own, and fade with their probability.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import GRID, INK, PAPER, PATH, TILE, WRONG, Canvas, Colour, blend
from hrm.tasks.grid import Cells
from hrm.tasks.sudoku.rules import GLYPHS, OPEN, Rules, contradictions, rules_for

_GIVEN = (232, 229, 220)
_LINE = (120, 126, 136)
_CLASH, _GIVEN_CLASH = (251, 232, 243), (240, 214, 227)
_SHADES = 8
_SURE = 0.85
"""From this probability on a cell shows one large digit."""
_FAINTEST = 0.02
"""Digits below this probability are not shown."""


def draw(
    canvas: Canvas,
    left: float,
    top: float,
    side: int,
    puzzle: Cells,
    answer: Cells,
    belief: NDArray[np.floating] | None,
) -> None:
    """An answer on its puzzle; see `Task.draw_answer`.

    Args:
        canvas: to draw on.
        left: of the grid.
        top: of the grid.
        side: of a cell, in pixels.
        puzzle: ``(N, N)`` codes.
        answer: ``(N, N)`` codes.
        belief: ``(N, N, V)`` probability of each code of the answer; None: not to be shown.
    """
    rules = rules_for(puzzle)
    canvas.box(left, top, left + rules.size * side, top + rules.size * side, GRID)
    unsure = _unsure(puzzle, belief)
    # What is large must fit what is large; a small digit is no answer that others could contradict.
    large = np.where(unsure, OPEN, answer)
    wrong = contradictions(np.stack([puzzle] * 2), np.stack([large, answer]))
    for cell in np.ndindex(*puzzle.shape):
        x, y = left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side
        given, digit, clash = puzzle[cell] != OPEN, int(large[cell]), bool(wrong[0][cell])
        grounds = (_GIVEN, _GIVEN_CLASH) if given else (TILE, _CLASH)
        canvas.square(x, y, side - min(1, side / 8), grounds[clash])
        if belief is not None and unsure[cell]:
            marked = int(answer[cell]) if wrong[1][cell] else OPEN
            _possible(canvas, x, y, side, rules, belief[cell][1:], marked)
        elif given and digit == puzzle[cell]:
            _large(canvas, x, y, side, digit, INK)
        elif OPEN < digit <= rules.size:
            _large(canvas, x, y, side, digit, WRONG if clash else PATH)
            if clash:
                corner = (x + 0.3 * side, y - 0.3 * side)
                canvas.cross(*corner, 0.17 * side + 1.5, WRONG, rim=PAPER)
    _lines(canvas, left, top, side, rules)


def symbols() -> dict[str, Callable[[Canvas, float, float], None]]:
    """The legend: words, and what draws their symbol around a point."""

    def given(canvas: Canvas, x: float, y: float) -> None:
        canvas.square(x, y, 20, _GIVEN)
        _large(canvas, x, y, 24, 5, INK)

    def answer(canvas: Canvas, x: float, y: float) -> None:
        canvas.square(x, y, 20, TILE)
        _large(canvas, x, y, 24, 5, PATH)

    def possible(canvas: Canvas, x: float, y: float) -> None:
        canvas.square(x, y, 20, TILE)
        for place, (digit, share) in enumerate(((1, 1.0), (2, 0.5), (3, 0.75), (4, 0.25))):
            right, down = place % 2 - 0.5, place // 2 - 0.5
            canvas.text(x + 9 * right, y + 9 * down, GLYPHS[digit], 9, _shade(share), anchor="m")

    def contradiction(canvas: Canvas, x: float, y: float) -> None:
        canvas.square(x, y, 20, _CLASH)
        canvas.cross(x, y, 11, WRONG)

    return {
        "given": given,
        "answer": answer,
        "still possible": possible,
        "contradiction": contradiction,
    }


def colours() -> tuple[list[Colour], list[Colour]]:
    """Of all that is drawn here, and the shades of belief."""
    return [_GIVEN, _LINE, _CLASH, _GIVEN_CLASH], [_shade(k / _SHADES) for k in range(1, _SHADES)]


def _unsure(puzzle: Cells, belief: NDArray[np.floating] | None) -> NDArray[np.bool_]:
    """In which open cells several digits are still possible."""
    if belief is None:
        return np.zeros(puzzle.shape, dtype=bool)
    return (belief[..., 1:].max(axis=-1) < _SURE) & (puzzle == OPEN)


def _possible(
    canvas: Canvas,
    x: float,
    y: float,
    side: float,
    rules: Rules,
    shares: NDArray[np.floating],
    wrong: int,
) -> None:
    """Small digits, as probable as they are dark."""
    rows, columns = rules.box
    across, down = 0.92 * side / columns, 0.92 * side / rows
    size = min(1.2 * across, 1.05 * down, 0.28 * side)
    for place, share in enumerate(shares.tolist()):
        if share >= _FAINTEST:
            right, below = place % columns - (columns - 1) / 2, place // columns - (rows - 1) / 2
            colour = WRONG if place + 1 == wrong else _shade(share**0.5)
            at = (x + right * across, y + below * down)
            canvas.text(*at, GLYPHS[place + 1], size, colour, anchor="m")


def _large(canvas: Canvas, x: float, y: float, side: float, digit: int, colour: Colour) -> None:
    canvas.text(x, y, GLYPHS[digit], 0.6 * side, colour, anchor="m")


def _shade(share: float) -> Colour:
    """Belief as shading, in so few steps that a palette holds them all."""
    return blend(TILE, PATH, round(share * _SHADES) / _SHADES)


def _lines(canvas: Canvas, left: float, top: float, side: float, rules: Rules) -> None:
    """Around the boxes, and a stronger one around the whole grid."""
    box_rows, box_columns = rules.box
    length = rules.size * side
    thin = max(1.5, min(3.0, side / 24))
    for row in range(0, rules.size + 1, box_rows):
        width = thin if 0 < row < rules.size else 1.6 * thin
        y = top + row * side
        canvas.box(left - width / 2, y - width / 2, left + length + width / 2, y + width / 2, _LINE)
    for column in range(0, rules.size + 1, box_columns):
        width = thin if 0 < column < rules.size else 1.6 * thin
        x = left + column * side
        canvas.box(x - width / 2, top - width / 2, x + width / 2, top + length + width / 2, _LINE)
