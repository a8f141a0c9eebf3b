"""Whose code runs: a folder that somebody made and sent must not decide what runs here.

A task of one's own is code. A model folder and a run's config name it, and it is loaded from where
the user keeps it; never from within a model folder or a run folder, unless the user says so.
"""

from pathlib import Path

from hrm.models.hub import WEIGHTS
from hrm.tasks import registry


def came_with(name: str) -> Path | None:
    """The model folder or run folder in which the code of a task stands; None: it stands in none.

    Nothing is run to find out.

    Args:
        name: of the task.
    """
    for place in registry.places_of(name):
        for path in (place.absolute(), place.resolve()):
            for folder in (path, *path.parents):
                if any((inside / WEIGHTS).exists() for inside in _places_of_weights(folder)):
                    return folder
    return None


def require_own(name: str, remedy: str = "move it elsewhere") -> None:
    """Refuse a task whose code came with a model.

    Raises:
        ValueError: naming the folder.
    """
    if folder := came_with(name):
        raise ValueError(
            f"task {name}: stands in the model folder {folder}, and a task is never loaded from"
            f" there by itself; {remedy}"
        )


def _places_of_weights(folder: Path) -> list[Path]:
    return [folder, folder / "checkpoints" / "best", folder / "checkpoints" / "last"]
