"""Thinking that guesses: a search, in which the network says what to guess and when to turn back.

The network thinks about the puzzle. Then an open cell is filled in, and the network thinks on, as
if that cell were given. When what is filled in and what the network is sure of contradict each
other, the last guess is taken back and the cell's next code is tried. The state goes on through all
of this: from fresh states, fewer puzzles are solved (docs/log.md). What comes of it shows what
network and search solve together, not what the network can do alone.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from hrm.inference.attempts import Attempt, Heard, Recorder, Thoughts, think_a_segment
from hrm.models.batch import to_inputs
from hrm.models.network import Network
from hrm.tasks.grid import IGNORE, Cells
from hrm.tasks.task import Task

SEGMENTS_A_GUESS = 2
"""Of 40 of the hardest Sudokus, 300 segments solve 0.925 with two a guess and 0.775 with one
(docs/log.md)."""
SURE = 0.7
"""A belief above this counts as the network's word. Of the same 40, 0.65 solves 0.775, and 0.8
solves 0.50."""


class Search:
    """The guesses about one puzzle.

    Args:
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
    """

    def __init__(self, task: Task, puzzle: Cells):
        self.task, self.puzzle = task, puzzle
        """With the guesses filled in."""
        self.guess_cnt = 0
        self._start, self._sure = puzzle, SURE
        self._untried: list[list[Cells]] = []
        """For each guess that stands, the puzzle with the cell's other codes, likeliest last."""

    def step(self, belief: NDArray[np.floating]) -> None:
        """Guess, or take a guess back.

        Args:
            belief: ``(R, C, V)`` the network's probability of each code.
        """
        self.guess_cnt += 1
        options = [] if self._untried and self._contradicts(belief) else self._options(belief)
        self._untried.append(options)
        while self._untried and not self._untried[-1]:
            self._untried.pop()
        if self._untried:
            self.puzzle = self._untried[-1].pop()
        else:
            # All was tried, so the network was sure of something wrong. Begin again, and believe
            # it less.
            self.puzzle, self._sure = self._start, (1 + self._sure) / 2

    def _contradicts(self, belief: NDArray[np.floating]) -> bool:
        """Whether what is filled in, with what the network is sure of, is a dead end."""
        sure = (self.puzzle == self.task.open_code) & (belief.max(axis=-1) > self._sure)
        filled = np.where(sure, belief.argmax(axis=-1), self.puzzle).astype(np.uint8)
        return bool(self.task.dead_ends(filled[None])[0])

    def _options(self, belief: NDArray[np.floating]) -> list[Cells]:
        """The puzzle with a cell filled in, by each code that is no dead end; the likeliest last.

        The cell is one of which the network is not sure, but hardly doubts that it is one of two
        codes.
        """
        is_open = self.puzzle == self.task.open_code
        if not is_open.any():
            return []
        second, first = np.moveaxis(np.sort(belief, axis=-1)[..., -2:], -1, 0)
        one_of_two = np.where(is_open, first + second - (first > self._sure), -1)
        row, column = divmod(int(one_of_two.argmax()), is_open.shape[1])
        filled = np.repeat(self.puzzle[None], belief.shape[-1], axis=0)
        filled[:, row, column] = belief[row, column].argsort(kind="stable")
        still_open = filled[:, row, column] == self.task.open_code
        return list(filled[~still_open & ~self.task.dead_ends(filled)])


def attempt(
    model: Network,
    task: Task,
    puzzles: Cells,
    puzzle_ids: NDArray[np.int64] | None,
    most_guesses: int,
    watch: bool,
    heard: Heard,
) -> Thoughts:
    """One attempt at each puzzle of a batch, until it is solved.

    Args:
        model: thinks; in evaluation mode.
        task: of the puzzles, of their shape; one that `completes`.
        puzzles: ``(B, R, C)`` codes.
        puzzle_ids: ``(B,)`` their identifiers; None: they have none.
        most_guesses: about each, among them those that are taken back.
        watch: keep the frames of the first puzzle.
        heard: called after each look.
    """
    shape, device = task.shape_of(puzzles), next(model.parameters()).device
    searches = [Search(task, puzzle) for puzzle in puzzles]
    state = model.initial_state(len(puzzles), shape)
    recorder = Recorder(model, Attempt(task.symmetries[0]), shape) if watch else None
    if recorder:
        recorder.add(state)
    answers = np.full_like(puzzles, IGNORE)
    segments = np.zeros(len(puzzles), dtype=np.int64)
    done = np.zeros(len(puzzles), dtype=bool)
    active = np.arange(len(puzzles))
    while len(active):
        shown = np.stack([searches[i].puzzle for i in active])
        inputs = to_inputs(shown, None if puzzle_ids is None else puzzle_ids[active], device)
        for _ in range(SEGMENTS_A_GUESS):
            state, output = think_a_segment(model, state, inputs, recorder)
        segments[active] += SEGMENTS_A_GUESS
        belief = output.logits.float().softmax(-1).unflatten(1, shape).cpu().numpy()
        found = belief.argmax(axis=-1).astype(np.uint8)
        answers[active] = task.restore(shown, found)
        done[active] = task.check(puzzles[active], answers[active])
        for i, own in zip(active, belief, strict=True):
            if not done[i]:
                searches[i].step(own)
        going_on = [not done[i] and searches[i].guess_cnt <= most_guesses for i in active]
        active, state = active[going_on], state.of(torch.tensor(going_on, device=device))
        heard(int(segments.max()), len(active))
    frames = recorder.frames if recorder else []
    if frames:  # what is shown last is what is returned
        frames[-1] = replace(frames[-1], predicted=answers[0])
    return Thoughts(answers, done, segments, np.ones(len(puzzles), dtype=np.int64), frames)
