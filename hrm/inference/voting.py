"""Questions that were answered under several views: the answer that most views gave wins."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from hrm.tasks.supply import Ballot

ATTEMPTS = (1, 2)
"""How many answers to a question may be given, as in ARC."""

Tally = dict[bytes, list[Ballot]]
"""The ballots of a question, by the answer that they are for; in the order of the first ones."""


def shares(ballots: Sequence[Ballot]) -> dict[str, float]:
    """The share of questions of which one of the first answers is right.

    Answers are ranked by their number of votes; of equally many, by the mean confidence of their
    voters, then the earliest first. Where a network gives confidences, they are also ranked by
    these alone (`…_by_q`). A group's share is the mean over its questions; what is returned is the
    mean over groups.

    Args:
        ballots: of all views of all questions; none give no shares.
    """
    if not ballots:
        return {}
    questions: dict[tuple[int, bytes], Tally] = defaultdict(lambda: defaultdict(list))
    for ballot in ballots:
        questions[ballot.group, ballot.question][ballot.answer].append(ballot)
    found = _shares(questions, lambda votes: (len(votes), *_confidence(votes)), "")
    if any(ballot.confidence for ballot in ballots):
        found |= _shares(questions, _confidence, "_by_q")
    return found


def _shares(
    questions: dict[tuple[int, bytes], Tally],
    rank: Callable[[list[Ballot]], tuple[float, ...]],
    suffix: str,
) -> dict[str, float]:
    groups: dict[int, list[list[bool]]] = defaultdict(list)
    for (group, _), tally in questions.items():
        ranked = sorted(tally.values(), key=rank, reverse=True)  # keeps the order of equals
        right = [votes[0].right for votes in ranked]
        groups[group].append([any(right[:most]) for most in ATTEMPTS])
    means = np.mean([np.mean(own, axis=0) for own in groups.values()], axis=0)
    return {f"pass_{most}{suffix}": float(m) for most, m in zip(ATTEMPTS, means, strict=True)}


def _confidence(votes: list[Ballot]) -> tuple[float]:
    return (float(np.mean([ballot.confidence for ballot in votes])),)
