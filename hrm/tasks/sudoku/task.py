"""Sudoku as a task: everything that the library asks of a puzzle."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrm.canvas import Canvas, Colour
from hrm.randomness import Numbers
from hrm.tasks.grid import (
    IGNORE,
    UNSOLVABLE,
    Cells,
    Code,
    Puzzle,
    Shape,
    Structure,
    Verdict,
)
from hrm.tasks.settings import TaskSettings
from hrm.tasks.sudoku import drawing, generator, text
from hrm.tasks.sudoku.canonical import canonical
from hrm.tasks.sudoku.plain_generator import Plan
from hrm.tasks.sudoku.plain_solver import NONE, ONE, SEVERAL, UNDECIDED
from hrm.tasks.sudoku.revealing import reveal
from hrm.tasks.sudoku.rules import (
    GLYPHS,
    OPEN,
    clashes,
    contradictions,
    dead_ends,
    first_clash,
    rules_of,
    solved,
)
from hrm.tasks.sudoku.solver import solve
from hrm.tasks.sudoku.symmetries import Symmetries
from hrm.tasks.task import Task
from hrm.tasks.tiles import Symbol

_MOST_GUESSES = {4: 0, 6: 10, 9: 200, 16: 200}
"""`min_guesses` up to which the generator was seen to find puzzles in about a second each."""
_FEWEST_GIVENS = {4: 0, 6: 0, 9: 0, 16: 120}
"""Where `givens` says nothing. Below about 105 the solver needs hundreds of guesses for a 16×16
puzzle, and a puzzle takes 0.1 s instead of 2 ms."""
_CELLS_A_GIVEN_PUT_BACK = 12
"""In 9×9 puzzles of 50 guesses, 6 givens put back find one as fast as 4 or 8."""

_NO_ONE_SOLUTION = {
    NONE: UNSOLVABLE,
    SEVERAL: Verdict("several", "this puzzle has several solutions", False),
    UNDECIDED: Verdict("undecided", "too hard to tell whether this puzzle has one solution", False),
}
_CHANGED = Verdict("changed", "a given digit was changed", False)
_CONTRADICTION = Verdict("contradiction", "a digit twice in a row, column or box", False)
_OPEN = Verdict("open", "a cell was left open", False)


class SudokuSettings(TaskSettings):
    """The puzzles: how large, how hard, how many, and where they come from."""

    name: str = "sudoku"
    size: Literal[4, 6, 9, 16] = 9
    """Cells on a side, and digits (N): 4, 6, 9 or 16."""
    givens: Annotated[int, Field(ge=0)] | None = None
    """Take no more givens away when so many are left; more stay where the solution would no longer
    be the only one. Unset: take away all that can be, but leave 120 in 16×16 puzzles."""
    min_guesses: Annotated[int, Field(ge=0)] = 0
    """Draw only puzzles at which a solver that knows only singles has to guess at least so often
    until it has proven the solution to be the only one; 0: as they come. For 9×9 puzzles 20 is hard
    (about 10 ms a puzzle), 200 very hard (about a second)."""
    reveal: Annotated[int, Field(ge=0)] = 0
    """Give some cells of the solution too, so that hard puzzles teach more: each training puzzle
    and epoch another number of them, up to this; 0: none."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.givens is not None and self.givens >= self.size**2:
            raise ValueError(
                f"givens: {self.givens} leaves no cell open of {self.size**2}; use fewer"
            )
        most = _MOST_GUESSES[self.size]
        if self.min_guesses > most:
            raise ValueError(
                f"min_guesses: {self.min_guesses} is too many for puzzles of size {self.size};"
                f" use up to {most}"
            )
        return self

    def with_shape(self, shape: Shape) -> Self:
        """The same settings for another size; how hard puzzles are is left to its defaults."""
        if shape == self.shape:
            return self
        if shape[0] == shape[1]:
            rules_of(shape[0])  # its message is in one line
        # What is hard for one size may be impossible for another.
        easy = self.model_copy(update={"givens": None, "min_guesses": 0})
        return super(SudokuSettings, easy).with_shape(shape)


