"""Grids of colours on a canvas of cells, in the encoding of the published HRM and TRM.

A grid has 1 to 30 rows and columns of colours 0 to 9. The canvas around it is padding. Where the
grid ends before the canvas does, a border follows it on the right and below:

    2 5 1 0
    2 2 1 0
    1 1 0 0
    0 0 0 0    a grid of 2×2 on a canvas of 4×4; colour c is the code c + 2
"""

from typing import Any, NamedTuple

import numpy as np

from hrm.tasks.grid import IGNORE, Cells

PAD, END, BLACK = 0, 1, 2
"""Codes: outside of everything, the border, and the first of ten colours."""
COLOURS = 10
LARGEST = 30
"""Rows and columns of a grid, at most."""

Place = tuple[int, int]
"""Row and column of a grid's first cell on the canvas."""


class Pair(NamedTuple):
    """An input with its output, ``(R, C)`` colours each."""

    input: Cells
    output: Cells


def read_grid(rows: Any, source: str) -> Cells:
    """The colours of a grid that is given as lists, as in ARC's own files.

    Args:
        rows: what should be one.
        source: what error messages call it.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise ValueError(f"{source}: expected a list of rows, each a list of colours")
    sides = {len(row) for row in rows}
    if len(sides) > 1 or 0 in sides:
        raise ValueError(f"{source}: its rows must all be as long, and not empty")
    for row in rows:
        for colour in row:
            if type(colour) is not int or not 0 <= colour < COLOURS:
                raise ValueError(f"{source}: {colour!r} is no colour; colours are 0 to 9")
    if max(len(rows), *sides) > LARGEST:
        words = f"{len(rows)} rows and {sides.pop()} columns"
        raise ValueError(f"{source}: {words}; at most {LARGEST} of each can be used")
    return np.array(rows, dtype=np.uint8)


def put(grid: Cells, side: int, place: Place = (0, 0), around: int = PAD) -> Cells:
    """A canvas ``(side, side)`` with a grid on it.

    Args:
        grid: ``(R, C)`` colours.
        side: of the canvas.
        place: of the grid; the rest of it must fit.
        around: the code outside of grid and border.
    """
    (top, left), (rows, columns) = place, grid.shape
    canvas = np.full((side, side), around, dtype=np.uint8)
    # What would lie beyond the edge of the canvas is cut off.
    canvas[top : top + rows + 1, left : left + columns + 1] = END
    canvas[top + rows :, left + columns :] = around
    canvas[top : top + rows, left : left + columns] = grid + np.uint8(BLACK)
    return canvas


def place_of(canvas: Cells) -> Place:
    """Where the grid of a canvas begins: the first row and the first column with a colour; (0, 0)
    where there is none."""
    coloured = _coloured(canvas)
    return int(coloured.any(axis=1).argmax()), int(coloured.any(axis=0).argmax())


def grid_at(canvas: Cells, place: Place = (0, 0)) -> Cells:
    """The grid that begins at a place: the largest rectangle of colours alone.

    Of equally large ones the one with the fewest rows; ``(0, 0)`` colours where there is none.
    """
    seen = canvas[place[0] :, place[1] :]
    # For each row, how many colours it begins with; and so how wide a rectangle of so many rows is.
    runs = np.logical_and.accumulate(_coloured(seen), axis=1).sum(axis=1)
    widths = np.minimum.accumulate(runs)
    rows = int((widths * np.arange(1, len(widths) + 1)).argmax()) + 1
    columns = int(widths[rows - 1])
    return seen[: rows if columns else 0, :columns] - np.uint8(BLACK)


def _coloured(canvas: Cells) -> np.ndarray:
    return (canvas >= BLACK) & (canvas < BLACK + COLOURS)


def around(canvas: Cells) -> int:
    """The code outside of grid and border: that of a label, or of anything else."""
    return IGNORE if (canvas == IGNORE).any() else PAD
