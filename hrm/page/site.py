"""What the page consists of: its own files, and the model folders that it shows.

`static/` is the page. It is plain HTML, CSS and JavaScript modules; nothing has to be built.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hrm.models.hub import CARD, CONFIG, WEIGHTS, bundled_models, find_model, read_config

STATIC = Path(__file__).parent / "static"

KNOWN_TASKS = ("boardpath", "maze", "sudoku")
"""Puzzles whose rules the page knows, as `static/js/puzzles/registry.js` lists them."""

MODEL_FILES = (CONFIG, WEIGHTS, CARD)
_NEEDED = (CONFIG, WEIGHTS)


class Shown(NamedTuple):
    """A model that the page offers."""

    name: str
    """As the visitor reads it."""
    folder: Path


def shown_models(names: Iterable[str]) -> list[Shown]:
    """The models of the page.

    Args:
        names: bundled names, model or run folders, or hub repositories; none: all that are bundled.

    Raises:
        ValueError: if there is no such model, its files are not all there, or the page does not
            know its puzzles.
    """
    shown: list[Shown] = []
    for given in dict.fromkeys(names) or bundled_models():
        folder = find_model(given)
        for file in _NEEDED:
            if not (folder / file).is_file():
                raise ValueError(f"model {given}: the folder has no {file}")
        _require_known(given, str(read_config(folder).task.get("name")))
        shown.append(Shown(_name_of(given, {model.name for model in shown}), folder))
    return shown


def _require_known(model: str, task: str) -> None:
    if task not in KNOWN_TASKS:
        raise ValueError(
            f"model {model}: solves puzzles of the task {task}, and the page knows the rules of"
            f" {', '.join(KNOWN_TASKS)} only; record a thought with hrm solve --html"
        )


def _name_of(given: str, taken: set[str]) -> str:
    """The last part of a path, or all of it where two are called alike."""
    name = Path(given).name or given
    return given if name in taken else name


def page_files(models: list[Shown]) -> dict[str, Path | bytes]:
    """Every file of the page by its path, such as ``js/main.js``: where it is, or its content."""
    files: dict[str, Path | bytes] = {
        path.relative_to(STATIC).as_posix(): path
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }
    listed = []
    for number, model in enumerate(models):
        # Numbers, because a name may hold what an address may not.
        folder = f"models/{number}"
        listed.append({"name": model.name, "folder": folder})
        for file in MODEL_FILES:
            if (model.folder / file).is_file():
                files[f"{folder}/{file}"] = model.folder / file
    files["models.json"] = json.dumps(listed, indent=2).encode()
    return files


def content_of(file: Path | bytes) -> bytes:
    """What stands in a file of the page."""
    return file.read_bytes() if isinstance(file, Path) else file
