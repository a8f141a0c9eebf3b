"""Mazes as black-and-white PNG pictures: one file, or a folder of them.

Dark is wall and light is floor. A cell is a square of a whole number of pixels, the greatest that
fits; where walls are thinner than the rooms between them, every wall and every room is one cell
wide. One green cell is the start, one red cell the goal. Without colours they are the two openings
of the outer wall, the first of them, row by row, the start.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrm.files import read_bytes
from hrm.tasks.grid import IGNORE, Cells, Puzzle
from hrm.tasks.maze.answers import CODES, FLOOR, GOAL, START, WALL
from hrm.tasks.maze.drawings import with_ends_at_openings

if TYPE_CHECKING:
    from hrm.tasks.task import Task

MAX_BYTES = 64 * 2**20
MAX_SIDE = 8192
"""Of a picture, in pixels: 32 for each cell of the largest maze."""

_ENDING = ".png"
_DARK, _LIGHT = 96, 160
_COLOURED = 64
"""How far green or red must stand out from the other two."""


class Codes(NamedTuple):
    """What a task calls the parts of a maze."""

    wall: int
    floor: int
    start: int
    goal: int


def is_picture(file: str | Path) -> bool:
    """Whether a user's file is meant as a picture, or is a folder, which can only hold pictures."""
    return str(file).lower().endswith(_ENDING) or Path(file).is_dir()


def read(task: "Task", file: str | Path, codes: Codes) -> list[Puzzle]:
    """The maze of a picture, or of each picture in a folder, in the order of their names.

    Args:
        task: mazes, of any shape.
        file: a PNG file, or a folder of them.
        codes: of the task.

    Raises:
        ValueError: naming the file, what is wrong and what to do.
    """
    path = Path(file)
    if not path.is_dir():
        return [_read_one(task, path, codes)]
    files = [f for f in path.iterdir() if f.name.lower().endswith(_ENDING) and f.name[0] != "."]
    if not files:
        raise ValueError(f"{path}: a folder without a PNG picture; name a text file, or pictures")
    return [_read_one(task, found, codes) for found in sorted(files)]


def _read_one(task: "Task", path: Path, codes: Codes) -> Puzzle:
    content = read_bytes(path, MAX_BYTES)
    try:
        maze = _cells(_kinds(_pixels(content)))
        if not np.isin(maze, (START, GOAL)).any():
            maze = with_ends_at_openings(maze)
        task.of_shape((maze.shape[0], maze.shape[1]))
        _require_ends(maze)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    table = np.zeros(len(CODES), dtype=np.uint8)
    table[[WALL, FLOOR, START, GOAL]] = codes
    return Puzzle(table[maze])


def _require_ends(maze: Cells) -> None:
    for code, word in ((START, "start"), (GOAL, "goal")):
        if (found := int((maze == code).sum())) != 1:
            raise ValueError(
                f"{found or 'no'} squares for the {word}; colour one square green (start) and one"
                " red (goal), or leave two openings in the outer wall"
            )


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


def _kinds(pixels: NDArray[np.int16]) -> Cells:
    """What every pixel is, as a code of a maze."""
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


def _cells(codes: Cells) -> Cells:
    """One code for each cell: the largest equal squares, or what thin walls part."""
    changes = tuple(_changes(lines) for lines in (codes, codes.T))
    side = math.gcd(*codes.shape, *changes[0], *changes[1])
    squares = codes[::side, ::side]
    edges = [{change // side for change in axis} for axis in changes]
    starts = _thin_walls(squares.shape, edges)
    return np.ascontiguousarray(squares[np.ix_(*starts)] if starts else squares)


def _changes(codes: Cells) -> list[int]:
    """The rows that differ from the row before."""
    return (np.flatnonzero((codes[1:] != codes[:-1]).any(axis=1)) + 1).tolist()


def _thin_walls(shape: tuple[int, ...], edges: list[set[int]]) -> list[list[int]] | None:
    """Where walls and rooms begin, in rows and in columns, if walls are thinner than rooms.

    Then walls repeat with one pitch, and all edges lie at a multiple of it, or a wall's thickness
    behind one. The widest such pitch with two rooms a side counts.
    """
    for pitch in range(min(shape) // 2, 2, -1):
        places = set.union(*edges, shape)
        thickness, *others = {place % pitch for place in places} - {0} or {pitch}
        if not others and 2 * thickness < pitch and all(side % pitch for side in shape):
            return [
                sorted([*range(0, side, pitch), *range(thickness, side, pitch)]) for side in shape
            ]
    return None
