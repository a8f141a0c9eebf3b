"""Trying out the symmetries and the structure that a task declares."""

from itertools import pairwise

import numpy as np

from hrm.randomness import Numbers, Purpose
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells, Symmetry
from hrm.tasks.symmetry import orders
from hrm.tasks.task import Task

_VIEWS = 8
"""The first of a task's symmetries, and as many others."""


def try_symmetries(task: Task, examples: Examples) -> str:
    """The view of a puzzle is a puzzle, with the view of the answer as its answer.

    Returns:
        What is good.

    Raises:
        ValueError: with what is not.
    """
    every = task.symmetries
    others = Numbers(0, Purpose.SYMMETRY).below(len(every), _VIEWS)
    chosen = dict.fromkeys([*range(min(len(every), _VIEWS)), *map(int, others)])
    for number in chosen:
        try:
            _try_view(task, examples, every[number], changes=number > 0)
        except ValueError as error:
            raise ValueError(f"number {number}: {error}") from error
    return f"of its {len(every):,} symmetries, the {len(chosen)} that were tried are some"


def try_structure(task: Task, examples: Examples) -> str:
    """Groups are of cells that there are; codes that are interchangeable can be exchanged.

    Returns:
        What is good.

    Raises:
        ValueError: with what is not.
    """
    structure, cell_cnt = task.structure, task.grid.cell_cnt
    for kind, groups in structure.groups.items():
        if any(not 0 <= cell < cell_cnt for group in groups for cell in group):
            raise ValueError(f"groups of {kind!r}: cells are 0 to {cell_cnt - 1}")
        if len({len(group) for group in groups}) > 1:
            raise ValueError(f"groups of {kind!r}: all must be of one size")
    if structure.misnamed:
        kinds = ", ".join(structure.misnamed)
        raise ValueError(f"alike: there are no groups of {kinds}, or they are named twice")
    code_cnt = min(len(task.codes), len(task.answer_codes))
    for codes in structure.interchangeable:
        if any(not 0 <= code < code_cnt for code in codes):
            raise ValueError(f"interchangeable {codes}: codes are 0 to {code_cnt - 1}")
        for pair in pairwise(codes):
            _, exchanged = orders((pair,))
            exchange = Symmetry(lambda cells, to=exchanged: to[cells], lambda cells: cells)
            try:
                _require_answer(task, exchange, examples, same_label=False)
            except ValueError as error:
                raise ValueError(f"interchangeable {codes}: {error}") from error
    said = {"neighbourhood": bool(structure.neighbourhood), **dict.fromkeys(structure.groups, True)}
    said["interchangeable codes"] = bool(structure.interchangeable)
    words = ", ".join(name for name, there in said.items() if there)
    return f"its structure fits: {words or 'it declares none'}"


def _try_view(task: Task, examples: Examples, symmetry: Symmetry, changes: bool) -> None:
    views, turned = symmetry.view(examples.inputs), symmetry.view_answer(examples.answers)
    if not changes and not np.array_equal(views, examples.inputs):
        raise ValueError("changes the puzzle; the first must not")
    for map_, cells, seen in (
        (symmetry.view, examples.inputs, views),
        (symmetry.view_answer, examples.answers, turned),
        (symmetry.undo, turned, symmetry.undo(turned)),
    ):
        _require_cells(cells, seen)
        if not np.array_equal(map_(cells[0]), seen[0]):
            raise ValueError("sees a puzzle alone otherwise than among others; use axes -2 and -1")
    if not np.array_equal(symmetry.undo(turned), examples.answers):
        raise ValueError("undo does not take back what it does to an answer")
    _require_answer(task, symmetry, examples, same_label=not task.relabels)


def _require_cells(cells: Cells, seen: Cells) -> None:
    if seen.dtype != cells.dtype or seen.shape != cells.shape:
        raise ValueError(
            f"makes {seen.dtype} of shape {seen.shape} of {cells.dtype} of {cells.shape}; it must"
            " keep both"
        )


def _require_answer(task: Task, symmetry: Symmetry, examples: Examples, same_label: bool) -> None:
    """The view of an answer is an answer to the view, and where asked for its label."""
    if not _can_answer(task):
        return
    views, turned = symmetry.view(examples.inputs), symmetry.view_answer(examples.answers)
    known = Examples(views, task.answer(views))
    if not task.solves(known, turned).all():
        raise ValueError("the view of an answer is no answer to the view")
    if same_label and not np.array_equal(known.answers, turned):
        raise ValueError(
            "the label of a view is another than the view of the label; set relabels = True"
        )


def _can_answer(task: Task) -> bool:
    own = type(task)
    if task.given("train") is not None:  # of no puzzle but its own
        return False
    return own.answer is not Task.answer or own.answer_one is not Task.answer_one
