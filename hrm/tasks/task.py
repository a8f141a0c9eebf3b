"""What a puzzle declares, and all that follows from it by default.

A puzzle of one's own derives from `Task`, in one file; `docs/tasks.md` shows how. It has to give
`codes`, its settings, `draw` and `answer`; everything else has a default.
"""

from collections.abc import Iterator, Sequence
from itertools import count as natural_numbers
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hrm.rendering.canvas import Canvas
from hrm.tasks import text, tiles
from hrm.tasks.grid import (
    EXACT,
    IGNORE,
    NONE,
    SOLVED,
    UNSOLVABLE,
    Cells,
    Code,
    Grid,
    Puzzle,
    Shape,
    Structure,
    Symmetry,
    Verdict,
    shape_words,
)
from hrm.tasks.settings import TaskSettings

_UNTOUCHED = Symmetry(lambda cells: cells, lambda cells: cells)
_DRAWN_AT_A_TIME = 64


class Task:
    """A kind of puzzle. Arrays of puzzles and answers are ``(n, R, C)`` codes of type uint8.

    Args:
        config: the settings, one object of the class `Config`; by default all defaults.
    """

    Config: ClassVar[type[TaskSettings]] = TaskSettings
    """The task's settings, the section `task` of a run's config."""

    relabels: ClassVar[bool] = False
    """Whether a view under a symmetry has its answer computed anew, because the rule that picks one
    of several right answers is not symmetric."""
    held_out_cnt: ClassVar[int] = 2_000
    """Puzzles that are kept back for testing; no run trains on them."""
    difficulty_words: ClassVar[str] = ""
    """What `difficulty` counts, such as "steps of the shortest path"; empty: nothing."""

    codes: Sequence[Code] = ()
    """Of a cell of the puzzle."""

    def __init__(self, config: TaskSettings | None = None):
        self.config = self.Config() if config is None else config

    # What it is.

    @property
    def title(self) -> str:
        """In a few words; by default the first line of the class's docstring."""
        words = (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]
        return words.rstrip(".")

    @property
    def answer_codes(self) -> Sequence[Code]:
        """Of a cell of the answer; by default those of the puzzle."""
        return self.codes

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.config.shape

    @property
    def structure(self) -> Structure:
        """Which cells belong together, and which codes could change places."""
        return Structure()

    @property
    def grid(self) -> Grid:
        """What a network may know of it."""
        return Grid(*self.shape, len(self.codes), len(self.answer_codes), self.structure)

    def of_shape(self, shape: Shape) -> "Task":
        """The task for puzzles of another shape.

        Raises:
            ValueError: if there are no such puzzles.
        """
        return self if shape == self.shape else type(self)(self.config.with_shape(shape))

    # Puzzles and answers.

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """`count` puzzles, ``(count, R, C)``: a function of its arguments on every machine.

        Take random numbers from `hrm.Numbers(*key)`. Repeats are allowed; whoever wants different
        puzzles drops them.
        """
        raise NotImplementedError(f"{type(self).__name__} draws no puzzles; give it a file of them")

    def stream(self, key: tuple[int, ...]) -> Iterator[Cells]:
        """Puzzles without end, some at a time; by default from `draw`."""
        for part in natural_numbers():
            yield self.draw(_DRAWN_AT_A_TIME, (*key, part))

    @property
    def scarce(self) -> bool:
        """Whether there may be so few puzzles that those held back could leave none to train on."""
        return False

    def answer(self, inputs: Cells) -> Cells:
        """The label of each puzzle, ``(n, R, C)``; all `IGNORE` where it has none."""
        raise NotImplementedError(f"{type(self).__name__} has no answers; a file must give them")

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """``(n,)`` whether each answer is right, any right one; by default only the label is."""
        return (self.answer(inputs) == answers).all(axis=(1, 2))

    def judge(self, inputs: Cells, answers: Cells, labels: Cells) -> list[Verdict]:
        """What each answer is worth.

        Args:
            inputs: puzzles.
            answers: to be judged.
            labels: of the puzzles, as from `answer`.
        """
        exact = (answers == labels).all(axis=(1, 2))
        wrong = self.faults(inputs, answers)
        right = self.check(inputs, answers)
        verdicts = []
        for i in range(len(inputs)):
            if (labels[i] == IGNORE).all():
                verdicts.append(UNSOLVABLE)
            elif right[i]:
                verdicts.append(EXACT if exact[i] else SOLVED)
            else:
                verdicts.append(wrong[i])
        return verdicts

    def faults(self, inputs: Cells, answers: Cells) -> list[Verdict]:
        """For each answer, what it is where it is not right."""
        return [NONE] * len(inputs)

    def complaint(self, puzzle: Cells) -> str | None:
        """What makes ``(R, C)`` codes no puzzle of this kind, in words; None: nothing does."""
        return None

    def open_cells(self, inputs: Cells) -> NDArray[np.bool_]:
        """Which cells are to be filled in; by default all."""
        return np.ones(inputs.shape, dtype=bool)

    def restore(self, inputs: Cells, answers: Cells) -> Cells:
        """The answers with all that no answer may change as it is in the puzzle."""
        return answers

    def contradictions(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """``(n, R, C)`` the cells in which an answer contradicts its puzzle, for pictures."""
        return self.restore(inputs, answers) != answers

    def difficulty(self, inputs: Cells) -> NDArray[np.int64]:
        """``(n,)`` a count that grows with difficulty; see `difficulty_words`."""
        raise NotImplementedError

    # Other views of the same puzzle.

    @property
    def symmetries(self) -> Sequence[Symmetry]:
        """All of them, or so many that they are made when asked for; the first changes nothing."""
        return (_UNTOUCHED,)

    def canonical(self, inputs: Cells) -> list[bytes]:
        """For each puzzle a name that it shares with its views, and with no other puzzle."""
        views = [symmetry.view(inputs) for symmetry in self.symmetries]
        return [min(view[i].tobytes() for view in views) for i in range(len(inputs))]

    def vary(self, inputs: Cells, key: tuple[int, ...]) -> Cells:
        """The training puzzles of an epoch, changed as the settings say; by default as they are."""
        return inputs

    # As text.

    legend: ClassVar[str] = ""
    """What the glyphs mean, in a line; empty: made from the codes."""

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

    def format_all(self, inputs: Sequence[Cells]) -> str:
        """The text of many puzzles, as `parse` reads them, ending in a newline."""
        return "\n\n".join("\n".join(self.rows(cells)) for cells in inputs) + "\n"

    # As a picture.

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

    def symbols(self) -> dict[str, tiles.Symbol]:
        """The legend of a picture: words, and what draws their symbol around a point."""
        return tiles.symbols(self)

    def require(self, puzzles: Sequence[Cells], source: str = "puzzle") -> None:
        """Refuse what are no puzzles of this kind.

        Raises:
            ValueError: naming the first one at fault, from 1.
        """
        for number, puzzle in enumerate(puzzles, start=1):
            if puzzle.ndim != 2:
                raise ValueError(f"{source} {number} has {puzzle.ndim} axes; give rows and columns")
            try:
                task = self.of_shape((puzzle.shape[0], puzzle.shape[1]))
            except ValueError:
                words = shape_words((puzzle.shape[0], puzzle.shape[1]))
                raise ValueError(f"{source} {number} is {words}, and there are none such") from None
            if puzzle.size and int(puzzle.max()) >= len(task.codes):
                raise ValueError(
                    f"{source} {number} holds code {puzzle.max()}; codes are 0 to"
                    f" {len(task.codes) - 1}"
                )
            if complaint := task.complaint(puzzle):
                raise ValueError(f"{source} {number}: {complaint}")
