"""Puzzles in, answers out: how long to think, what the answer is worth, and each moment on the way.

from hrm import solve
print(solve(open("board.txt").read()))
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm.inference.models import load_model, task_of
from hrm.inference.thinking import OnSegment, Thinking, puzzles_together, think
from hrm.models.hub import DEFAULT_MODEL
from hrm.models.network import Network
from hrm.rendering.animation import draw_board, to_png
from hrm.rendering.frame import Frame
from hrm.tasks.grid import IGNORE, Cells, Puzzle, Verdict
from hrm.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Solution:
    """What a model made of one puzzle."""

    task: Task = field(repr=False)
    """Of the puzzle."""
    input: Cells
    """``(R, C)`` codes."""
    predicted: Cells
    """``(R, C)`` codes."""
    target: Cells | None
    """The label; None for a puzzle without an answer."""
    verdict: Verdict
    segments: int
    """Segments thought for, all attempts together."""
    seconds: float
    """Thinking time; puzzles solved together share it evenly."""
    thinking: Thinking
    """How the model was to think."""
    attempts: int
    """Attempts made."""
    abstained: bool
    """Whether the model found no answer to stand by: none was right, or none stood still."""
    frames: list[Frame] = field(default_factory=list, repr=False)
    """The answer before the first update and after each update of the module that answers (H); only
    of puzzles that were watched."""

    @property
    def exact(self) -> bool:
        """Whether every cell equals the label."""
        return self.verdict.name == "exact"

    @property
    def solved(self) -> bool:
        """Whether the answer is right, as the label says or otherwise."""
        return self.verdict.solved

    def as_json(self) -> dict[str, Any]:
        """The object that `hrm solve --json` prints."""
        return {
            "input": self.task.rows(self.input),
            "predicted": self.task.rows(self.predicted, answer=True),
            "target": None if self.target is None else self.task.rows(self.target, answer=True),
            "verdict": self.verdict.name,
            "exact": self.exact,
            "solved": self.solved,
            "segments": self.segments,
            "attempts": self.attempts,
            "abstained": self.abstained,
        }

    def __str__(self) -> str:
        parts = {"Input": self.task.format(self.input)}
        if self.target is not None:
            parts["Target"] = self.task.format(self.target, answer=True)
        parts["Predicted"] = self.task.format(self.predicted, answer=True)
        boards = [f"{name} board:\n{text}" for name, text in parts.items()]
        return "\n\n".join([*boards, self.task.glyph_legend, self.summary()])

    def summary(self) -> str:
        """The verdict and the time that it took, and whether the model abstains."""
        thought = _count(self.segments, "segment")
        if self.attempts > 1:
            thought += f" in {self.attempts} attempts"
        verdict = f"Verdict: {self.verdict.words} ({thought}, {self.seconds * 1000:.0f} ms)"
        return "\n\n".join([verdict, *self._abstention()])

    def _abstention(self) -> list[str]:
        if not self.abstained or self.target is None:
            return []
        limit = _count(self.thinking.max_segments, "segment")
        if self.attempts > 1:
            limit += f" of each of {self.attempts} attempts"
        found = {"solved": "no answer checked out", "settled": "the answer kept changing"}
        return [f"The model abstains: {found[self.thinking.until]} within {limit}."]

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        return to_png(draw_board(self.task, self.input, self.predicted))


def solve(
    board: str | Path | NDArray[Any],
    model: Network | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
    **how: Any,
) -> Solution:
    """Solve one puzzle.

    Args:
        board: as text, as a file (a `Path`) or as ``(R, C)`` codes, whole numbers of any type.
        model: a model, or what `hrm.from_pretrained` takes.
        segments: to think for; by default the model's `infer_segment_cnt`.
        **how: `task`, `device`, `watch` (see `solve_all`), think time that depends on the puzzle
            and further attempts, such as `until="solved", max_segments=32`; see `Thinking.of`.

    Raises:
        ValueError: if it is not one puzzle of a shape that the model works on, there is no such
            model, or the arguments do not go together.
    """
    model = load_model(model)
    task = how.pop("task", None) or task_of(model)
    puzzles = _puzzles_of(task, board)
    if len(puzzles) != 1:
        raise ValueError(f"{len(puzzles)} boards given; one is wanted here, solve_all takes many")
    return next(solve_all(puzzles, model, segments, task=task, **how))


def solve_all(
    boards: Iterable[str | Path | NDArray[Any] | Puzzle],
    model: Network | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
    batch_size: int | None = None,
    *,
    task: Task | None = None,
    device: str | None = None,
    watch: bool = False,
    on_segment: OnSegment | None = None,
    **how: Any,
) -> Iterator[Solution]:
    """Solve many puzzles, in order, a batch of one shape at a time; see `solve`.

    Args:
        boards: as texts, files, arrays or what `task.read` gives; all are read before the first is
            solved.
        model: as for `solve`.
        segments: as for `solve`.
        batch_size: puzzles at a time; by default as many as fit the cache.
        task: of the puzzles; by default the one that the model says it was trained on.
        device: to compute on, such as "cuda"; by default where the model is.
        watch: keep the frames of each thought, and think about one puzzle at a time.
        on_segment: called after each segment of thought with how far it has come (a `Stage`).
        **how: see `Thinking.of`.

    Raises:
        ValueError: before anything is solved, naming the first board that is not of a shape that
            the model works on, or not a puzzle.
    """
    model = load_model(model, device)
    task = task or task_of(model)
    thinking = Thinking.of(model.config.infer_segment_cnt, segments, **how)
    thinking.rule(task, model)  # refuses what the network cannot do
    puzzles = [puzzle for board in boards for puzzle in _puzzles_of(task, board)]
    _require_fit(task, model, [puzzle.input for puzzle in puzzles])
    count = 1 if watch else batch_size
    return _solve_each(puzzles, model, task, thinking, count, watch, on_segment)


def watch(
    board: str | Path | NDArray[Any],
    model: Network | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
) -> list[Frame]:
    """The frames of thinking about one puzzle: before the first update, then after each update of
    the module that answers (H), so 1 + segments × `frames_per_segment` of them.

    Args and errors as for `solve`.
    """
    return solve(board, model, segments, watch=True).frames


def _solve_each(
    puzzles: Sequence[Puzzle],
    model: Network,
    task: Task,
    thinking: Thinking,
    batch_size: int | None,
    watch: bool,
    on_segment: OnSegment | None,
) -> Iterator[Solution]:
    device = next(model.parameters()).device
    same_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, puzzle in enumerate(puzzles):
        same_shape[puzzle.input.shape].append(index)
    solved: dict[int, Solution] = {}
    for index, (puzzle, _) in enumerate(puzzles):
        if index not in solved:
            # All puzzles of its shape before this one are solved, so these are the next ones.
            count = batch_size or puzzles_together(device, puzzle.size)
            batch = same_shape[puzzle.shape][:count]
            del same_shape[puzzle.shape][:count]
            own = task.of_shape(task.shape_of(puzzle))
            these = [puzzles[i] for i in batch]
            answers = _solve_batch(these, model, own, thinking, watch, on_segment)
            solved |= zip(batch, answers, strict=True)
        yield solved.pop(index)


def _solve_batch(
    given: list[Puzzle],
    model: Network,
    task: Task,
    thinking: Thinking,
    watch: bool,
    on_segment: OnSegment | None,
) -> Iterator[Solution]:
    puzzles = np.stack([puzzle.input for puzzle in given])
    labels = task.answer(puzzles)
    for label, puzzle in zip(labels, given, strict=True):
        if puzzle.answer is not None:  # what came with a puzzle is its label
            label[:] = puzzle.answer
    hopeless = (labels == IGNORE).all(axis=(1, 2))
    began = time.perf_counter()
    ids = task.identify(puzzles)
    thoughts = think(model, task, puzzles, thinking, hopeless, watch, ids, on_segment)
    seconds = (time.perf_counter() - began) / len(puzzles)
    for i, verdict in enumerate(task.judge(puzzles, thoughts.answers, labels)):
        sure = {
            "fixed": True,
            "halted": True,
            "settled": bool(thoughts.done[i]),
            "solved": verdict.solved,
        }
        yield Solution(
            task=task,
            input=puzzles[i],
            predicted=thoughts.answers[i],
            target=None if hopeless[i] else labels[i],
            verdict=verdict,
            segments=int(thoughts.segments[i]),
            seconds=seconds,
            thinking=thinking,
            attempts=int(thoughts.attempts[i]),
            abstained=not sure[thinking.until],
            frames=thoughts.frames,
        )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _puzzles_of(task: Task, board: str | Path | NDArray[Any] | Puzzle) -> list[Puzzle]:
    if isinstance(board, Puzzle):
        return [board]
    if isinstance(board, Path):
        return task.read(board)
    if isinstance(board, str):
        if "\n" not in board and os.path.isfile(board):
            raise ValueError(f"{board}: is the name of a file; pass Path({board!r}), or its text")
        return task.parse(board)
    cells = np.asarray(board)
    if cells.dtype.kind not in "iub" or (cells.size and (cells.min() < 0 or cells.max() > 254)):
        raise ValueError("board: expected text, a Path, or an array of whole numbers, the codes")
    return [Puzzle(np.ascontiguousarray(cells, dtype=np.uint8))]


def _require_fit(task: Task, model: Network, puzzles: Sequence[Cells]) -> None:
    task.require(puzzles, "board")
    for number, puzzle in enumerate(puzzles, start=1):
        try:
            model.on(task.of_shape(task.shape_of(puzzle)).grid)
        except ValueError as error:
            raise ValueError(f"board {number}: {error}") from None
