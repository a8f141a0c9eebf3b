"""Thinking for as long as it takes: attempts, who is done after a segment, and whom to believe.

An *attempt* is one way to begin: with the puzzle as it is, under another of its symmetries, or from
a noisy initial state. Puzzles that are done (see `halting`) leave the batch, so easy ones cost
less. Where answers can be checked, attempts are made until one is right; where they cannot, all
are made and they vote.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from hrm.inference import attempts, guessing, halting
from hrm.inference.attempts import Attempt, Limits, Thoughts
from hrm.inference.models import thinking_mode
from hrm.machine import puzzles_at_a_time
from hrm.models.network import Network
from hrm.randomness import Numbers, Purpose
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task

MAX_SEGMENTS = 32
"""Longer thinking gains hardly anything: until solved, `boardpath-20x20` solves 0.984 of 1,000
boards within 16 segments and 0.985 within 32 (docs/thinking.md)."""
PATIENCE = 2
"""Three equal answers in a row: `boardpath-10x10` then solves 0.998 of 1,000 boards in 3.03
segments (docs/thinking.md)."""
MOST_SYMMETRIES = 8
"""Views of a puzzle that `symmetries` tries: all of a square's, some of a Sudoku's billions."""
BATCHES_TOGETHER = 16
"""Batches whose puzzles are thought about together: with 16, puzzles that need longer fill whole
batches again, and solving 10×10 boards until solved went from 173 to 300 boards a second."""

Until = Literal["fixed", "settled", "solved", "halted"]


class Stage(NamedTuple):
    """How far the thinking about some puzzles has come."""

    attempt: int
    """From 1."""
    attempts: int
    """That may be made."""
    segment: int
    """Of this attempt."""
    segments: int | None
    """That it may take; None: guesses limit it."""
    left: int
    """Puzzles that are thought about still."""


OnSegment = Callable[[Stage], None]
"""Called after each segment."""


@dataclass(frozen=True)
class Thinking:
    """How to think about a puzzle."""

    until: Until = "fixed"
    """`fixed`: all of `max_segments`. `settled`: until the answer has stood unchanged for
    `patience` segments. `solved`: until it is right, by the task's checker. `halted`: until the
    network says that it is done."""
    max_segments: int = MAX_SEGMENTS
    """Of each attempt, at most."""
    patience: int | None = None
    """Of `settled`; None: `PATIENCE`. Of `solved`: an attempt whose answer has stood unchanged for
    so many segments is given up; None: it goes on."""
    symmetries: bool = False
    """Attempt the puzzle under other symmetries too."""
    restarts: int = 0
    """Further attempts, from noisy initial states."""
    noise_seed: int = 0
    """Names the noise."""
    guesses: int = 0
    """Of a last attempt, which may guess so often; 0: no such attempt. See `guessing`."""

    @staticmethod
    def of(
        own_segments: int,
        segments: int | None = None,
        until: str = "fixed",
        max_segments: int | None = None,
        patience: int | None = None,
        symmetries: bool = False,
        restarts: int = 0,
        noise_seed: int = 0,
        guesses: int = 0,
    ) -> "Thinking":
        """What a caller asks for, checked.

        Args:
            own_segments: a fixed think time where nothing else is said: the model's.
            segments: a fixed think time.
            until: see `Thinking`, as for all that follow.
            max_segments: how long an attempt may take, unless its time is fixed.
            patience: for `until="settled"` or `"solved"`.
            symmetries: more attempts.
            restarts: more attempts.
            noise_seed: of the restarts.
            guesses: of one more attempt; for `until="solved"`.

        Raises:
            ValueError: if they do not go together, naming the one at fault.
        """
        if until not in get_args(Until):
            raise ValueError(f"until: {until!r}; choose from {', '.join(get_args(Until))}")
        if until == "fixed" and max_segments is not None:
            raise ValueError(
                "max_segments: needs until=settled, solved or halted; a fixed time is segments"
            )
        if until != "fixed" and segments is not None:
            raise ValueError(f"segments: is a fixed time; with until={until} give max_segments")
        if until not in ("settled", "solved") and patience is not None:
            raise ValueError("patience: needs until=settled or solved")
        counts = {"segments": segments, "max_segments": max_segments, "patience": patience}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value}; give 1 or more")
        for name, value in {"restarts": restarts, "guesses": guesses}.items():
            if value < 0:
                raise ValueError(f"{name}: {value}; give 0 or more")
        if guesses and until != "solved":
            raise ValueError("guesses: need until=solved; only a check tells wrong guesses")
        usual = MAX_SEGMENTS if until in ("settled", "solved") else own_segments
        longest = segments or max_segments or usual
        how = cast(Until, until)
        return Thinking(how, longest, patience, symmetries, restarts, noise_seed, guesses)

    def rule(self, task: Task, model: Network) -> halting.Rule:
        """Who is done.

        Raises:
            ValueError: if it is for the network to say, and it has no head for that; if there is
                nothing to guess.
        """
        if self.guesses and not task.completes:
            raise ValueError(
                "guesses: an answer to this puzzle does not fill in open cells, so there is none to"
                " guess; leave it out, or take restarts"
            )
        if self.until == "solved":
            return halting.solved(task)
        if self.until == "settled":
            return halting.settled(self.patience or PATIENCE)
        if self.until == "halted":
            require_halting(model)
            return halting.learned(model.config.q_continue)
        return halting.fixed(self.max_segments)

    @property
    def limits(self) -> Limits:
        """When an attempt at a puzzle that is not done ends."""
        return Limits(self.max_segments, self.patience if self.until == "solved" else None)

    def attempts(self, task: Task) -> "list[Attempt]":
        """In the order in which they are made; the first is the plain one."""
        every = task.symmetries
        chosen = range(min(len(every), MOST_SYMMETRIES if self.symmetries else 1))
        if self.symmetries and len(every) > MOST_SYMMETRIES:
            others = Numbers(self.noise_seed, Purpose.SYMMETRY).below(len(every), len(chosen) - 1)
            chosen = [0, *map(int, others)]
        return [
            *(Attempt(every[which], plain=which == 0) for which in chosen),
            *(
                Attempt(every[0], restart=n, seed=self.noise_seed)
                for n in range(1, self.restarts + 1)
            ),
        ]


def require_halting(model: Network) -> None:
    """Refuse a network that does not say when it is done.

    Raises:
        ValueError: naming the network.
    """
    if not says_when(model):
        raise ValueError(
            f"until: halted needs a network that says when it is done, and {model.config.network}"
            " does not; use settled or solved"
        )


def says_when(model: Network) -> bool:
    """Whether a network has a head that says when it is done."""
    return hasattr(model.config, "q_continue")


def puzzles_together(device: torch.device, cell_cnt: int) -> int:
    """How many puzzles to think about together."""
    return BATCHES_TOGETHER * puzzles_at_a_time(device, cell_cnt)


def think(
    model: Network,
    task: Task,
    puzzles: Cells,
    thinking: Thinking,
    hopeless: NDArray[np.bool_] | None = None,
    watch: bool = False,
    puzzle_ids: NDArray[np.int64] | None = None,
    on_segment: OnSegment | None = None,
) -> Thoughts:
    """Think about a batch of puzzles.

    Args:
        model: left in the mode in which it was.
        task: of the puzzles, of their shape.
        puzzles: ``(B, R, C)`` codes of a shape that the model works on.
        thinking: how.
        hopeless: ``(B,)`` puzzles without a solution, which need no second segment where answers
            are checked; None: there is none.
        watch: keep the frames; of a single puzzle.
        puzzle_ids: ``(B,)`` the puzzles' identifiers; None: they have none.
        on_segment: called after each segment.

    Raises:
        ValueError: if puzzles with identifiers are to be seen under symmetries.
    """
    if thinking.symmetries and puzzle_ids is not None and puzzle_ids.any():
        raise ValueError(
            "symmetries: these puzzles have identifiers, and a view of one would need another;"
            " leave it out, or take restarts"
        )
    hopeless = np.zeros(len(puzzles), dtype=bool) if hopeless is None else hopeless

    model, rule = model.on(task.grid), thinking.rule(task, model)
    every, limits = thinking.attempts(task), thinking.limits
    attempt_cnt = len(every) + bool(thinking.guesses)
    tell = on_segment or (lambda stage: None)

    def heard(number: int, limit: int | None) -> attempts.Heard:
        return lambda segment, left: tell(Stage(number, attempt_cnt, segment, limit, left))

    def ids_of(which: NDArray[np.int64]) -> NDArray[np.int64] | None:
        return None if puzzle_ids is None else puzzle_ids[which]

    def attempt(number: int, which: NDArray[np.int64]) -> Thoughts:
        own = puzzles[which], ids_of(which), every[number - 1], rule, limits, hopeless[which]
        return attempts.attempt(model, task, *own, watch, heard(number, limits.segments))

    everyone = np.arange(len(puzzles))
    with thinking_mode(model):
        thoughts = attempt(1, everyone)
        others = range(2, len(every) + 1)
        if thinking.until != "solved":
            return vote(task, puzzles, [thoughts, *(attempt(n, everyone) for n in others)])
        for number in others:
            left = np.flatnonzero(~thoughts.done)
            if len(left):
                _add(thoughts, left, attempt(number, left))
        left = np.flatnonzero(~thoughts.done)
        if thinking.guesses and len(left):
            own = puzzles[left], ids_of(left), thinking.guesses
            more = guessing.attempt(model, task, *own, watch, heard(attempt_cnt, None))
            _add(thoughts, left, more)
        return thoughts


def _add(thoughts: Thoughts, left: NDArray[np.int64], more: Thoughts) -> None:
    """A further attempt at those that were left; it counts where it was the right one."""
    thoughts.answers[left[more.done]] = more.answers[more.done]
    thoughts.done[left] = more.done
    thoughts.segments[left] += more.segments
    thoughts.attempts[left] += 1
    if more.done.any():
        thoughts.frames[:] = more.frames


def vote(task: Task, puzzles: Cells, ballots: Sequence[Thoughts]) -> Thoughts:
    """The answer that most attempts gave, of equally many the earliest attempt's.

    Each votes for a whole answer, not cell by cell, because a mixture of two right answers is not
    right: after one segment, eight symmetries solve .292 of 500 boards cell by cell, and .998 with
    whole answers (docs/log.md). What no answer may change counts as unchanged. The answer of a
    single attempt is left as it is.
    """
    if len(ballots) == 1:
        return ballots[0]
    answers = np.stack([task.restore(puzzles, ballot.answers) for ballot in ballots])
    winners = np.array([_winner(answers[:, i]) for i in range(len(puzzles))])
    won = answers[winners, np.arange(len(puzzles))]
    frames = ballots[winners[0]].frames if len(winners) else []
    return Thoughts(
        answers=won,
        done=np.any([ballot.done for ballot in ballots], axis=0),
        segments=np.sum([ballot.segments for ballot in ballots], axis=0),
        attempts=np.sum([ballot.attempts for ballot in ballots], axis=0),
        # What is shown last is what is returned.
        frames=[*frames[:-1], replace(frames[-1], predicted=won[0])] if frames else [],
    )


def _winner(answers: Cells) -> int:
    """The number of the attempt whose answer most gave; of equals the first."""
    contents = [answer.tobytes() for answer in answers]
    counts = Counter(contents)
    return max(range(len(contents)), key=lambda i: counts[contents[i]])
