"""Where puzzles come from: drawn by a task, kept back for testing, or read from a user's files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrm.data.hashing import contents
from hrm.randomness import Purpose
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE, Cells, Code, Puzzle, Shape, shape_words
from hrm.tasks.settings import HELD_OUT_SEED
from hrm.tasks.task import Task

_MOST_REPEATS = 100_000
_COUNT = 1000
"""Puzzles that are drawn where nobody says how many."""


class TooFewPuzzles(ValueError):
    """There are fewer different puzzles than are asked for."""


def generate(task: Task, count: int, seed: int) -> Cells:
    """`count` different puzzles, the same for the same arguments everywhere.

    Returns:
        ``(count, R, C)`` codes.

    Raises:
        ValueError: if there are not that many different ones.
    """
    puzzles = fresh(task, (seed, Purpose.SET, 0), seen=set())
    return np.stack([next(puzzles) for _ in range(count)])


def held_out(task: Task, count: int | None, views: bool = False) -> Examples:
    """`count` puzzles for testing that no run trains on, with their answers.

    Args:
        task: of the puzzles.
        count: None: all of a data set, `_COUNT` where they are drawn.
        views: of a data set, those of one puzzle side by side, as in files.

    Raises:
        ValueError: if more are asked for than the task keeps back.
    """
    given = task.written("test") if views else task.given("test")
    if given is None:
        inputs = kept_back(task, min(count or _COUNT, task.held_out_cnt))
        given = Examples(inputs, require_answers(task, inputs))
    if count and count > len(given):
        raise ValueError(
            f"count {count}: only {len(given)} puzzles of this kind are held out; ask for fewer"
        )
    return given.take(slice(0, count))


def for_training(task: Task, count: int | None, seed: int) -> Examples:
    """The first `count` puzzles that a run with `task.seed` trains on, with their answers.

    They are those of the seed that are not held out; of a data set, those of its train split, with
    all their views.

    Args:
        task: of the puzzles.
        count: None: all of a data set, `_COUNT` where they are drawn.
        seed: names the puzzles that are drawn.

    Raises:
        ValueError: if there are not that many.
    """
    given = task.written("train")
    if given is None:
        held_back = contents(kept_back(task, task.held_out_cnt))
        drawn = fresh(task, (seed, Purpose.SET, 0), seen=set(held_back))
        inputs = np.stack([next(drawn) for _ in range(count or _COUNT)])
        given = Examples(inputs, require_answers(task, inputs))
    if count and count > len(given):
        raise ValueError(
            f"train_count {count}: the data set has {len(given)} training examples; ask for fewer"
        )
    return given.take(slice(0, count))


def kept_back(task: Task, count: int) -> Cells:
    """Up to `count` puzzles of `HELD_OUT_SEED`; never more than half of those there are."""
    puzzles: list[Cells] = []
    wanted = 2 * task.held_out_cnt if task.scarce else count
    try:
        drawn = fresh(task, (HELD_OUT_SEED, Purpose.SET, 0), seen=set())
        while len(puzzles) < wanted:
            puzzles.append(next(drawn))
    except TooFewPuzzles:
        if not puzzles:
            raise
    return np.stack(puzzles[: min(count, len(puzzles) // 2 if task.scarce else count)])


def fresh(task: Task, key: tuple[int, ...], seen: set[bytes]) -> Iterator[Cells]:
    """Random puzzles that are not in `seen`, each of which is added to it.

    Raises:
        TooFewPuzzles: if hardly any new one is drawn any more.
        ValueError: if the task draws what are no puzzles.
    """
    repeats = 0
    for batch in task.stream(key):
        require_codes(f"task {type(task).__name__}: draw", batch, (..., *task.shape), task.codes)
        for puzzle in batch:
            content = puzzle.tobytes()
            repeats = repeats + 1 if content in seen else 0
            if not repeats:
                seen.add(content)
                yield puzzle
        if repeats > _MOST_REPEATS:
            raise TooFewPuzzles(
                f"task: too few different puzzles of {shape_words(task.shape)} cells with these"
                f" settings ({len(seen):,} found); ask for fewer or for larger ones"
            )


def require_codes(
    source: str, cells: Any, shape: tuple[Any, ...], codes: Sequence[Code], or_ignore: bool = False
) -> None:
    """Refuse what a task gives, if it is no array of codes.

    Args:
        source: what error messages call it.
        cells: that should be uint8 codes.
        shape: that it should have; begins with ... where the number of puzzles is open.
        codes: that there are.
        or_ignore: whether `IGNORE` is among them.

    Raises:
        ValueError: with what it is, and what it should be.
    """
    if not isinstance(cells, np.ndarray):
        raise ValueError(f"{source}: gives {type(cells).__name__}, expected an array of uint8")
    fits = cells.shape[1:] == shape[1:] and len(cells) and shape[0] in (..., len(cells))
    if cells.dtype != np.uint8 or not fits:
        wanted = f"({', '.join('n' if side is ... else str(side) for side in shape)})"
        words = f"gives {cells.dtype} of shape {cells.shape}, expected uint8 of shape {wanted}"
        raise ValueError(f"{source}: {words}")
    found = cells[cells != IGNORE] if or_ignore else cells
    if found.size and int(found.max()) >= len(codes):
        known = f"its codes are 0 to {len(codes) - 1}" if codes else "it declares no codes"
        raise ValueError(f"{source}: gives code {found.max()}, but {known}")


def require_answers(
    task: Task, inputs: Cells, source: str = "task", numbers: Sequence[int] | None = None
) -> Cells:
    """The label of each puzzle.

    Args:
        task: of the puzzles.
        inputs: ``(n, R, C)`` codes.
        source: what error messages call them.
        numbers: by which messages call each; by default from 1.

    Raises:
        ValueError: naming the first one without an answer.
    """
    answers = task.answer(inputs)
    name = f"task {type(task).__name__}: answer"
    require_codes(name, answers, inputs.shape, task.answer_codes, or_ignore=True)
    without = np.flatnonzero((answers == IGNORE).all(axis=(1, 2)))
    if len(without):
        first = int(without[0])
        puzzle, nothing = inputs[first : first + 1], answers[first : first + 1]
        words = task.judge(puzzle, puzzle, nothing)[0].words
        number = numbers[first] if numbers else first + 1
        raise ValueError(f"{source}: puzzle {number}: {words}; take it out")
    return answers


def read_examples(task: Task, file: str | Path) -> Examples:
    """The puzzles of a user's file, all of one shape, with their answers, without repeats.

    Raises:
        ValueError: naming the file and the first puzzle that cannot be used.
    """
    puzzles = task.read(file)
    stack_puzzles(task, puzzles, str(file))
    different: dict[bytes, tuple[int, Puzzle]] = {}
    for number, puzzle in enumerate(puzzles, start=1):
        different.setdefault(puzzle.input.tobytes(), (number, puzzle))
    return _with_answers(task, list(different.values()), str(file))


def stack_puzzles(task: Task, puzzles: list[Puzzle], source: str) -> Cells:
    """Puzzles of one shape as one array.

    Raises:
        ValueError: naming the first one of another shape.
    """
    shape = puzzles[0].input.shape
    for number, puzzle in enumerate(puzzles, start=1):
        if puzzle.input.shape != shape:
            other, own = (shape_words(task.shape_of(p.input)) for p in (puzzle, puzzles[0]))
            raise ValueError(
                f"{source}: puzzle {number} is {other}, but puzzle 1 is {own}; give puzzles of one"
                " size"
            )
    return np.stack([puzzle.input for puzzle in puzzles])


def group_by_shape(task: Task, puzzles: list[Puzzle], source: str) -> dict[Shape, Examples]:
    """Puzzles with their answers, by shape, smallest first.

    Raises:
        ValueError: naming the first one without an answer.
    """
    groups: dict[Shape, list[tuple[int, Puzzle]]] = {}
    for number, puzzle in enumerate(puzzles, start=1):
        groups.setdefault(task.shape_of(puzzle.input), []).append((number, puzzle))
    return {shape: _with_answers(task, groups[shape], source) for shape in sorted(groups)}


def _with_answers(task: Task, numbered: list[tuple[int, Puzzle]], source: str) -> Examples:
    """Puzzles of one shape, each with its number in the source; answers that did not come with them
    are found."""
    inputs = np.stack([puzzle.input for _, puzzle in numbered])
    answers = [puzzle.answer for _, puzzle in numbered]
    missing = [i for i, answer in enumerate(answers) if answer is None]
    if missing:
        own, numbers = task.of_shape(task.shape_of(inputs)), [numbered[i][0] for i in missing]
        found = require_answers(own, inputs[missing], source, numbers)
        for i, answer in zip(missing, found, strict=True):
            answers[i] = answer
    own_answers = np.stack([answer for answer in answers if answer is not None])
    return Examples(inputs, own_answers, puzzle_ids=task.identify(inputs))
