"""What a puzzle declares, and all that follows from it by default.

A puzzle of one's own derives from `Task`, in one file; `docs/tasks.md` shows how. It has to give
`codes`, its settings, `draw` and `answer`; everything else has a default. What it is and what is
right is in `rules.py`; here is how it is written and drawn.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import Canvas
from hrm.tasks import text, tiles
from hrm.tasks.grid import IGNORE, Cells, Colour, Puzzle
from hrm.tasks.rules import Rules


class Task(Rules):
    """A kind of puzzle, its text and its pictures; see `Rules` for what it is.

    Args:
        config: the settings, one object of the class `Config`; by default all defaults.
    """

    legend: ClassVar[str] = ""
    """What the glyphs mean, in a line; empty: made from the codes."""

    tinted: ClassVar[bool] = False
    """Whether cells are told apart by the colours of their codes in a terminal too."""

    @property
    def glyph_legend(self) -> str:
        """What the glyphs of a text mean, in a line."""
        if self.legend:
            return self.legend
        codes = dict.fromkeys((code.glyph, code.word) for code in (*self.codes, *self.answer_codes))
        return ", ".join(f"{glyph} = {word}" for glyph, word in codes)

    def read(self, file: str | Path) -> list[Puzzle]:
        """The puzzles of a file, or of standard input for ``-``.

        Raises:
            ValueError: naming the file, the line and the column at fault, and what to do.
        """
        return self.parse(*text.read(file))

    def parse(self, content: str, source: str = "puzzles") -> list[Puzzle]:
        """The puzzles of a text; by default a glyph a cell, blank lines between puzzles.

        Args:
            content: the text.
            source: what error messages call it.

        Raises:
            ValueError: naming the source, the line and the column at fault.
        """
        return text.parse_glyphs(self, content, source)

    def rows(self, cells: Cells, answer: bool = False) -> list[str]:
        """A string of glyphs for each row of ``(R, C)`` codes, of a puzzle or of an answer."""
        glyphs = [code.glyph for code in (self.answer_codes if answer else self.codes)]
        return ["".join(glyphs[c] if c != IGNORE else "?" for c in row) for row in cells]

    def format(self, cells: Cells, answer: bool = False) -> str:
        """Text for a person, a line a row; of a puzzle, `parse` reads it back."""
        return "\n".join(" ".join(row) for row in self.rows(cells, answer))

    def format_all(self, inputs: Iterable[Cells]) -> str:
        """The text of many puzzles, as `parse` reads them, ending in a newline."""
        return "\n\n".join("\n".join(self.rows(cells)) for cells in inputs) + "\n"

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
        """Draw an answer on its puzzle; by default tiles with glyphs.

        Args:
            canvas: to draw on.
            left: of the grid.
            top: of the grid.
            side: of a cell, in pixels.
            puzzle: ``(R, C)`` codes.
            answer: ``(R, C)`` codes.
            belief: ``(R, C, V)`` probability of each code of the answer; None: not to be shown.
        """
        tiles.draw(canvas, left, top, side, self, puzzle, answer, belief)

    def draw_puzzle(
        self, canvas: Canvas, left: float, top: float, side: int, puzzle: Cells
    ) -> None:
        """Draw a puzzle alone. A `draw_answer` of the task's own draws it as its own answer, where
        both have the same codes."""
        if type(self).draw_answer is Task.draw_answer:
            tiles.draw(canvas, left, top, side, self, puzzle)
            return
        same_codes = self.answer_codes == self.codes
        answer = puzzle if same_codes else np.full_like(puzzle, IGNORE)
        self.draw_answer(canvas, left, top, side, puzzle, answer)

    def colours(self) -> tuple[list[Colour], list[Colour]]:
        """The task's own colours in pictures: those that stand side by side with others, and shades
        that do not."""
        return tiles.colours(self)

    def symbols(self) -> dict[str, tiles.Symbol]:
        """The legend of a picture: words, and what draws their symbol around a point."""
        return tiles.symbols(self)
