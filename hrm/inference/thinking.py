"""Thinking for as long as it takes: who is done after a segment, further attempts, whom to believe.

A *rule* looks at the answers after each segment and says which boards are done; those leave the
batch, so easy boards cost less. An *attempt* is one way to begin: with the board as it is, under
another of the square's eight symmetries, or from a noisy initial state. Where answers can be
checked, attempts are made until one checks out; where they cannot, all are made and they vote.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm.distributed import boards_at_a_time
from hrm.inference.evaluation import to_boards, to_tokens
from hrm.models.hrm import HRM, State
from hrm.tasks.boardpath.boards import (
    FLOOR,
    PATH,
    UNREACHABLE,
    VOCAB_SIZE,
    Boards,
    shortest_lengths,
    solved,
    turn,
    turn_back,
)

MAX_SEGMENTS = 32
PATIENCE = 2
BATCHES_TOGETHER = 16
NOISE = 1.0
"""Standard deviation of what a restart adds to each number of the initial state."""

Until = Literal["fixed", "settled", "solved"]

Rule = Callable[[Boards, Boards, NDArray[np.int64]], NDArray[np.bool_]]
"""Which boards are done: from ``(B, N, N)`` boards, their answers after this segment, and for how
many segments in a row each answer has stood unchanged."""


def never(boards: Boards, answers: Boards, unchanged: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The rule of a fixed think time."""
    return np.zeros(len(boards), dtype=bool)


