"""The words in which a puzzle is declared: cells and codes, symmetries, structure, verdicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.uint8]
"""Codes of a grid, ``(R, C)``, or of many of one shape, ``(n, R, C)``."""

Shape = tuple[int, int]
"""Rows and columns."""

IGNORE = 255
"""In an answer: a cell that is not graded. An answer of nothing else: there is none."""

MAX_CODES = 255

Colour = tuple[int, int, int]


class Code(NamedTuple):
    """What one value of a cell means; its number is its place in the task's list of codes."""

    glyph: str
    """One character, by which it is typed and printed."""
    word: str
    """Such as "wall", for legends."""
    colour: Colour | None = None
    """In pictures; None: one is chosen."""


NINE = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1))
"""The offsets of a cell's 3×3 neighbourhood, row by row."""


@dataclass(frozen=True)
class Structure:
    """Which cells belong together, and which codes could change places."""

    neighbourhood: tuple[tuple[int, int], ...] = ()
    """Offsets in rows and columns from each cell to those that it belongs together with."""
    groups: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """By kind, such as "row": groups of cells, each cell by its number, counted row by row."""
    interchangeable: tuple[tuple[int, ...], ...] = ()
    """Sets of codes: change two of a set for one another, in puzzle and answer, and the answer is
    right as before."""
    alike: tuple[tuple[str, ...], ...] = ()
    """Kinds of groups that a symmetry exchanges, such as rows and columns: a network treats them
    alike."""

    @property
    def misnamed(self) -> list[str]:
        """Kinds that `alike` names although there are no such groups, or names twice."""
        named = [kind for kinds in self.alike for kind in kinds]
        return [kind for kind in named if kind not in self.groups or named.count(kind) > 1]


@dataclass(frozen=True)
class Grid:
    """All that a network may know of a puzzle."""

    height: int
    """Rows."""
    width: int
    """Columns."""
    input_codes: int
    """How many codes a cell of the puzzle may have."""
    answer_codes: int
    """How many codes a cell of the answer may have."""
    structure: Structure = Structure()
    puzzle_identifiers: int = 1
    """How many identifiers puzzles may have; 0 is that of a puzzle of which nothing is known."""

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.height, self.width

    @property
    def cell_cnt(self) -> int:
        """Cells (S)."""
        return self.height * self.width


Map = Callable[[Cells], Cells]


class Symmetry(NamedTuple):
    """A way to see a puzzle as another one of the same kind, and the way back for its answer.

    Every map takes arrays of any number of leading axes, and keeps their shape.
    """

    view: Map
    """The puzzle as it looks under the symmetry."""
    undo: Map
    """An answer to the view, as an answer to the puzzle itself."""
    answer: Map | None = None
    """An answer to the puzzle, as one to the view; None: as `view`."""

    def view_answer(self, answers: Cells) -> Cells:
        """An answer to the puzzle, as one to the view."""
        return (self.answer or self.view)(answers)


class Verdict(NamedTuple):
    """What an answer is worth, found by checking it against the puzzle alone."""

    name: str
    """One word, as in JSON."""
    words: str
    """As a person would say it."""
    solved: bool
    """Whether the answer is right."""


EXACT = Verdict("exact", "exact match", True)
"""Every cell that is graded equals the label."""
SOLVED = Verdict("solved", "another right answer", True)
NONE = Verdict("none", "not a solution", False)
UNSOLVABLE = Verdict("unsolvable", "this puzzle has no solution", False)


class Puzzle(NamedTuple):
    """One puzzle as it was read."""

    input: Cells
    """``(R, C)`` codes."""
    answer: Cells | None = None
    """``(R, C)`` codes, where the answer was given with it."""


def equal_where_graded(answers: Cells, labels: Cells) -> NDArray[np.bool_]:
    """``(n,)`` whether each answer equals its label, `IGNORE` aside; not where there is none."""
    graded = labels != IGNORE
    return ((answers == labels) | ~graded).all(axis=(1, 2)) & graded.any(axis=(1, 2))


def shape_words(shape: Shape) -> str:
    """Such as 9×9."""
    return f"{shape[0]}×{shape[1]}"
