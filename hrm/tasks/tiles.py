"""How a puzzle is drawn where its task does not say otherwise: tiles, and discs on them.

What is given is a glyph on a darker tile. What the model fills in is a disc with a glyph, the
fainter the less sure it is; where it leaves a cell alone, a small disc grows with its doubt. A
cross marks what contradicts the puzzle.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import BELIEF, GRID, INK, PAPER, PATH, TILE, WRONG, Canvas, blend
from hrm.tasks.grid import IGNORE, Cells, Code, Colour
from hrm.tasks.rules import Rules

Symbol = Callable[[Canvas, float, float], None]
"""Draws a symbol of a legend around a point."""

STEPS = 8
"""From unsure to sure, so few that a palette holds them all."""
_DISC, _GLYPH = 0.74, 0.46
"""Of a cell's side."""
_LEAST_DOUBT = 0.1
"""Less than this probability is not drawn."""
_SYMBOL_SIDE = 22
_MOST_CODES = 4
"""In a legend."""
_GIVEN = blend(GRID, INK, 0.08)
"""A little darker than the lines between cells, which are seen on either side."""
_GROUNDS = (TILE, (55, 65, 81), (250, 204, 21), (167, 139, 250), (134, 239, 172), (253, 186, 116))
"""Of the codes of a puzzle that is answered in other codes, where they have no colours."""


def draw(
    canvas: Canvas,
    left: float,
    top: float,
    side: int,
    task: Rules,
    puzzle: Cells,
    answer: Cells | None = None,
    belief: NDArray[np.floating] | None = None,
) -> None:
    """An answer on its puzzle, or a puzzle alone; see `Task.draw_answer`."""
    rows, columns = puzzle.shape
    canvas.box(left, top, left + columns * side, top + rows * side, GRID)
    fillable = task.open_cells(puzzle[None])[0]
    wrong = None if answer is None else task.contradictions(puzzle[None], answer[None])[0]
    for cell in np.ndindex(rows, columns):
        x, y = left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side
        _draw_ground(canvas, x, y, side, task, int(puzzle[cell]), bool(fillable[cell]))
        if answer is not None and fillable[cell] and answer[cell] != IGNORE:
            believed = None if belief is None else belief[cell]
            _draw_answer(canvas, x, y, side, task, int(answer[cell]), believed)
        if wrong is not None and wrong[cell]:
            canvas.cross(x + 0.29 * side, y - 0.29 * side, 0.27 * side + 1.5, WRONG, rim=PAPER)


def symbols(task: Rules) -> dict[str, Symbol]:
    """The legend of `draw`."""
    found: dict[str, Symbol] = {}
    answers = list(filter(_visible, task.answer_codes))
    if _completes(task):
        found["given"] = partial(
            _ground_symbol, task=task, code=len(task.codes) - 1, fillable=False
        )
    else:
        for number, code in enumerate(task.codes[:_MOST_CODES]):
            alone = task.open_cells(np.full((1, *task.shape), number, dtype=np.uint8))
            fillable = bool(alone[0, 0, 0])
            found[code.word] = partial(_ground_symbol, task=task, code=number, fillable=fillable)
    if _completes(task) or len(answers) > _MOST_CODES:  # the glyphs are known, or too many
        found["answer"] = partial(_disc_symbol, code=answers[-1])
        answers = [code for code in answers if code.colour]
    for code in answers[:_MOST_CODES]:
        name = f"answer: {code.word}" if code.word in found else code.word
        found[name] = partial(_disc_symbol, code=code)
    found["unsure"] = partial(_disc_symbol, code=task.answer_codes[-1], sure=1 / STEPS)
    found[task.contradiction_words] = lambda canvas, x, y: canvas.cross(x, y, 11, WRONG)
    return found


