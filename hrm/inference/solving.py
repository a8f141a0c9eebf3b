"""Boards in, answers out: how long to think, what the answer is worth, and each moment on the way.

from hrm import solve
print(solve(open("board.txt").read()))
"""

import functools
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm.config.presets import DEFAULT_MODEL
from hrm.inference.evaluation import to_boards, to_tokens
from hrm.inference.thinking import Thinking, boards_together, plan, think
from hrm.models import hub
from hrm.models.hrm import HRM, State
from hrm.tasks.boardpath.boards import END, FLOOR, PATH, START, WALL, Boards, Verdict, judge, label
from hrm.tasks.boardpath.text import LEGEND, format_board, parse_boards, rows_of


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of thought: the answer that the head would give now."""

    predicted: Boards
    """``(N, N)`` codes."""
    path_probability: NDArray[np.floating]
    """``(N, N)`` how strongly the model believes each cell to be on the path, in [0, 1]."""
    segment: int
    """Counted from 1; 0 before the first update."""
    step: int
    """The update of the answering module within the segment, from 1; 0 before the first."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What a model made of one board."""

    input: Boards
    """``(N, N)`` codes."""
    predicted: Boards
    """``(N, N)`` codes."""
    target: Boards | None
    """The label; None for a board without a path."""
    verdict: Verdict
    segments: int
    """Segments thought for, all attempts together."""
    seconds: float
    """Thinking time; boards solved together share it evenly."""
    thinking: Thinking
    """How the model was to think."""
    attempts: int
    """Attempts made."""
    abstained: bool
    """Whether the model found no answer to stand by: none checked out, or none stood still."""

    @property
    def exact(self) -> bool:
        """Whether every cell equals the label."""
        return self.verdict is Verdict.EXACT

    @property
    def solved(self) -> bool:
        """Whether the answer is a shortest path, the label's or another."""
        return self.verdict in (Verdict.EXACT, Verdict.SOLVED)

    def as_json(self) -> dict[str, Any]:
        """The object that `hrm solve --json` prints."""
        return {
            "input": rows_of(self.input),
            "predicted": rows_of(self.predicted),
            "target": None if self.target is None else rows_of(self.target),
            "verdict": self.verdict.value,
            "exact": self.exact,
            "solved": self.solved,
            "segments": self.segments,
            "attempts": self.attempts,
            "abstained": self.abstained,
        }

    def __str__(self) -> str:
        parts = {"Input": self.input, "Target": self.target, "Predicted": self.predicted}
        boards = [
            f"{name} board:\n{format_board(board)}"
            for name, board in parts.items()
            if board is not None
        ]
        thought = _count(self.segments, "segment")
        if self.attempts > 1:
            thought += f" in {self.attempts} attempts"
        verdict = f"Verdict: {self.verdict.words} ({thought}, {self.seconds * 1000:.0f} ms)"
        return "\n\n".join([*boards, LEGEND, verdict, *self._abstention()])

    def _abstention(self) -> list[str]:
        if not self.abstained or self.verdict is Verdict.UNSOLVABLE:
            return []
        limit = _count(self.thinking.max_segments, "segment")
        if self.attempts > 1:
            limit += f" of each of {self.attempts} attempts"
        found = {"solved": "no answer checked out", "settled": "the answer kept changing"}
        return [f"The model abstains: {found[self.thinking.until]} within {limit}."]


def solve(
    board: str | Boards,
    model: HRM | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
    **how: Any,
) -> Solution:
    """Solve one board.

    Args:
        board: as text (see `board_text`) or as ``(N, N)`` codes.
        model: a model, or what `HRM.from_pretrained` takes.
        segments: to think for; by default the model's `infer_segment_cnt`.
        **how: think time that depends on the board, and further attempts, such as
            `until="solved", max_segments=32`; see `thinking.plan`.

    Raises:
        ValueError: if the text is not one board of a size that the model works on, there is no such
            model, or the wishes do not go together.
    """
    return next(solve_all([_one_board(board)], model, segments, **how))


