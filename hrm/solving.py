"""Boards in, answers out: how long to think, what the answer is worth, and each moment on the way.

from hrm import solve
print(solve(open("board.txt").read()))
"""

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm import hub
from hrm.board_text import LEGEND, format_board, parse_boards, rows_of
from hrm.boards import END, FLOOR, PATH, START, WALL, Boards, Verdict, judge, label
from hrm.distributed import boards_at_a_time
from hrm.evaluation import to_boards, to_tokens
from hrm.hrm import HRM, State
from hrm.presets import DEFAULT_MODEL


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
    """Segments thought for."""
    seconds: float
    """Thinking time; boards solved together share it evenly."""

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
        }

    def __str__(self) -> str:
        parts = {"Input": self.input, "Target": self.target, "Predicted": self.predicted}
        boards = [
            f"{name} board:\n{format_board(board)}"
            for name, board in parts.items()
            if board is not None
        ]
        thought = f"{self.segments} segment{'s' * (self.segments != 1)}"
        verdict = f"Verdict: {self.verdict.words} ({thought}, {self.seconds * 1000:.0f} ms)"
        return "\n\n".join([*boards, LEGEND, verdict])


def solve(
    board: str | Boards, model: HRM | str | Path = DEFAULT_MODEL, segments: int | None = None
) -> Solution:
    """Solve one board.

    Args:
        board: as text (see `board_text`) or as ``(N, N)`` codes.
        model: a model, or what `HRM.from_pretrained` takes.
        segments: to think for; by default the model's `infer_segment_cnt`.

    Raises:
        ValueError: if the text is not one board of the model's size, or there is no such model.
    """
    return next(solve_all([_one_board(board)], model, segments))


def solve_all(
    boards: Sequence[Boards],
    model: HRM | str | Path = DEFAULT_MODEL,
    segments: int | None = None,
    batch_size: int | None = None,
) -> Iterator[Solution]:
    """Solve many boards, a batch at a time; see `solve`.

    Raises:
        ValueError: before anything is solved, naming the first board that is not of the model's
            size, or not a board.
    """
    model, segments = _ready(model, segments)
    _require_boards(boards, model.board_size)
    device = next(model.parameters()).device
    batch_size = batch_size or boards_at_a_time(device, model.board_size)
    for start in range(0, len(boards), batch_size):
        yield from _solve_batch(np.stack(boards[start : start + batch_size]), model, segments)


def watch(
    board: str | Boards, model: HRM | str | Path = DEFAULT_MODEL, segments: int | None = None
) -> list[Frame]:
    """The frames of thinking about one board: before the first update, then after each update of
    the module that answers (H), so 1 + segments × `frames_per_segment` of them.

    Args and errors as for `solve`.
    """
    model, segments = _ready(model, segments)
    board = _one_board(board)
    _require_boards([board], model.board_size)
    frames = []

    def on_update(module: str, state: State) -> None:
        if module == "H":
            done = len(frames) - 1
            segment, step = divmod(done, model.config.frames_per_segment)
            frames.append(_frame(model.answer(state), segment + 1, step + 1))

    with torch.inference_mode():
        tokens = to_tokens(board[None], next(model.parameters()).device)
        state = model.initial_state(1)
        frames.append(_frame(model.answer(state), 0, 0))
        for _ in range(segments):
            state, _ = model(state, tokens, on_update)
    return frames


def _solve_batch(boards: Boards, model: HRM, segments: int) -> Iterator[Solution]:
    began = time.perf_counter()
    answers = to_boards(think(model, boards, segments).argmax(-1))
    seconds = (time.perf_counter() - began) / len(boards)
    for board, answer, verdict in zip(boards, answers, judge(boards, answers), strict=True):
        target = None if verdict is Verdict.UNSOLVABLE else label(board[None])[0]
        yield Solution(board, answer, target, verdict, segments, seconds)


@torch.inference_mode()
def think(model: HRM, boards: Boards, segments: int) -> Tensor:
    """The ``(B, S, V)`` logits after so many segments."""
    tokens = to_tokens(boards, next(model.parameters()).device)
    state = model.initial_state(len(boards))
    for _ in range(segments):
        state, logits = model(state, tokens)
    return logits


def _frame(logits: Tensor, segment: int, step: int) -> Frame:
    size = round(logits.shape[1] ** 0.5)
    probability = logits[0].float().softmax(-1)[:, PATH].reshape(size, size)
    return Frame(to_boards(logits.argmax(-1))[0], probability.cpu().numpy(), segment, step)


def _ready(model: HRM | str | Path, segments: int | None) -> tuple[HRM, int]:
    """The model, not dropping anything out, and how long it shall think."""
    if not isinstance(model, HRM):
        bundled = str(model) in hub.bundled_models()
        model = _bundled(str(model)) if bundled else HRM.from_pretrained(model)
    network = model.eval()
    segments = network.config.infer_segment_cnt if segments is None else segments
    if segments < 1:
        raise ValueError(f"segments: {segments}; think for 1 or more")
    return network, segments


def _one_board(board: str | Boards) -> Boards:
    boards = parse_boards(board) if isinstance(board, str) else [board]
    if len(boards) != 1:
        raise ValueError(f"{len(boards)} boards given; one is wanted here, solve_all takes many")
    return np.asarray(boards[0])


def _require_boards(boards: Sequence[Boards], size: int) -> None:
    for number, board in enumerate(boards, start=1):
        if board.shape != (size, size):
            raise ValueError(
                f"board {number} is {'×'.join(map(str, board.shape))}, but this model solves"
                f" {size}×{size} boards; see `hrm info` for others"
            )
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
