"""The puzzle itself: what it is, its answers, its checks, and its other views.

Nothing here is about text or pictures; `task.py` adds those.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count as natural_numbers
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from hrm.randomness import Numbers
from hrm.tasks.examples import Examples
from hrm.tasks.grid import (
    EXACT,
    IGNORE,
    NONE,
    SOLVED,
    UNSOLVABLE,
    Cells,
    Code,
    Grid,
    Shape,
    Structure,
    Symmetry,
    Verdict,
    equal_where_graded,
    shape_words,
)
from hrm.tasks.settings import TaskSettings
from hrm.tasks.supply import Supply
from hrm.tasks.symmetry import turns_of, with_exchanges

_UNTOUCHED = Symmetry(lambda cells: cells, lambda cells: cells)
_DRAWN_AT_A_TIME = 64


class _CodesOfPuzzle:
    """What the answer's codes are, where a task names none."""

    def __get__(self, task: "Rules | None", kind: "type[Rules]") -> Sequence[Code]:
        return (task or kind).codes


class Rules(Supply):
    """A kind of puzzle. Arrays of puzzles and answers are ``(n, R, C)`` codes of type uint8.

    Args:
        config: the settings, one object of the class `Config`; by default all defaults.
    """

    Config: ClassVar[type[TaskSettings]] = TaskSettings
    """The task's settings, the section `task` of a run's config."""

    turns: ClassVar[bool] = False
    """Whether a puzzle that is turned or mirrored is another one of the same kind."""
    relabels: ClassVar[bool] = False
    """Whether a view under a symmetry has its answer computed anew, because the rule that picks one
    of several right answers is not symmetric."""
    held_out_cnt: ClassVar[int] = 2_000
    """Puzzles that are kept back for testing; no run trains on them."""
    contradiction_words: ClassVar[str] = "contradicts puzzle"
    """What `contradictions` means, for the legend of a picture."""
    difficulty_words: ClassVar[str] = ""
    """What `difficulty` counts, such as "steps of the shortest path"; empty: nothing."""

    answerless: ClassVar[Verdict] = UNSOLVABLE
    """The verdict on whatever answer to a puzzle that has no label."""

    codes: Sequence[Code] = ()
    """Of a cell of the puzzle."""
    answer_codes: Sequence[Code] = cast(Any, _CodesOfPuzzle())
    """Of a cell of the answer; by default those of the puzzle."""
    open_code: ClassVar[int | None] = None
    """Of a cell that is to be filled in; None: every cell is."""
    structure: Structure = Structure()
    """Which cells belong together, and which codes could change places."""

    def __init__(self, config: TaskSettings | None = None):
        self.config = self.Config() if config is None else config

    # What it is.

    @property
    def title(self) -> str:
        """In a few words; by default the first line of the class's docstring, or its name."""
        own = type(self)
        words = own.__doc__ or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", own.__name__).capitalize()
        return words.strip().splitlines()[0].rstrip(".")

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.config.shape

    @property
    def grid(self) -> Grid:
        """What a network may know of it."""
        codes = len(self.codes), len(self.answer_codes)
        return Grid(*self.shape, *codes, self.structure, self.puzzle_identifiers)

    @staticmethod
    def shape_of(cells: Cells) -> Shape:
        """Rows and columns of ``(R, C)`` or ``(n, R, C)`` codes."""
        return cells.shape[-2], cells.shape[-1]

    def of_shape(self, shape: Shape) -> Self:
        """The task for puzzles of another shape.

        Raises:
            ValueError: if there are no such puzzles.
        """
        return self if shape == self.shape else type(self)(self.config.with_shape(shape))

    # Puzzles and answers.

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """`count` puzzles, ``(count, R, C)``: a function of its arguments on every machine.

        By default one after another by `draw_one`. Repeats are allowed; whoever wants different
        puzzles drops them.
        """
        numbers = Numbers(*key)
        return np.stack([self.draw_one(numbers) for _ in range(count)])

    def draw_one(self, numbers: Numbers) -> Cells:
        """A puzzle, ``(R, C)``, all of whose random numbers are from `numbers`."""
        name = type(self).__name__
        raise ValueError(f"task {name}: draws no puzzles; give it a file of them, or write `draw`")

    def stream(self, key: tuple[int, ...]) -> Iterator[Cells]:
        """Puzzles without end, some at a time; by default from `draw`."""
        for part in natural_numbers():
            yield self.draw(_DRAWN_AT_A_TIME, (*key, part))

    @property
    def scarce(self) -> bool:
        """Whether there may be so few puzzles that those held back could leave none to train on."""
        return False

    def answer(self, inputs: Cells) -> Cells:
        """The label of each puzzle, ``(n, R, C)``; all `IGNORE` where it has none. By default one
        after another by `answer_one`."""
        nothing = np.full(inputs.shape[1:], IGNORE, dtype=np.uint8)
        found = [self.answer_one(puzzle) for puzzle in inputs]
        return np.stack([nothing if answer is None else answer for answer in found])

    def answer_one(self, puzzle: Cells) -> Cells | None:
        """The label of a puzzle, ``(R, C)``; None where it has none."""
        name = type(self).__name__
        raise ValueError(f"task {name}: finds no answers; a file must give them, or write `answer`")

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """``(n,)`` whether each answer is right, any right one.

        By default an answer is right in which the puzzle's own `contradictions` finds nothing, or,
        where there is no such method, the label alone.
        """
        if self._checks_by_label:
            return equal_where_graded(answers, self.answer(inputs))
        wrong = self.contradictions(inputs, answers)
        return np.logical_not(wrong.any(axis=(1, 2)))

    def solves(self, examples: Examples, answers: Cells) -> NDArray[np.bool_]:
        """As `check`; where the right answers are known already, they need not be found again."""
        if self._checks_by_label:
            return equal_where_graded(answers, examples.answers)
        return self.check(examples.inputs, answers)

    @property
    def _checks_by_label(self) -> bool:
        own = type(self)
        return own.check is Rules.check and own.contradictions is Rules.contradictions

    def judge(self, inputs: Cells, answers: Cells, labels: Cells) -> list[Verdict]:
        """What each answer is worth.

        Args:
            inputs: puzzles.
            answers: to be judged.
            labels: of the puzzles, as from `answer`.
        """
        exact = equal_where_graded(answers, labels)
        wrong = self.faults(inputs, answers)
        right = self.solves(Examples(inputs, labels), answers)
        verdicts = []
        for i in range(len(inputs)):
            if (labels[i] == IGNORE).all():
                verdicts.append(self.answerless)
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

    @property
    def completes(self) -> bool:
        """Whether an answer is its puzzle with other codes in the place of `open_code`."""
        return self.open_code is not None and self.answer_codes == self.codes

    def open_cells(self, inputs: Cells) -> NDArray[np.bool_]:
        """Which cells are to be filled in; by default those of `open_code`."""
        if self.open_code is None:
            return np.ones(inputs.shape, dtype=bool)
        return inputs == self.open_code

    def restore(self, inputs: Cells, answers: Cells) -> Cells:
        """The answers with all that no answer may change as it is in the puzzle: by default the
        cells that are not open, if puzzle and answer have the same codes."""
        if self.answer_codes != self.codes:
            return answers
        return np.where(self.open_cells(inputs), answers, inputs)

    def contradictions(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """``(n, R, C)`` the cells in which an answer contradicts its puzzle: crosses in pictures.

        By default those that it must not change, and those that it leaves open. Whoever names here
        all that breaks a rule need not write `check`.
        """
        changed = self.restore(inputs, answers) != answers
        if not self.completes:
            return changed
        return changed | (answers == self.open_code)

    def dead_ends(self, inputs: Cells) -> NDArray[np.bool_]:
        """``(n,)`` puzzles in which a quick look finds that no answer can be right, for a search
        that guesses; by default those with a `complaint`."""
        return np.array([self.complaint(puzzle) is not None for puzzle in inputs], dtype=bool)

    def difficulty(self, inputs: Cells) -> NDArray[np.int64]:
        """``(n,)`` a count that grows with difficulty; see `difficulty_words`."""
        raise NotImplementedError

    # Other views of the same puzzle.

    @property
    def symmetries(self) -> Sequence[Symmetry]:
        """All of them, or so many that they are made when asked for; the first changes nothing.

        By default those that `turns` and the structure's interchangeable codes tell of.
        """
        turns = turns_of(self.shape) if self.turns else (_UNTOUCHED,)
        return with_exchanges(turns, self.structure.interchangeable)

    def canonical(self, inputs: Cells) -> list[bytes]:
        """For each puzzle a name that it shares with its views, and with no other puzzle."""
        views = [symmetry.view(inputs) for symmetry in self.symmetries]
        return [min(view[i].tobytes() for view in views) for i in range(len(inputs))]

    def vary(self, inputs: Cells, key: tuple[int, ...]) -> Cells:
        """The training puzzles of an epoch, changed as the settings say; by default as they are."""
        return inputs

    def require(self, puzzles: Sequence[Cells], source: str = "puzzle") -> None:
        """Refuse what are no puzzles of this kind.

        Raises:
            ValueError: naming the first one at fault, from 1.
        """
        for number, puzzle in enumerate(puzzles, start=1):
            if puzzle.ndim != 2:
                raise ValueError(f"{source} {number} has {puzzle.ndim} axes; give rows and columns")
            try:
                task = self.of_shape(self.shape_of(puzzle))
            except ValueError as error:
                words = shape_words(self.shape_of(puzzle))
                raise ValueError(f"{source} {number} is {words}: {error}") from None
            if puzzle.size and int(puzzle.max()) >= len(task.codes):
                raise ValueError(
                    f"{source} {number} holds code {puzzle.max()}; codes are 0 to"
                    f" {len(task.codes) - 1}"
                )
            if complaint := task.complaint(puzzle):
                raise ValueError(f"{source} {number}: {complaint}")
