"""A maze as a black-and-white PNG picture.

Dark squares are walls, light ones floor; every square of the grid has the same whole number of
pixels, the greatest that fits. One green square is the start, one red square the goal. Without
colours they are the two openings of the outer wall, the first of them, row by row, the start.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrm.files import read_bytes
from hrm.tasks.grid import IGNORE, Cells, Puzzle
from hrm.tasks.maze.answers import FLOOR, GOAL, START, WALL
from hrm.tasks.maze.drawings import with_ends_at_openings

if TYPE_CHECKING:
    from hrm.tasks.task import Task

MAX_BYTES = 64 * 2**20
MAX_SIDE = 8192
"""Of a picture, in pixels: 32 for each cell of the largest maze."""

_DARK, _LIGHT = 96, 160
_COLOURED = 64
"""How far green or red must stand out from the other two."""


def read(task: "Task", path: Path) -> Puzzle:
    """The maze of a picture.

    Args:
        task: mazes, of any shape.
        path: of a PNG file.

    Raises:
        ValueError: naming the file, what is wrong and what to do.
    """
    content = read_bytes(path, MAX_BYTES)
    try:
        cells = _squares(_codes(_pixels(content)))
        if not np.isin(cells, (START, GOAL)).any():
            cells = with_ends_at_openings(cells)
        if complaint := task.of_shape((cells.shape[0], cells.shape[1])).complaint(cells):
            raise ValueError(
                f"{complaint}; colour one square green (start) and one red (goal), or leave two"
                " openings in the outer wall"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Puzzle(cells)


def _pixels(content: bytes) -> NDArray[np.int16]:
    """``(height, width, 3)`` red, green and blue; what is transparent is white."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            if max(image.size) > MAX_SIDE:
                width, height = image.size
                raise ValueError(
                    f"{width}×{height} pixels; up to {MAX_SIDE} a side are read, so scale it down"
                )
            if image.mode[0] in "IF":
                raise ValueError("16 bits a colour; save it with 8")
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
    except (OSError, SyntaxError):  # Pillow raises either for a damaged file
        raise ValueError("not a PNG picture, or a damaged one; save it anew as PNG") from None
    return np.asarray(opaque)[..., :3].astype(np.int16)


def _codes(pixels: NDArray[np.int16]) -> Cells:
    """The code of every pixel."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    light = pixels.mean(axis=-1)
    codes = np.full(light.shape, IGNORE, dtype=np.uint8)
    codes[light < _DARK] = WALL
    codes[pixels.min(axis=-1) > _LIGHT] = FLOOR
    codes[green - np.maximum(red, blue) > _COLOURED] = START
    codes[red - np.maximum(green, blue) > _COLOURED] = GOAL
    if (codes == IGNORE).any():
        row, column = np.argwhere(codes == IGNORE)[0]
        colour = "#" + "".join(f"{level:02x}" for level in pixels[row, column])
        raise ValueError(
            f"the pixel in row {row + 1}, column {column + 1} is {colour}, neither dark nor light,"
            " green nor red; draw walls black, floor white, and scale without smoothing"
        )
    return codes


def _squares(codes: Cells) -> Cells:
    """One code for each of the largest equal squares that are of one kind."""
    height, width = codes.shape
    changes = [
        (np.flatnonzero((codes[1:] != codes[:-1]).any(axis=1)) + 1).tolist(),
        (np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0)) + 1).tolist(),
    ]
    side = math.gcd(height, width, *changes[0], *changes[1])
    return np.ascontiguousarray(codes[::side, ::side])
