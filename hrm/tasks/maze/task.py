"""Mazes as a task."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import Canvas
from hrm.randomness import Numbers
from hrm.tasks import tiles
from hrm.tasks.grid import NINE, NONE, Cells, Colour, Puzzle, Structure, Symmetry, Verdict
from hrm.tasks.maze import hard, perfect, picture
from hrm.tasks.maze.answers import CODES, FLOOR, GOAL, PATH, START, WALL, label, steps, worth
from hrm.tasks.maze.settings import MazeSettings
from hrm.tasks.maze.text import parse
from hrm.tasks.path_drawing import PathDrawing
from hrm.tasks.symmetry import turns_of
from hrm.tasks.task import Task

LONGER = Verdict("longer", "valid but longer", False)
"""It joins start and goal, over more cells than needed."""

_WORDS = {
    "solved": "another shortest path",
    "none": "not a path",
    "unsolvable": "this maze has no path",
}
_DRAWING = PathDrawing(FLOOR, WALL, START, GOAL, PATH, letters="SG", end_word="goal")
_FEW_CELLS = 64
"""There are 192 perfect mazes of 7×7, and 72 places for start and goal in each."""


class Maze(Task):
    """Mazes: the shortest path from S to G."""

    Config = MazeSettings
    config: MazeSettings
    codes = CODES
    relabels = True
    held_out_cnt = 1_000
    """Of hard ones 1,000 take 41 s to draw, and every training draws them first."""
    difficulty_words = "steps of the shortest path"
    legend: ClassVar[str] = "# = Wall, space = Floor, S = Start, G = Goal, o = Path"

    @property
    def structure(self) -> Structure:
        """Neighbouring cells belong together."""
        return Structure(NINE)

    @property
    def symmetries(self) -> Sequence[Symmetry]:
        """Turns and mirror images."""
        return turns_of(self.shape)

    @property
    def scarce(self) -> bool:
        """Small mazes are few."""
        return self.config.rows * self.config.columns < _FEW_CELLS

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """The first `count` mazes of `stream`, ``(count, R, C)``.

        Raises:
            ValueError: if there are no mazes of that kind and shape, or none was found.
        """
        drawn = list(islice(self._mazes(key), count))
        return np.array(drawn, dtype=np.uint8).reshape(count, *self.shape)

    def stream(self, key: tuple[int, ...]) -> Iterator[Cells]:
        """Mazes without end, ``(1, R, C)`` at a time; see `draw`."""
        return (maze[None] for maze in self._mazes(key))

    def _mazes(self, key: tuple[int, ...]) -> Iterator[Cells]:
        config, numbers = self.config, Numbers(*key)
        config.require_drawable()
        if config.kind == "hard":
            return hard.mazes(self.shape, config.wall_counts, config.least_steps, numbers)
        openings = config.openings if config.kind == "braided" else None
        return perfect.mazes(self.shape, config.algorithm, openings, numbers)

    def answer(self, inputs: Cells) -> Cells:
        """Of all shortest paths the first one in a search that tries down, left, right, up."""
        return label(inputs)

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Whether each answer marks a shortest path, any one, and changes nothing else."""
        return worth(inputs, answers).shortest

    def judge(self, inputs: Cells, answers: Cells, labels: Cells) -> list[Verdict]:
        """What each answer is worth, in words for mazes."""
        verdicts = super().judge(inputs, answers, labels)
        return [v._replace(words=_WORDS.get(v.name, v.words)) for v in verdicts]

    def faults(self, inputs: Cells, answers: Cells) -> list[Verdict]:
        """A path that is too long, or none."""
        return [LONGER if joined else NONE for joined in worth(inputs, answers).joined]

    def complaint(self, puzzle: Cells) -> str | None:
        """A maze has one start, one goal, and no path yet."""
        for code in (START, GOAL):
            found = int((puzzle == code).sum())
            if found != 1:
                return f"{found or 'no'} {CODES[code].glyph}; a maze has one S and one G"
        if (puzzle == PATH).any():
            return "path cells in a maze; leave them floor"
        return None

    def open_cells(self, inputs: Cells) -> NDArray[np.bool_]:
        """Floor."""
        return inputs == FLOOR

    def restore(self, inputs: Cells, answers: Cells) -> Cells:
        """All that is neither floor nor path becomes again what it is in the maze."""
        return np.where((inputs == FLOOR) & (answers == PATH), answers, inputs)

    def difficulty(self, inputs: Cells) -> NDArray[np.int64]:
        """Steps of the shortest path; -1 where there is none."""
        return steps(inputs)

    def read(self, file: str | Path) -> list[Puzzle]:
        """The mazes of a text file, of standard input for ``-``, of a PNG picture, or of a folder
        of such pictures.

        Raises:
            ValueError: naming the file, the place in it and what to do.
        """
        if picture.is_picture(file):
            return picture.read(self, file, picture.Codes(WALL, FLOOR, START, GOAL))
        return super().read(file)

    def parse(self, content: str, source: str = "puzzles") -> list[Puzzle]:
        """The mazes of a text; see `hrm.tasks.maze.text`."""
        return parse(self, content, source)

    def format(self, cells: Cells, answer: bool = False) -> str:
        """Text for a person, a character a cell, as in `rows`: `parse` reads it back."""
        return "\n".join(self.rows(cells, answer))

    def draw_answer(
        self,
        canvas: Canvas,
        left: float,
        top: float,
        side: int,
        puzzle: Cells,
        answer: Cells,
        belief: NDArray[np.floating] | None = None,
    ) -> None:
        """Draw the path as a line through the maze; see `Task.draw_answer`."""
        on_path = None if belief is None else belief[..., PATH]
        _DRAWING.draw(canvas, left, top, side, puzzle, answer, on_path)

    def symbols(self) -> dict[str, tiles.Symbol]:
        """The legend of a picture."""
        return _DRAWING.symbols()

    def colours(self) -> tuple[list[Colour], list[Colour]]:
        """The colours of a picture."""
        return _DRAWING.colours()