def solve_all(
    boards: Sequence[Boards],
    model: HRM | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
    batch_size: int | None = None,
    **how: Any,
) -> Iterator[Solution]:
    """Solve many boards, in order, a batch of one size at a time; see `solve`.

    Raises:
        ValueError: before anything is solved, naming the first board that is not of a size that the
            model works on, or not a board.
    """
    model = _ready(model)
    thinking = plan(model.config.infer_segment_cnt, segments, **how)
    _require_boards(boards, model)
    device = next(model.parameters()).device
    same_size: dict[int, list[int]] = defaultdict(list)
    for index, board in enumerate(boards):
        same_size[len(board)].append(index)
    solved: dict[int, Solution] = {}
    for index, board in enumerate(boards):
        if index not in solved:
            # All boards of its size before this one are solved, so these are the next ones.
            count = batch_size or boards_together(device, len(board))
            batch = same_size[len(board)][:count]
            del same_size[len(board)][:count]
            stacked = np.stack([boards[i] for i in batch])
            solved |= zip(batch, _solve_batch(stacked, model, thinking), strict=True)
        yield solved.pop(index)


def watch(
    board: str | Boards, model: HRM | str | Path = DEFAULT_MODEL, segments: int | None = None
) -> list[Frame]:
    """The frames of thinking about one board: before the first update, then after each update of
    the module that answers (H), so 1 + segments × `frames_per_segment` of them.

    Args and errors as for `solve`.
    """
    model, board = _ready(model), _one_board(board)
    segments = plan(model.config.infer_segment_cnt, segments).max_segments
    _require_boards([board], model)
    frames = []

    def on_update(module: str, state: State) -> None:
        if module == "H":
            done = len(frames) - 1
            segment, step = divmod(done, model.config.frames_per_segment)
            frames.append(_frame(model.answer(state), segment + 1, step + 1))

    with torch.inference_mode():
        tokens = to_tokens(board[None], next(model.parameters()).device)
        state = model.initial_state(1, len(board))
        frames.append(_frame(model.answer(state), 0, 0))
        for _ in range(segments):
            state, _ = model(state, tokens, on_update)
    return frames


def _solve_batch(boards: Boards, model: HRM, thinking: Thinking) -> Iterator[Solution]:
    began = time.perf_counter()
    thoughts = think(model, boards, thinking)
    seconds = (time.perf_counter() - began) / len(boards)
    verdicts = judge(boards, thoughts.answers)
    targets = _labels(boards, [verdict is not Verdict.UNSOLVABLE for verdict in verdicts])
    for i, verdict in enumerate(verdicts):
        sure = {
            "fixed": True,
            "settled": bool(thoughts.done[i]),
            "solved": verdict in (Verdict.EXACT, Verdict.SOLVED),
        }
        yield Solution(
            input=boards[i],
            predicted=thoughts.answers[i],
            target=targets[i],
            verdict=verdict,
            segments=int(thoughts.segments[i]),
            seconds=seconds,
            thinking=thinking,
            attempts=int(thoughts.attempts[i]),
            abstained=not sure[thinking.until],
        )


def _labels(boards: Boards, solvable: list[bool]) -> list[Boards | None]:
    """Each board's label, None where there is no path."""
    labels = iter(label(boards[solvable]))
    return [next(labels) if one else None for one in solvable]


def _frame(logits: Tensor, segment: int, step: int) -> Frame:
    size = round(logits.shape[1] ** 0.5)
    probability = logits[0].float().softmax(-1)[:, PATH].reshape(size, size)
    return Frame(to_boards(logits.argmax(-1))[0], probability.cpu().numpy(), segment, step)


def _ready(model: HRM | str | Path) -> HRM:
    """The model, not dropping anything out."""
    if not isinstance(model, HRM):
        bundled = str(model) in hub.bundled_models()
        model = _bundled(str(model)) if bundled else HRM.from_pretrained(model)
    return model.eval()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _one_board(board: str | Boards) -> Boards:
    boards = parse_boards(board) if isinstance(board, str) else [board]
    if len(boards) != 1:
        raise ValueError(f"{len(boards)} boards given; one is wanted here, solve_all takes many")
    return np.asarray(boards[0])


def _require_boards(boards: Sequence[Boards], model: HRM) -> None:
    for number, board in enumerate(boards, start=1):
        if board.ndim != 2 or board.shape[0] != board.shape[1]:
            shape = "×".join(map(str, board.shape))
            raise ValueError(f"board {number} is {shape}; boards are square")
        try:
            model.require_size(len(board))
        except ValueError as error:
            raise ValueError(f"board {number}: {error}") from None
        if not np.isin(board, (FLOOR, WALL, START, END)).all() or [
            (board == code).sum() for code in (START, END)
        ] != [1, 1]:
            raise ValueError(
                f"board {number}: codes are {FLOOR} floor, {WALL} wall, one {START} start and one"
                f" {END} end"
            )


@functools.lru_cache(maxsize=2)
def _bundled(name: str) -> HRM:
    return HRM.from_pretrained(name)
