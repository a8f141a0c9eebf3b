"""What puzzles are, in a few bytes: to tell sets apart, and to tell whether they overlap."""

import hashlib
from dataclasses import dataclass

import numpy as np

from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task


def content_hash(puzzles: Cells) -> str:
    """SHA-256 of the puzzles' shape and codes, in order."""
    digest = hashlib.sha256(f"{puzzles.shape[1]}x{puzzles.shape[2]}:".encode())
    digest.update(puzzles.tobytes())
    return digest.hexdigest()


def examples_hash(examples: Examples) -> str:
    """SHA-256 of puzzles and answers, where the answers do not follow from the puzzles; and of
    identifiers, where there are any but the blank one."""
    digest = hashlib.sha256()
    digest.update((content_hash(examples.inputs) + content_hash(examples.answers)).encode())
    if examples.puzzle_ids is not None and examples.puzzle_ids.any():
        digest.update(examples.puzzle_ids.astype("<i8").tobytes())
    return digest.hexdigest()


def contents(puzzles: Cells) -> frozenset[bytes]:
    """Each puzzle as bytes."""
    return frozenset(puzzle.tobytes() for puzzle in puzzles)


@dataclass(frozen=True)
class LeakReport:
    """What two sets of puzzles have in common."""

    counts: tuple[int, int]
    repeats: tuple[int, int]
    """Puzzles of each set that stand in the same set before."""
    shared: int
    """Different puzzles that are in both."""
    shared_up_to_symmetry: int
    """Different puzzles of the second set of which some view is in the first."""


def check_leak(task: Task, first: Cells, second: Cells) -> LeakReport:
    """Compare two sets of puzzles, ``(n, R, C)`` each, of any shapes."""
    one, two = contents(first), contents(second)
    same_shape = first.shape[1:] == second.shape[1:]
    return LeakReport(
        counts=(len(first), len(second)),
        repeats=(len(first) - len(one), len(second) - len(two)),
        shared=len(one & two) if same_shape else 0,
        shared_up_to_symmetry=_shared_classes(task, first, second) if same_shape else 0,
    )


def _shared_classes(task: Task, first: Cells, second: Cells) -> int:
    own = task.of_shape(task.shape_of(first))
    seen = set(own.canonical(first))
    return sum(name in seen for name in own.canonical(np.unique(second, axis=0)))
