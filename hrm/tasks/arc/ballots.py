"""The votes of answers to ARC's questions: the view of each answer is undone."""

from collections.abc import Callable, Sequence

import numpy as np

from hrm.tasks.arc.grids import grid_at, place_of
from hrm.tasks.arc.views import View
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells
from hrm.tasks.supply import Ballot

ViewOf = Callable[[int], tuple[int, View]]
"""Gives the number of the task and the view that a puzzle identifier stands for."""


def ballots(examples: Examples, answers: Cells, view_of: ViewOf) -> list[Ballot]:
    """The grid of each answer, seen plainly again."""
    ids = np.zeros(len(answers), int) if examples.puzzle_ids is None else examples.puzzle_ids
    found = []
    for i, identifier in enumerate(ids):
        group, view = view_of(int(identifier))
        place = place_of(examples.inputs[i])
        canvases = (examples.inputs[i], examples.answers[i], answers[i])
        question, label, answer = (view.undo(grid_at(cells, place)) for cells in canvases)
        named = group.to_bytes(4, "little", signed=True) + _named(question)
        found.append(Ballot(group, named, _named(answer), same(label, answer)))
    return found


def by_names(names: Sequence[str]) -> ViewOf | None:
    """The views that published names of identifiers stand for; None where no name is one of a view.

    Args:
        names: of the identifiers, as in `identifiers.json`.
    """
    if not any(View.named(name)[1] != View() for name in names):
        return None
    numbers = {task: i for i, task in enumerate(dict.fromkeys(View.named(n)[0] for n in names))}

    def view_of(identifier: int) -> tuple[int, View]:
        task, view = View.named(names[identifier])
        return numbers[task], view

    return view_of


def same(label: Cells, answer: Cells) -> bool:
    """Whether two grids are the same; a label without a grid is like none."""
    return bool(label.size) and np.array_equal(label, answer)


def _named(grid: Cells) -> bytes:
    return bytes(grid.shape) + grid.tobytes()