def colours(task: Rules) -> tuple[list[Colour], list[Colour]]:
    """See `Task.colours`."""
    grounds = [] if _completes(task) else [_ground_of(task, i) for i in range(len(task.codes))]
    own = [_GIVEN, *(code.colour for code in (*task.codes, *task.answer_codes) if code.colour)]
    pairs = [(BELIEF, PATH), *((TILE, colour) for colour in dict.fromkeys([BELIEF, *own[1:]]))]
    shades = [blend(*pair, step / STEPS) for pair in pairs for step in range(1, STEPS)]
    return list(dict.fromkeys([*own, *grounds])), shades


def _draw_ground(
    canvas: Canvas, x: float, y: float, side: float, task: Rules, code: int, fillable: bool
) -> None:
    """A cell of the puzzle. A cell to be filled in has no glyph of its own."""
    given = task.codes[code]
    if not fillable:
        colour = given.colour or _GIVEN
    else:
        colour = TILE if _completes(task) else _ground_of(task, code)
    canvas.square(x, y, side - min(1, side / 8), colour)
    if not fillable and _visible(given):
        canvas.text(x, y, given.glyph, _GLYPH * side, _ink_on(colour), anchor="m")


def _draw_answer(
    canvas: Canvas,
    x: float,
    y: float,
    side: float,
    task: Rules,
    answer: int,
    believed: NDArray[np.floating] | None,
) -> None:
    """What the model fills in, as sure as it is; or its doubt, where it leaves the cell alone."""
    code = task.answer_codes[answer]
    if _visible(code):
        sure = 1.0 if believed is None else sureness(believed, answer)
        _draw_disc(canvas, x, y, side, code, sure)
    elif believed is not None:
        others = [float(p) for p, c in zip(believed, task.answer_codes, strict=True) if _visible(c)]
        doubt = max(others, default=0.0)
        if doubt >= _LEAST_DOUBT:
            canvas.disc(x, y, _DISC * side * doubt, BELIEF)


def _draw_disc(
    canvas: Canvas, x: float, y: float, side: float, code: Code, sure: float = 1.0
) -> None:
    """An answer; its rim tells it from every ground."""
    sure = round(sure * STEPS) / STEPS
    colour = blend(TILE, code.colour or BELIEF, sure)
    ink = _ink_on(colour) if code.colour else blend(BELIEF, PATH, sure)
    canvas.disc(x, y, _DISC * side + min(4, 0.08 * side), PAPER)
    canvas.disc(x, y, _DISC * side, colour)
    if code.glyph != " ":
        canvas.text(x, y, code.glyph, _GLYPH * side, ink, anchor="m")


def _ground_symbol(
    canvas: Canvas, x: float, y: float, task: Rules, code: int, fillable: bool
) -> None:
    canvas.square(x, y, _SYMBOL_SIDE, GRID)
    _draw_ground(canvas, x, y, _SYMBOL_SIDE, task, code, fillable)


def _disc_symbol(canvas: Canvas, x: float, y: float, code: Code, sure: float = 1.0) -> None:
    canvas.square(x, y, _SYMBOL_SIDE, GRID)
    canvas.square(x, y, _SYMBOL_SIDE - 2, TILE)
    _draw_disc(canvas, x, y, _SYMBOL_SIDE, code, sure)


def sureness(believed: NDArray[np.floating], answer: int) -> float:
    """A probability as 0, where all codes are as likely, to 1."""
    even = 1 / len(believed)
    return max(0.0, (float(believed[answer]) - even) / (1 - even)) if even < 1 else 1.0


def _completes(task: Rules) -> bool:
    """Whether an answer fills in what its puzzle leaves open, so that the puzzle's own cells need
    not be seen beneath it."""
    some_open = task.open_code is not None or type(task).open_cells is not Rules.open_cells
    return some_open and task.answer_codes == task.codes


def _ground_of(task: Rules, code: int) -> Colour:
    return task.codes[code].colour or _GROUNDS[code % len(_GROUNDS)]


def _visible(code: Code) -> bool:
    """Whether a code stands for something."""
    return code.colour is not None or code.glyph not in " ."


def _ink_on(ground: Colour) -> Colour:
    red, green, blue = ground
    return INK if 299 * red + 587 * green + 114 * blue > 140_000 else PAPER
