"""Tasks by name: those that come with hrm, and one's own in a file or an installed package."""

import difflib
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from hrm.errors import OWN_MODULE, in_one_line
from hrm.tasks.settings import OF_A_RUN, TaskSettings
from hrm.tasks.task import Task

BUILT_IN = {
    "arc": "hrm.tasks.arc.task:Arc",
    "boardpath": "hrm.tasks.boardpath.task:BoardPath",
    "folder": "hrm.tasks.folder.task:Folder",
    "maze": "hrm.tasks.maze.task:Maze",
    "sudoku": "hrm.tasks.sudoku.task:Sudoku",
}
"""Where each task that comes with hrm is."""

DEFAULT = "boardpath"
"""The task of a config that names none."""


def task_class(name: str) -> type[Task]:
    """The task of a name: one in `BUILT_IN`, FILE.py:Class, or package.module:Class.

    Raises:
        ValueError: naming what was looked for, and the nearest name.
    """
    address = BUILT_IN.get(name, name)
    place, colon, attribute = address.rpartition(":")
    if not colon and name.endswith(".py"):
        raise ValueError(f"name: {name}: which task of it? {_tasks_of(_file(name), name)}")
    if not colon:
        raise ValueError(f"name: {name}: unknown task; {_guess(name)}")
    module = _file(place) if place.endswith(".py") else _module(place)
    found = getattr(module, attribute, None)
    if not (isinstance(found, type) and issubclass(found, Task)) or found is Task:
        raise ValueError(
            f"name: {place} has no task {attribute}; {_tasks_of(module, place, attribute)}"
        )
    if not (isinstance(found.Config, type) and issubclass(found.Config, TaskSettings)):
        raise ValueError(
            f"name: {name}: its Config does not derive from Task.Config; write"
            " `class Config(Task.Config):`"
        )
    return found


def read_settings(values: dict[str, Any]) -> TaskSettings:
    """The settings of a task from plain values, such as the section `task` of a config.

    Raises:
        pydantic.ValidationError: (a ValueError) with every key at fault.
        ValueError: if there is no such task.
    """
    name = values.get("name", DEFAULT)
    if not isinstance(name, str):
        raise ValueError(f"name: expected the name of a task, got {name!r}")
    name = name or DEFAULT
    return task_class(name).Config.model_validate({**values, "name": name})


def make(settings: TaskSettings) -> Task:
    """The task that the settings are of."""
    return task_class(settings.name or DEFAULT)(settings)


def default_task(side: int | None = None) -> Task:
    """The task of those who name none, with so many cells on a side; by default its own number.

    Raises:
        ValueError: if there are no such puzzles.
    """
    settings = read_settings({})
    return make(settings if side is None else settings.with_shape((side, side)))


def describe(settings: TaskSettings) -> dict[str, Any]:
    """What a model folder says of its task: its name and what kind of puzzle it is, without what is
    of one run only, and without the folders of this machine."""
    left_out = {*OF_A_RUN, *settings.paths}
    kept = {k: v for k, v in settings.model_dump().items() if k not in left_out}
    place, _, attribute = settings.name.rpartition(":")
    if os.path.isabs(place):
        kept["name"] = f"{os.path.basename(place)}:{attribute}"
    return kept


def with_absolute_paths(settings: TaskSettings) -> TaskSettings:
    """The settings with the absolute paths of the task's own file and of all that its keys name, by
    which a run is gone on with from any folder."""
    named = {key: getattr(settings, key) for key in settings.paths}
    changes = {key: os.path.abspath(path) for key, path in named.items() if path}
    place, _, attribute = settings.name.rpartition(":")
    if place.endswith(".py"):
        changes["name"] = f"{os.path.abspath(place)}:{attribute}"
    return settings.model_copy(update=changes)


def with_places_of(settings: TaskSettings, run: TaskSettings) -> TaskSettings:
    """The settings of a model with the places that the run it stands in names, where they are still
    there; not those of the puzzles of one run."""
    if type(settings) is not type(run):
        return settings
    named = {key: getattr(run, key) for key in run.paths if key not in OF_A_RUN}
    there = {key: path for key, path in named.items() if path and os.path.exists(path)}
    return settings.model_copy(update=there)


def is_file_of_ones_own(name: str) -> bool:
    """Whether a task's name is of the form FILE.py:Class."""
    return name.rpartition(":")[0].endswith(".py")


def places_of(name: str) -> list[Path]:
    """Where the code of a task stands, found without running any of it; empty: it comes with hrm,
    or it is nowhere."""
    place = name.rpartition(":")[0]
    if name in BUILT_IN or not place:
        return []
    if place.endswith(".py"):
        return [Path(place)]
    top, *within = place.split(".")
    try:
        spec = PathFinder.find_spec(top)
    except (ImportError, ValueError):
        return []
    found = (spec.submodule_search_locations or [spec.origin]) if spec else []
    return [Path(location, *within) for location in found if location]


def _guess(name: str) -> str:
    close = difflib.get_close_matches(name, BUILT_IN, n=1)
    if close:
        return f"perhaps you meant {close[0]}"
    return f"there are {', '.join(BUILT_IN)}; your own are FILE.py:Class"


def _file(place: str) -> ModuleType:
    """A Python file as a module, once for each of its contents."""
    path = Path(place).absolute()
    if not path.is_file():
        raise ValueError(f"name: {place}: no such file; name the task FILE.py:Class")
    digest = hashlib.sha256(str(path).encode() + b"\0" + path.read_bytes()).hexdigest()[:16]
    name = f"{OWN_MODULE}{digest}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ValueError(f"name: {_where(error, path)}") from None
    return sys.modules[name]


def _module(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise ValueError(f"name: {place}: cannot be imported: {error}") from None


def _where(error: Exception, path: Path) -> str:
    """The error of a user's file in one line."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    place = line or (lines[-1] if lines else 1)
    return f"{path.name}: line {place}: {in_one_line(error)}"


def _tasks_of(module: ModuleType, place: str, name: str = "") -> str:
    """The tasks that a module defines, the nearest to a name first."""
    there = [n for n, v in vars(module).items() if _is_own_task(v, module)]
    there.sort(key=lambda n: -difflib.SequenceMatcher(None, n.lower(), name.lower()).ratio())
    return f"it has {', '.join(f'{place}:{n}' for n in there)}" if there else "it has none"


def _is_own_task(value: Any, module: ModuleType) -> bool:
    own = isinstance(value, type) and issubclass(value, Task) and value is not Task
    return own and value.__module__ == module.__name__
