"""What each way of thinking buys, and for how many operations."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hrm.config.schema import ModelConfig
from hrm.inference.evaluation import score_boards
from hrm.inference.thinking import Thinking, boards_together, think
from hrm.models.hrm import HRM
from hrm.models.operations import forward_flops
from hrm.tasks.boardpath.boards import Boards, label, solved

LIMITS = (1, 2, 4, 8, 16, 32)
"""Segments that an attempt may take at most."""

FIXED = "fixed time"
RESTARTS = 7
"""As many further attempts as the square has further symmetries."""


@dataclass(frozen=True)
class Outcome:
    """One way of thinking under one limit."""

    way: str
    max_segments: int
    """That an attempt may take."""
    segments: float
    """Thought for, all attempts together; a mean over boards, as all that follows."""
    flops: float
    """Operations of these segments (see `operations`)."""
    board_acc: float
    solved: float


def ways(config: ModelConfig) -> dict[str, tuple[Thinking, tuple[int, ...]]]:
    """What there is to compare, with the limits to try.

    Attempts that vote cost the same for every board, so they are given short times only.
    """
    checked = Thinking("solved")
    short = tuple(sorted({1, 2, config.infer_segment_cnt}))
    return {
        FIXED: (Thinking(), LIMITS),
        "until settled": (Thinking("settled"), LIMITS[2:]),
        "until solved": (checked, LIMITS),
        "until solved, 8 symmetries": (replace(checked, symmetries=True), LIMITS),
        "until solved, 8 starts": (replace(checked, restarts=RESTARTS), LIMITS),
        "vote of 8 symmetries": (Thinking(symmetries=True), short),
        "vote of 8 starts": (Thinking(restarts=RESTARTS), short),
    }


def compare(
    model: HRM, boards: Boards, names: list[str], on_outcome: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """Try ways of thinking on the same boards.

    Args:
        model: left in evaluation mode.
        boards: ``(B, N, N)`` solvable inputs.
        names: of the ways (see `ways`).
        on_outcome: called after each outcome, for those who show progress.

    Raises:
        ValueError: if the model does not work on boards of this size.
    """
    model.eval().require_size(boards.shape[1])
    a_segment = sum(forward_flops(model.config, boards.shape[1]).values())
    outcomes = []
    for name in names:
        thinking, limits = ways(model.config)[name]
        if name == FIXED:  # one pass tells them all
            found = score_boards(model, boards, limits)
            scores = {limit: (float(limit), found[limit].as_dict()) for limit in limits}
        else:
            scores = {}
        for limit in limits:
            if limit not in scores:
                scores[limit] = _try(model, boards, replace(thinking, max_segments=limit))
            segments, means = scores[limit]
            shares = means["board_acc"], means["solved"]
            outcomes.append(Outcome(name, limit, segments, segments * a_segment, *shares))
            on_outcome()
    return outcomes


def _try(model: HRM, boards: Boards, thinking: Thinking) -> tuple[float, dict[str, float]]:
    """Mean segments, and the shares of boards answered by their label and by any shortest path."""
    size = boards_together(next(model.parameters()).device, boards.shape[1])
    batches = [boards[start : start + size] for start in range(0, len(boards), size)]
    thoughts = [think(model, batch, thinking) for batch in batches]
    answers = np.concatenate([thought.answers for thought in thoughts])
    exact = (answers == label(boards)).all(axis=(1, 2))
    segments = np.concatenate([thought.segments for thought in thoughts])
    shares = {"board_acc": exact, "solved": solved(boards, answers)}
    return float(segments.mean()), {name: float(each.mean()) for name, each in shares.items()}
