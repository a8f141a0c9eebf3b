"""How a path on a grid with walls is drawn, for every task that has one.

The puzzle as given is the scenery. On top of it lies what the model answers: its path as a line,
any other cell that it changes as a small tile of what it takes the cell for. A cross marks each
cell in which the answer contradicts the puzzle. Every kind of cell has its own shape besides its
colour. Where cells have no room for that, a contradiction is a dot.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import BELIEF, GRID, PAPER, PATH, RIGHT, TILE, WRONG, Canvas, blend
from hrm.tasks.grid import Cells, Colour
from hrm.tasks.tiles import Symbol

WALL_COLOUR, END_COLOUR = (55, 65, 81), (204, 85, 0)

SHADES = 24
"""Steps in which belief is shown, so that a palette of 256 colours holds them all."""

_LARGEST_MARKER, _SMALLEST_MARKER = 20, 14
"""Of start and end, in pixels, where cells are smaller."""
_SMALLEST_CROSSED = 6
"""Pixels of a cell in which a cross and a tile are told apart."""

Place = tuple[int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class PathDrawing:
    """Draws answers of one task."""

    floor: int
    """The code of floor in puzzles and answers; and so on."""
    wall: int
    start: int
    end: int
    path: int
    letters: str = "SE"
    """On the markers of start and end."""
    end_word: str = "end"
    """In the legend."""

    def draw(
        self,
        canvas: Canvas,
        left: float,
        top: float,
        side: int,
        puzzle: Cells,
        answer: Cells,
        belief: NDArray[np.floating] | None = None,
    ) -> None:
        """Draw an answer on its puzzle.

        Args:
            canvas: to draw on.
            left: of the grid.
            top: of the grid.
            side: of a cell, in pixels.
            puzzle: ``(R, C)`` codes.
            answer: ``(R, C)`` codes.
            belief: ``(R, C)`` probability that a cell is on the path; None: not to be shown.
        """
        rows, columns = puzzle.shape
        canvas.box(left, top, left + columns * side, top + rows * side, GRID)

        def centre(cell: Place) -> Point:
            return left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side

        for cell in np.ndindex(rows, columns):
            ground = self.wall if puzzle[cell] == self.wall else self.floor
            sure = 0.0 if belief is None else float(belief[cell])
            self._cell(canvas, *centre(cell), side, ground, sure)
        _line(canvas, [[centre(cell) for cell in link] for link in self._links(answer)], side)
        marker = max(side, min(_LARGEST_MARKER, max(2 * side, _SMALLEST_MARKER)))
        for cell in _places((puzzle == self.start) | (puzzle == self.end)):
            self._cell(canvas, *centre(cell), marker, puzzle[cell])
        on_floor = (answer == self.path) & (puzzle == self.floor)
        for cell in _places((answer != puzzle) & ~on_floor):
            self._contradiction(canvas, *centre(cell), side, int(answer[cell]))

    def symbols(self) -> dict[str, Symbol]:
        """The legend: words, and what draws their symbol around a point."""

        def floor(canvas: Canvas, x: float, y: float) -> None:
            canvas.square(x, y, 20, GRID)
            self._cell(canvas, x, y, 18, self.floor)

        def belief(canvas: Canvas, x: float, y: float) -> None:
            for part in range(4):
                left = x - 10 + 5 * part
                canvas.box(left, y - 10, left + 5, y + 10, _shade(TILE, part / 3))

        return {
            "floor": floor,
            "wall": lambda canvas, x, y: self._cell(canvas, x, y, 20, self.wall),
            "start": lambda canvas, x, y: self._cell(canvas, x, y, 24, self.start),
            self.end_word: lambda canvas, x, y: self._cell(canvas, x, y, 24, self.end),
            "path": lambda canvas, x, y: _line(canvas, [[(x - 8, y), (x + 8, y)], [(x, y)]], 24),
            "belief in path": belief,
            "contradicts puzzle": lambda canvas, x, y: canvas.cross(x, y, 11, WRONG),
        }

    @staticmethod
    def colours() -> tuple[list[Colour], list[Colour]]:
        """Of all that is drawn here, and the shades of belief; see `Task.colours`."""
        grounds, parts = (TILE, WALL_COLOUR), range(1, SHADES)
        shades = [_shade(ground, part / SHADES) for ground in grounds for part in parts]
        return [WALL_COLOUR, END_COLOUR], shades

    def _links(self, answer: Cells) -> Iterator[list[Place]]:
        """Each path cell, and pairs to join by a line: neighbours that are path, start or end.

        Two starts or two ends are no path, although a model that knows nothing yet may answer them.
        """
        rows, columns = answer.shape
        joined = np.isin(answer, (self.start, self.end, self.path))
        for row, column in _places(joined):
            cell = row, column
            if answer[cell] == self.path:
                yield [cell]
            for other in ((row + 1, column), (row, column + 1)):
                if other[0] == rows or other[1] == columns or not joined[other]:
                    continue
                if answer[cell] == self.path or answer[cell] != answer[other]:
                    yield [cell, other]

    def _cell(
        self, canvas: Canvas, x: float, y: float, side: float, kind: int, belief: float = 0.0
    ) -> None:
        if kind == self.floor:
            canvas.square(x, y, side - min(1, side / 8), _shade(TILE, belief))
        elif kind == self.wall:
            canvas.square(x, y, side, _shade(WALL_COLOUR, belief))
        else:
            self._marker(canvas, x, y, side, kind)

    def _marker(self, canvas: Canvas, x: float, y: float, side: float, kind: int) -> None:
        if kind == self.start:
            shape, width, colour, letter = canvas.disc, 0.76 * side, RIGHT, self.letters[0]
        else:
            shape, width, colour, letter = canvas.diamond, 0.94 * side, END_COLOUR, self.letters[1]
        shape(x, y, width + min(5, 0.1 * side), PAPER)
        shape(x, y, width, colour)
        canvas.text(x, y, letter, 0.46 * side, PAPER, anchor="m")

    def _contradiction(self, canvas: Canvas, x: float, y: float, side: int, kind: int) -> None:
        if side < _SMALLEST_CROSSED:
            canvas.square(x, y, max(2, 0.75 * side), WRONG)
            return
        if kind != self.path:
            self._cell(canvas, x, y, 0.64 * side, kind)
        # In the corner, so that it does not hide what the model takes the cell for.
        corner = (x + 0.29 * side, y - 0.29 * side)
        canvas.cross(*corner, 0.27 * side + 1.5, WRONG, rim=PAPER)


def _line(canvas: Canvas, links: list[list[Point]], side: float) -> None:
    # First all rims, then all lines: no rim cuts a line, and lines stand out on walls too.
    rim = min(4, max(min(1.5, 0.3 * side), 0.08 * side))
    for extra, colour in ((rim, PAPER), (0, PATH)):
        for link in links:
            thickness = 0.24 if len(link) > 1 else 0.42
            canvas.line(link, max(1.25, thickness * side) + extra, colour)


def _places(mask: NDArray[np.bool_]) -> list[Place]:
    return [(int(row), int(column)) for row, column in np.argwhere(mask)]


def _shade(ground: Colour, belief: float) -> Colour:
    return blend(ground, BELIEF, round(belief * SHADES) / SHADES)