class Sudoku(Task):
    """Sudoku: each digit once in every row, column and box."""

    Config = SudokuSettings
    config: SudokuSettings
    held_out_cnt: ClassVar[int] = 1_000
    open_code = OPEN
    difficulty_words = "guesses of a solver that knows only singles, for the whole proof"

    def __init__(self, config: SudokuSettings | None = None):
        super().__init__(config)
        self.rules = rules_of(self.config.size)
        words = ["open", *GLYPHS[1 : self.rules.size + 1]]
        self.codes = tuple(map(Code, GLYPHS, words))

    @property
    def legend(self) -> str:
        """What the glyphs mean."""
        return f". = open, 1 to {GLYPHS[self.rules.size]} = digits"

    @property
    def structure(self) -> Structure:
        """Rows, columns and boxes; all digits could change places, and rows and columns too where
        boxes are square."""
        digits = tuple(range(OPEN + 1, self.rules.size + 1))
        alike = (("row", "column"),) if self.rules.box[0] == self.rules.box[1] else ()
        return Structure(groups=self.rules.groups, interchangeable=(digits,), alike=alike)

    @property
    def symmetries(self) -> Symmetries:
        """See `symmetries`."""
        return Symmetries(self.rules)

    def canonical(self, inputs: Cells) -> list[bytes]:
        """See `canonical`."""
        return canonical(inputs)

    @property
    def scarce(self) -> bool:
        """There are only 288 full 4×4 grids."""
        return self.rules.size == 4

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """Puzzles with one solution each, as hard as the settings say; see `generator`."""
        size, givens = self.rules.size, self.config.givens
        plan = Plan(
            givens=_FEWEST_GIVENS[size] if givens is None else givens,
            min_guesses=self.config.min_guesses,
            put_back=size * size // _CELLS_A_GIVEN_PUT_BACK,
        )
        return generator.draw(size, plan, count, key)

    def answer(self, inputs: Cells) -> Cells:
        """The solution of each puzzle; none where there is not just one."""
        found = solve(inputs)
        return np.where(found.outcomes[:, None, None] == ONE, found.solutions, np.uint8(IGNORE))

    def solution_counts(self, inputs: Cells) -> NDArray[np.uint8]:
        """``(n,)`` how many solutions each puzzle has: 0, 1, 2 for several; 3: too hard to tell."""
        return solve(inputs).outcomes

    def difficulty(self, inputs: Cells) -> NDArray[np.int64]:
        """Guesses of the stated solver; see `solver`."""
        return solve(inputs).guesses

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Whether each answer keeps the givens and has each digit once in every unit."""
        return solved(inputs, answers)

    def judge(self, inputs: Cells, answers: Cells, labels: Cells) -> list[Verdict]:
        """As every task does, and says why a puzzle has no label."""
        verdicts = super().judge(inputs, answers, labels)
        without = np.flatnonzero((labels == IGNORE).all(axis=(1, 2)))
        for i, outcome in zip(without, self.solution_counts(inputs[without]), strict=True):
            verdicts[i] = _NO_ONE_SOLUTION.get(int(outcome), UNSOLVABLE)
        return verdicts

    def faults(self, inputs: Cells, answers: Cells) -> list[Verdict]:
        """A given changed, else a digit twice, else a cell left open."""
        changed = self.restore(inputs, answers) != answers
        twice = clashes(answers)
        return [
            _CHANGED if changed[i].any() else _CONTRADICTION if twice[i].any() else _OPEN
            for i in range(len(inputs))
        ]

    def complaint(self, puzzle: Cells) -> str | None:
        """A digit twice in a row, a column or a box: which, and where."""
        clash = first_clash(puzzle)
        return clash[1] if clash else None

    def dead_ends(self, inputs: Cells) -> NDArray[np.bool_]:
        """A digit twice, or a cell that no digit fits."""
        return dead_ends(inputs)

    def contradictions(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Digits that stand twice in a row, column or box, and givens that were changed."""
        return contradictions(inputs, answers)

    def vary(self, inputs: Cells, key: tuple[int, ...]) -> Cells:
        """With `reveal`, some cells of the solution are given too."""
        if not self.config.reveal:
            return inputs
        solutions = self.answer(inputs)
        solutions = np.where(solutions == IGNORE, inputs, solutions)
        return reveal(inputs, solutions, self.config.reveal, Numbers(*key))

    def parse(self, content: str, source: str = "puzzles") -> list[Puzzle]:
        """One puzzle a line, rows, drawings, or CSV; see `text`."""
        return text.parse(content, source, self.rules.size)

    def format(self, cells: Cells, answer: bool = False) -> str:
        """Rows with spaces between cells, and lines between boxes."""
        return text.format_grid(self.rows(cells, answer))

    def format_all(self, inputs: Sequence[Cells]) -> str:
        """One puzzle a line."""
        return "".join("".join(self.rows(cells)) + "\n" for cells in inputs)

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
        """See `drawing`."""
        drawing.draw(canvas, left, top, side, puzzle, answer, belief)

    def symbols(self) -> dict[str, Symbol]:
        """See `drawing.symbols`."""
        return drawing.symbols()

    def colours(self) -> tuple[list[Colour], list[Colour]]:
        """See `drawing.colours`."""
        return drawing.colours()
