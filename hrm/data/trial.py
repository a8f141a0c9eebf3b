"""Trying out what a task says of itself, on puzzles that it draws."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.data.source import TooFewPuzzles, fresh, require_codes
from hrm.data.trial_views import try_structure, try_symmetries
from hrm.errors import in_one_line, place_in_own_file
from hrm.randomness import Purpose
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE, Cells, Code, shape_words
from hrm.tasks.task import Task

_COUNT = 100
_KEY, _OTHER_KEY = (0, Purpose.SET, 0), (1, Purpose.SET, 0)


class Finding(NamedTuple):
    """One thing that was tried."""

    good: bool
    words: str


def try_out(task: Task, count: int = _COUNT) -> Iterator[Finding]:
    """Try what a task says, a finding at a time.

    What would make the next trials meaningless ends them.

    Args:
        task: to try.
        count: puzzles to try it on.
    """
    trial = _Trial(task, count)
    needed = {"codes": trial.codes, "draw": trial.draw, "answer": trial.answer}
    others = {
        "answer, of every puzzle": trial.answers_all,
        "check": trial.check,
        "contradictions": trial.contradictions,
        "check, of other answers": trial.others,
        "parse": trial.text,
        "complaint": trial.complaint,
        "symmetries": lambda: try_symmetries(task, trial.examples),
        "structure": lambda: try_structure(task, trial.examples),
    }
    for name, tried in (needed | others).items():
        try:
            finding = Finding(True, tried())
        except Exception as error:
            finding = Finding(False, f"{name}: {_words_of(error)}")
        yield finding
        if name in needed and not finding.good:
            return


def _words_of(error: Exception) -> str:
    place = place_in_own_file(error)
    if place is None and isinstance(error, ValueError):  # found here, in words that say it all
        return str(error)
    return f"{place}: {in_one_line(error)}" if place else in_one_line(error)


class _Trial:
    """The trials in order; each says what is good, or raises what is not.

    The arrays that a task is given are read-only, so that one that changes them is found.
    """

    def __init__(self, task: Task, count: int):
        self.task, self.count = task, count
        self.inputs = self.answers = np.zeros((0, 1, 1), dtype=np.uint8)

    @property
    def examples(self) -> Examples:
        """The puzzles that have an answer."""
        solvable = (self.answers != IGNORE).any(axis=(1, 2))
        return Examples(_fixed(self.inputs[solvable]), _fixed(self.answers[solvable]))

    def codes(self) -> str:
        """Text and pictures need a glyph for each code."""
        _require_glyphs(self.task.codes, "codes")
        _require_glyphs(self.task.answer_codes, "answer_codes")
        words = [code.word for code in self.task.codes]
        return f"its codes are {', '.join(words)}"

    def draw(self) -> str:
        """The same puzzles each time for the same key, and others for another."""
        given = self.task.given("train")
        if given is not None:
            self.inputs, self.answers = given.inputs[: self.count], given.answers[: self.count]
            return f"{len(given)} examples are given"
        batches = [next(iter(self.task.stream(key))) for key in (_KEY, _KEY, _OTHER_KEY)]
        for batch in batches:
            require_codes("it", batch, (..., *self.task.shape), self.task.codes)
        one, again, other = batches
        if not np.array_equal(one, again):
            raise ValueError("the same key gives other puzzles; use hrm.Numbers(*key) alone")
        if np.array_equal(one, other):
            raise ValueError("another key gives the same puzzles; use hrm.Numbers(*key)")
        self.inputs = _fixed(self._different())
        shape = shape_words(self.task.shape)
        return f"draws {len(self.inputs)} different puzzles of {shape}, the same each time"

    def _different(self) -> Cells:
        puzzles, found = fresh(self.task, _KEY, seen=set()), []
        try:
            while len(found) < self.count:
                found.append(next(puzzles))
        except TooFewPuzzles:
            if not found:
                raise
        return np.stack(found)

    def answer(self) -> str:
        """A puzzle's answer is its own, whatever stands beside it."""
        if self.task.given("train") is not None:
            return "their answers are given"
        answers = self.task.answer(self.inputs)
        codes = self.task.answer_codes
        require_codes("it", answers, self.inputs.shape, codes, or_ignore=True)
        if not np.array_equal(self.task.answer(self.inputs[::-1])[::-1], answers):
            raise ValueError("the same puzzles in another order have other answers")
        if (answers == IGNORE).all():
            raise ValueError("gives none for any puzzle")
        self.answers = _fixed(answers)
        return "answers are the same each time"

    def answers_all(self) -> str:
        """What a task draws itself should have an answer."""
        without = (self.answers == IGNORE).all(axis=(1, 2))
        if without.any():
            raise ValueError(
                f"{int(without.sum())} of {len(without)} have none; the first is"
                f"\n{self.task.format(self.inputs[without][0])}"
            )
        return f"all {len(self.inputs)} puzzles have one"

    def check(self) -> str:
        """A task's own answers are right."""
        examples = self.examples
        right = self._right(examples, examples.answers)
        if not right.all():
            raise ValueError(
                f"refuses {int((~right).sum())} of its own answers; the first is to"
                f"\n{self.task.format(examples.inputs[~right][0])}"
            )
        return "every answer passes its own check"

    def contradictions(self) -> str:
        """Nothing is wrong in a task's own answers; nothing in them is to be restored."""
        examples = self.examples
        if not np.array_equal(
            self.task.restore(examples.inputs, examples.answers), examples.answers
        ):
            raise ValueError("restore changes the task's own answers")
        whole = (examples.answers != IGNORE).all(axis=(1, 2))
        inputs, answers = _fixed(examples.inputs[whole]), _fixed(examples.answers[whole])
        wrong = self.task.contradictions(inputs, answers)
        if wrong.dtype != bool or wrong.shape != answers.shape:
            raise ValueError(
                f"gives {wrong.dtype} of shape {wrong.shape}, expected bool of {answers.shape}"
            )
        if wrong.any():
            raise ValueError(f"finds {int(wrong.sum())} cells at fault in the task's own answers")
        return "no answer contradicts its puzzle"

    def others(self) -> str:
        """The answers of other puzzles are hardly ever right."""
        examples = self.examples
        others = _fixed(np.roll(examples.answers, 1, axis=0))
        differ = (others != examples.answers).any(axis=(1, 2))
        passed = self._right(examples, others) & differ
        if differ.any() and passed.sum() == differ.sum():
            raise ValueError("lets the answers of other puzzles pass")
        return f"{int(passed.sum())} answers of other puzzles pass its check"

    def text(self) -> str:
        """A file of puzzles can be read."""
        inputs = self.inputs
        texts = {"format_all": self.task.format_all(inputs)}
        texts["format"] = "\n\n".join(map(self.task.format, inputs)) + "\n"
        for name, text in texts.items():
            back = [puzzle.input for puzzle in self.task.parse(text)]
            if len(back) != len(inputs) or not np.array_equal(np.stack(back), inputs):
                raise ValueError(f"does not read back what {name} writes")
        return "its text is read back as it was"

    def complaint(self) -> str:
        """What a task draws is a puzzle of its kind."""
        for puzzle in self.inputs:
            if words := self.task.complaint(puzzle):
                raise ValueError(f"of a puzzle that it drew itself: {words}")
        return "it complains of none of them"

    def _right(self, examples: Examples, answers: Cells) -> NDArray[np.bool_]:
        right = self.task.solves(examples, answers)
        if right.dtype != bool or right.shape != (len(examples),):
            raise ValueError(
                f"gives {right.dtype} of shape {right.shape}, expected bool of ({len(examples)},)"
            )
        return right


def _fixed(cells: Cells) -> Cells:
    """A copy that cannot be changed."""
    cells = cells.copy()
    cells.flags.writeable = False
    return cells


def _require_glyphs(codes: Sequence[Code], name: str) -> None:
    """Each code has a character of its own.

    Raises:
        ValueError: naming the first that has not.
    """
    if not codes:
        raise ValueError(f"{name}: there are none; give a Code for each kind of cell")
    glyphs = [code.glyph for code in codes]
    for code in codes:
        if len(code.glyph) != 1:
            raise ValueError(f"{name}: {code.glyph!r} for {code.word}: give one character for each")
        if glyphs.count(code.glyph) > 1:
            raise ValueError(f"{name}: {code.glyph!r} stands for two codes; give each its own")
