"""What each way of thinking buys, and for how many operations."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hrm.config.networks import NetworkConfig
from hrm.inference.evaluation import joined, score
from hrm.inference.thinking import Thinking, puzzles_together, think
from hrm.models.network import Network
from hrm.models.operations import forward_flops
from hrm.tasks.examples import Examples
from hrm.tasks.grid import equal_where_graded
from hrm.tasks.task import Task

LIMITS = (1, 2, 4, 8, 16, 32)
"""Segments that an attempt may take at most."""

FIXED, HALTED = "fixed time", "until halted"
RESTARTS = 7
"""As many further attempts as the square has further symmetries."""
GUESSES = 100


@dataclass(frozen=True)
class Outcome:
    """One way of thinking under one limit."""

    way: str
    max_segments: int
    """That an attempt may take."""
    segments: float
    """Thought for, all attempts together; a mean over puzzles, as all that follows."""
    flops: float
    """Operations of these segments (see `operations`)."""
    board_acc: float
    solved: float


def ways(config: NetworkConfig, task: Task) -> dict[str, tuple[Thinking, tuple[int, ...]]]:
    """What there is to compare, with the limits to try.

    Attempts that vote cost the same for every puzzle, so they are given short times only.
    """
    checked = Thinking("solved")
    short = tuple(sorted({1, 2, config.infer_segment_cnt}))
    views = len(Thinking(symmetries=True).attempts(task))
    found = {
        FIXED: (Thinking(), LIMITS),
        "until settled": (Thinking("settled"), LIMITS[2:]),
        HALTED: (Thinking("halted"), LIMITS),
        "until solved": (checked, LIMITS),
        f"until solved, {views} symmetries": (replace(checked, symmetries=True), LIMITS),
        f"until solved, {1 + RESTARTS} starts": (replace(checked, restarts=RESTARTS), LIMITS),
        f"until solved, {GUESSES} guesses": (replace(checked, guesses=GUESSES), LIMITS[2:]),
        f"vote of {views} symmetries": (Thinking(symmetries=True), short),
        f"vote of {1 + RESTARTS} starts": (Thinking(restarts=RESTARTS), short),
    }
    if not hasattr(config, "q_continue"):
        del found[HALTED]
    if not task.completes:
        del found[f"until solved, {GUESSES} guesses"]
    seen_otherwise = views > 1 and task.puzzle_identifiers == 1  # see `think`
    return {way: how for way, how in found.items() if seen_otherwise or "symmetries" not in way}


def compare(
    model: Network,
    task: Task,
    examples: Examples,
    names: list[str],
    on_outcome: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Try ways of thinking on the same puzzles.

    Args:
        model: left in the mode in which it was.
        task: of the puzzles.
        examples: solvable puzzles with their answers.
        names: of the ways (see `ways`).
        on_outcome: called after each outcome, for those who show progress.

    Raises:
        ValueError: if the model does not work on puzzles of this shape.
    """
    task = task.of_shape(examples.shape)
    model = model.on(task.grid)
    a_segment = sum(forward_flops(model.config, task.grid).values())
    outcomes = []
    for name in names:
        thinking, limits = ways(model.config, task)[name]
        found: dict[int, tuple[float, float, float]] = {}
        if name == FIXED:  # one pass tells them all
            scores = joined(list(score(model, task, examples, limits)))
            means = {limit: scores[limit].means for limit in limits}
            found = {limit: (float(limit), m.board_acc, m.solved) for limit, m in means.items()}
        for limit in limits:
            if limit not in found:
                found[limit] = _try(model, task, examples, replace(thinking, max_segments=limit))
            segments, *shares = found[limit]
            outcomes.append(Outcome(name, limit, segments, segments * a_segment, *shares))
            on_outcome()
    return outcomes


def _try(
    model: Network, task: Task, examples: Examples, thinking: Thinking
) -> tuple[float, float, float]:
    """Mean segments, and the shares of puzzles answered by their label and by any right answer."""
    device = next(model.parameters()).device
    size = puzzles_together(device, task.grid.cell_cnt)
    starts = range(0, len(examples), size)
    batches = [examples.take(slice(start, start + size)) for start in starts]
    thoughts = [
        think(model, task, batch.inputs, thinking, puzzle_ids=batch.puzzle_ids) for batch in batches
    ]
    answers = np.concatenate([thought.answers for thought in thoughts])
    exact = equal_where_graded(answers, examples.answers)
    segments = np.concatenate([thought.segments for thought in thoughts])
    return (
        float(segments.mean()),
        float(exact.mean()),
        float(task.solves(examples, answers).mean()),
    )