def checks_out(boards: Boards, answers: Boards, unchanged: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Done when the answer is a shortest path, by an exact check against the board.

    Nothing can check out on a board without a path, so that one is done at once.
    """
    return solved(boards, answers) | (shortest_lengths(boards) == UNREACHABLE)


def settled(patience: int) -> Rule:
    """Done when the answer has not changed for `patience` segments; needs no checker."""
    return lambda boards, answers, unchanged: unchanged >= patience


@dataclass(frozen=True)
class Thinking:
    """How to think about a board."""

    until: Until = "fixed"
    """`fixed`: all of `max_segments`. `settled`: until the answer has stood unchanged for
    `patience` segments. `solved`: until it checks out."""
    max_segments: int = MAX_SEGMENTS
    """Of each attempt, at most."""
    patience: int = PATIENCE
    symmetries: bool = False
    """Attempt the board under the other seven symmetries too."""
    restarts: int = 0
    """Further attempts, from noisy initial states."""
    seed: int = 0
    """Names the noise."""

    @property
    def rule(self) -> Rule:
        """Who is done."""
        rules = {"fixed": never, "settled": settled(self.patience), "solved": checks_out}
        return rules[self.until]

    @property
    def attempts(self) -> list["Attempt"]:
        """In the order in which they are made; the first is the plain one."""
        return [
            *(Attempt(symmetry=which) for which in range(8 if self.symmetries else 1)),
            *(Attempt(restart=n, seed=self.seed) for n in range(1, self.restarts + 1)),
        ]


def plan(
    own_segments: int,
    segments: int | None = None,
    until: Until = "fixed",
    max_segments: int | None = None,
    patience: int | None = None,
    symmetries: bool = False,
    restarts: int = 0,
    seed: int = 0,
) -> Thinking:
    """What a caller asks for, checked.

    Args:
        own_segments: a fixed think time where nothing else is said: the model's.
        segments: a fixed think time.
        until: see `Thinking`, as for all that follow.
        max_segments: how long an attempt may take, unless its time is fixed.
        patience: for `until="settled"`.
        symmetries: more attempts.
        restarts: more attempts.
        seed: of the restarts' noise.

    Raises:
        ValueError: if the wishes do not go together, naming the one at fault.
    """
    if until not in get_args(Until):
        raise ValueError(f"until: {until!r}; choose from {', '.join(get_args(Until))}")
    if until == "fixed" and max_segments is not None:
        raise ValueError("max_segments: needs until=settled or solved; a fixed time is segments")
    if until != "fixed" and segments is not None:
        raise ValueError(f"segments: is a fixed time; with until={until} give max_segments")
    if until != "settled" and patience is not None:
        raise ValueError("patience: needs until=settled")
    wishes = {"segments": segments, "max_segments": max_segments, "patience": patience}
    for name, value in wishes.items():
        if value is not None and value < 1:
            raise ValueError(f"{name}: {value}; give 1 or more")
    if restarts < 0:
        raise ValueError(f"restarts: {restarts}; give 0 or more")
    longest = (segments or own_segments) if until == "fixed" else (max_segments or MAX_SEGMENTS)
    return Thinking(until, longest, patience or PATIENCE, symmetries, restarts, seed)


@dataclass(frozen=True)
class Attempt:
    """One way to begin thinking about a board."""

    symmetry: int = 0
    """Which of the square's symmetries to see the board under, from 0 to 7; see `boards.turn`."""
    restart: int = 0
    """0: from the model's initial state. Otherwise the number of the noise that is added to it."""
    seed: int = 0

    def initial_state(self, model: HRM, boards: Boards) -> State:
        """To begin with. A board's noise depends on itself, `restart` and `seed` alone."""
        state = model.initial_state(len(boards), boards.shape[1])
        if not self.restart:
            return state
        zH = state.zH + self._noise(boards, state.zH, "zH")
        zL = None if state.zL is None else state.zL + self._noise(boards, state.zL, "zL")
        return State(zH, zL)

    def _noise(self, boards: Boards, state: Tensor, name: str) -> Tensor:
        noise = []
        for board in boards:
            key = f"{self.seed} {self.restart} {name} ".encode() + board.tobytes()
            number = int.from_bytes(hashlib.sha256(key).digest()[:8], "little")
            random = torch.Generator().manual_seed(number)
            noise.append(torch.randn(state.shape[1:], generator=random))
        return NOISE * torch.stack(noise).to(state)


@dataclass(frozen=True, eq=False)
class Thoughts:
    """What came of thinking about some boards; one entry a board."""

    answers: Boards
    """``(B, N, N)`` codes."""
    done: NDArray[np.bool_]
    """Whether the rule was ever content; with a fixed time it never is."""
    segments: NDArray[np.int64]
    """Thought for, all attempts together."""
    attempts: NDArray[np.int64]
    """Made."""


def boards_together(device: torch.device, board_size: int) -> int:
    """How many boards to think about together: those that need longer fill whole batches again."""
    return BATCHES_TOGETHER * boards_at_a_time(device, board_size)


def think(model: HRM, boards: Boards, thinking: Thinking) -> Thoughts:
    """Think about a batch of boards.

    Args:
        model: in evaluation mode.
        boards: ``(B, N, N)`` codes of a size that the model works on.
        thinking: how.
    """
    first, *others = thinking.attempts
    thoughts = _attempt(model, boards, thinking, first)
    if thinking.until != "solved":
        return vote(boards, [thoughts, *(_attempt(model, boards, thinking, o) for o in others)])
    for other in others:
        left = np.flatnonzero(~thoughts.done)
        if len(left):
            more = _attempt(model, boards[left], thinking, other)
            thoughts.answers[left[more.done]] = more.answers[more.done]
            thoughts.done[left] = more.done
            thoughts.segments[left] += more.segments
            thoughts.attempts[left] += 1
    return thoughts


@torch.inference_mode()
def _attempt(model: HRM, boards: Boards, thinking: Thinking, how: Attempt) -> Thoughts:
    """One attempt at each board of a batch; boards that are done leave it."""
    views = turn(boards, how.symmetry)
    tokens = to_tokens(views, next(model.parameters()).device)
    state = how.initial_state(model, views)
    answers = np.full_like(boards, VOCAB_SIZE)  # equal to no answer
    segments = np.zeros(len(boards), dtype=np.int64)
    done = np.zeros(len(boards), dtype=bool)
    unchanged = np.zeros(len(boards), dtype=np.int64)
    active = np.arange(len(boards))
    for segment in range(1, thinking.max_segments + 1):
        state, logits = _segment(model, state, tokens)
        new = turn_back(to_boards(logits.argmax(-1)), how.symmetry)
        same = (new == answers[active]).all(axis=(1, 2))
        unchanged[active] = np.where(same, unchanged[active] + 1, 0)
        answers[active], segments[active] = new, segment
        finished = thinking.rule(boards[active], new, unchanged[active])
        done[active] = finished
        if finished.any():
            staying = torch.from_numpy(~finished).to(tokens.device)
            active, tokens, state = active[~finished], tokens[staying], state.of(staying)
        if not len(active):
            break
    return Thoughts(answers, done, segments, np.ones(len(boards), dtype=np.int64))


def _segment(model: HRM, state: State, tokens: Tensor) -> tuple[State, Tensor]:
    """One segment of many boards, in batches that fit the cache."""
    size = boards_at_a_time(tokens.device, math.isqrt(tokens.shape[1]))
    states, logits = zip(*map(model, state.split(size), tokens.split(size)), strict=True)
    return State.join(states), torch.cat(logits)


def vote(boards: Boards, ballots: Sequence[Thoughts]) -> Thoughts:
    """The answer that most attempts gave, of equally many the earliest attempt's.

    Each votes for a whole answer, not cell by cell: two different shortest paths mixed are none.
    Where attempts differ in cells that no path may change, they count as equal, for a board that is
    voted on keeps its walls, start and end. A single attempt's answer is left as it is.
    """
    if len(ballots) == 1:
        return ballots[0]
    answers = np.stack([_lawful(boards, ballot.answers) for ballot in ballots])
    # (A, A, B): whether two attempts gave the same answer; (A, B): how many agree with each.
    agree = (answers[:, None] == answers[None]).all(axis=(3, 4))
    winners = agree.sum(axis=0).argmax(axis=0)
    return Thoughts(
        answers=answers[winners, np.arange(len(boards))],
        done=np.any([ballot.done for ballot in ballots], axis=0),
        segments=np.sum([ballot.segments for ballot in ballots], axis=0),
        attempts=np.sum([ballot.attempts for ballot in ballots], axis=0),
    )


def _lawful(boards: Boards, answers: Boards) -> Boards:
    """The boards with nothing changed but floor that is path in the answers."""
    return np.where((boards == FLOOR) & (answers == PATH), np.uint8(PATH), boards)
