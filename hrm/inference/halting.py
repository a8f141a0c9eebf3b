"""When to stop thinking: one rule for training and for solving.

A rule looks at each puzzle that is thought about, after a segment, and says which are done. In
training, a slot whose puzzle is done takes the next one; in solving, the puzzle leaves the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells
from hrm.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the thinking about some puzzles stands, after a segment."""

    segments: NDArray[np.int64]
    """``(B,)`` thought for, about each."""
    inputs: Cells | None = None
    """``(B, R, C)`` the puzzles; in training, where no rule needs them, None."""
    answers: Cells | None = None
    """``(B, R, C)`` as of now; likewise."""
    unchanged: NDArray[np.int64] | None = None
    """``(B,)`` for how many segments in a row each answer has stood; likewise."""
    hopeless: NDArray[np.bool_] | None = None
    """``(B,)`` puzzles without a solution; None: there is none."""
    halt: NDArray[np.float32] | None = None
    """``(B, 2)`` what halting and going on are worth, by networks that say so."""
    least: NDArray[np.int64] | None = None
    """``(B,)`` segments that each has to be thought about; in training, for exploration."""


Rule = Callable[[Moment], NDArray[np.bool_]]
"""``(B,)`` which puzzles are done."""


def fixed(segments: int) -> Rule:
    """Done after so many segments."""
    return lambda moment: moment.segments >= segments


def settled(patience: int) -> Rule:
    """Done when the answer has not changed for `patience` segments; needs no checker."""

    def rule(moment: Moment) -> NDArray[np.bool_]:
        assert moment.unchanged is not None
        return moment.unchanged >= patience

    return rule


def solved(task: Task) -> Rule:
    """Done when the answer is right, by the task's exact check; or when none can be."""

    def rule(moment: Moment) -> NDArray[np.bool_]:
        assert moment.inputs is not None and moment.answers is not None
        done = task.check(moment.inputs, moment.answers)
        return done if moment.hopeless is None else done | moment.hopeless

    return rule


def learned(q_continue: bool) -> Rule:
    """Done when the network says so.

    Args:
        q_continue: halt where halting is worth more than going on; otherwise where the answer is
            more likely right than not.
    """

    def rule(moment: Moment) -> NDArray[np.bool_]:
        assert moment.halt is not None
        return moment.halt[:, 0] > (moment.halt[:, 1] if q_continue else 0)

    return rule


def explored(rule: Rule, most: int) -> Rule:
    """As a rule says, but not before `Moment.least` segments, and after `most` in any case."""

    def bounded(moment: Moment) -> NDArray[np.bool_]:
        assert moment.least is not None
        return (rule(moment) & (moment.segments >= moment.least)) | (moment.segments >= most)

    return bounded
