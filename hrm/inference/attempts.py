"""One attempt at some puzzles: how it begins, and thinking until each is done.

Puzzles that are done leave the batch, so easy ones cost less.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm.inference import halting
from hrm.machine import puzzles_at_a_time
from hrm.models.batch import to_cells, to_inputs
from hrm.models.network import Network
from hrm.models.segment import Inputs, Output, State
from hrm.rendering.frame import Frame
from hrm.tasks.grid import IGNORE, Cells, Shape, Symmetry
from hrm.tasks.task import Task

NOISE = 1.0
"""Standard deviation of what a restart adds to each number of the initial state."""


@dataclass(frozen=True)
class Attempt:
    """One way to begin thinking about a puzzle."""

    symmetry: Symmetry
    """Under which to see it."""
    plain: bool = True
    """Whether that is the one that changes nothing."""
    restart: int = 0
    """0: from the model's initial state. Otherwise the number of the noise that is added to it."""
    seed: int = 0

    def initial_state(self, model: Network, puzzles: Cells, shape: Shape) -> State:
        """To begin with. A puzzle's noise depends on itself, `restart` and `seed` alone."""
        state = model.initial_state(len(puzzles), shape)
        if not self.restart:
            return state
        zH = state.zH + self._noise(puzzles, state.zH, "zH")
        zL = None if state.zL is None else state.zL + self._noise(puzzles, state.zL, "zL")
        return State(zH, zL)

    def _noise(self, puzzles: Cells, state: Tensor, name: str) -> Tensor:
        noise = []
        for puzzle in puzzles:
            key = f"{self.seed} {self.restart} {name} ".encode() + puzzle.tobytes()
            number = int.from_bytes(hashlib.sha256(key).digest()[:8], "little")
            random = torch.Generator().manual_seed(number)
            noise.append(torch.randn(state.shape[1:], generator=random))
        return NOISE * torch.stack(noise).to(state)


Heard = Callable[[int, int], None]
"""Hears after each segment how many there were, and how many puzzles are left."""


class Limits(NamedTuple):
    """When an attempt at a puzzle that is not done ends."""

    segments: int
    """It takes at most so many."""
    unchanged: int | None = None
    """Its answer has not changed for so many; None: that ends nothing."""


@dataclass(frozen=True, eq=False)
class Thoughts:
    """What came of thinking about some puzzles; one entry a puzzle."""

    answers: Cells
    """``(B, R, C)`` codes."""
    done: NDArray[np.bool_]
    """Whether the rule said so, in any attempt."""
    segments: NDArray[np.int64]
    """Thought for, all attempts together."""
    attempts: NDArray[np.int64]
    """Made."""
    frames: list[Frame] = field(default_factory=list)
    """Of the attempt that gave the answer; only where somebody watches."""


def attempt(
    model: Network,
    task: Task,
    puzzles: Cells,
    puzzle_ids: NDArray[np.int64] | None,
    how: Attempt,
    rule: halting.Rule,
    limits: Limits,
    hopeless: NDArray[np.bool_],
    watch: bool,
    heard: Heard,
) -> Thoughts:
    """One attempt at each puzzle of a batch.

    Args:
        model: thinks; in evaluation mode.
        task: of the puzzles, of their shape.
        puzzles: ``(B, R, C)`` codes.
        puzzle_ids: ``(B,)`` their identifiers; None: they have none.
        how: to begin.
        rule: who is done.
        limits: when to give up.
        hopeless: ``(B,)`` puzzles without a solution.
        watch: keep the frames of the first puzzle.
        heard: called after each segment.
    """
    shape = task.shape_of(puzzles)
    views = how.symmetry.view(puzzles)
    inputs = to_inputs(views, puzzle_ids, next(model.parameters()).device)
    state = how.initial_state(model, views, shape)
    recorder = Recorder(model, how, shape) if watch else None
    if recorder:
        recorder.add(state)
    answers = np.full_like(puzzles, IGNORE)  # equal to no answer
    segments = np.zeros(len(puzzles), dtype=np.int64)
    done = np.zeros(len(puzzles), dtype=bool)
    unchanged = np.zeros(len(puzzles), dtype=np.int64)
    active = np.arange(len(puzzles))
    for segment in range(1, limits.segments + 1):
        state, output = think_a_segment(model, state, inputs, recorder)
        new = how.symmetry.undo(to_cells(output.logits.argmax(-1), shape))
        same = (new == answers[active]).all(axis=(1, 2))
        unchanged[active] = np.where(same, unchanged[active] + 1, 0)
        answers[active], segments[active] = new, segment
        halt = None if output.halt is None else output.halt.float().cpu().numpy()
        moment = halting.Moment(
            segments[active], puzzles[active], new, unchanged[active], hopeless[active], halt
        )
        leaving = done[active] = rule(moment)
        if limits.unchanged is not None:
            leaving = leaving | (unchanged[active] >= limits.unchanged)
        if leaving.any():
            staying = torch.from_numpy(~leaving).to(inputs.tokens.device)
            active, inputs, state = active[~leaving], inputs.of(staying), state.of(staying)
        heard(segment, len(active))
        if not len(active):
            break
    made = np.ones(len(puzzles), dtype=np.int64)
    return Thoughts(answers, done, segments, made, recorder.frames if recorder else [])


class Recorder:
    """Keeps a frame for each update of the answering module."""

    def __init__(self, model: Network, how: Attempt, shape: Shape):
        self.model, self.how, self.shape = model, how, shape
        self.frames: list[Frame] = []

    def __call__(self, module: str, state: State) -> None:
        """For `on_update`."""
        if module == "H":
            self.add(state)

    def add(self, state: State) -> None:
        """A frame of the first puzzle's state."""
        logits = self.model.answer(State(state.zH[:1], None))
        predicted = self.how.symmetry.undo(to_cells(logits.argmax(-1), self.shape))[0]
        believed = logits[0].float().softmax(-1).unflatten(0, self.shape).cpu().numpy()
        segment, step = 0, 0
        if self.frames:
            done = len(self.frames) - 1
            segment, step = (n + 1 for n in divmod(done, self.model.config.frames_per_segment))
        self.frames.append(Frame(predicted, believed if self.how.plain else None, segment, step))


def think_a_segment(
    model: Network, state: State, inputs: Inputs, recorder: Recorder | None
) -> tuple[State, Output]:
    """One segment of many puzzles, in batches that fit the cache."""
    size = puzzles_at_a_time(inputs.tokens.device, inputs.tokens.shape[1:].numel())
    parts = zip(state.split(size), inputs.split(size), strict=True)
    thought = [model(part, shown, recorder) for part, shown in parts]
    states, outputs = zip(*thought, strict=True)
    halts = [output.halt for output in outputs if output.halt is not None]
    logits = torch.cat([output.logits for output in outputs])
    return State.join(states), Output(logits, torch.cat(halts) if halts else None)
