"""Run folders: their names, their files, and the lock that lets one process write to them."""

import contextlib
import itertools
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hrm.config.load import load_config, read_sections
from hrm.config.schema import RunConfig
from hrm.data.sets import Dataset
from hrm.files import write_atomic
from hrm.models import trust
from hrm.runs.versions import versions
from hrm.tasks import registry
from hrm.training.metrics import METRICS

CONFIG, VERSIONS, DATA, LOCK = "config.yaml", "versions.json", "data.json", "run.lock"


class FolderTaken(ValueError):
    """A run folder belongs to another run, or another process is at work in it."""


def start_numbered(preset: str, start: Callable[[Path], None]) -> None:
    """Start a run in the first free one of `runs/PRESET`, `runs/PRESET-2`, …

    Args:
        preset: the name to number.
        start: called with a folder; where it raises `FolderTaken`, another process was quicker,
            and the next number is tried.
    """
    for folder in _numbered(preset):
        if is_taken(folder):
            continue
        with contextlib.suppress(FolderTaken):
            return start(folder)


def newest_folder(preset: str) -> Path:
    """The one of `runs/PRESET`, `runs/PRESET-2`, … that a run has last written to.

    Not the one with the highest number: new runs fill the gaps that removed ones leave.

    Raises:
        ValueError: if there is none.
    """
    number = re.compile(re.escape(preset) + r"(?:-([1-9][0-9]*))?")
    found = {
        folder: int(match[1] or 1)
        for folder in (Path("runs").iterdir() if Path("runs").is_dir() else ())
        if (match := number.fullmatch(folder.name)) and is_taken(folder)
    }
    if not found:
        raise ValueError(
            f"runs/{preset}: no such run to resume; name its preset, or its folder with --out"
        )
    return max(found, key=lambda folder: (_last_written(folder), found[folder]))


def _last_written(folder: Path) -> int:
    """When a run last wrote a file of its own there, in nanoseconds; 0: never."""
    files = (CONFIG, LOCK, METRICS, "checkpoints/last/training.safetensors")
    times = [0]
    for name in files:
        with contextlib.suppress(OSError):
            times.append((folder / name).stat().st_mtime_ns)
    return max(times)


def is_taken(folder: Path) -> bool:
    """Whether the folder holds anything that a new run must not touch."""
    if not folder.is_dir():
        return folder.exists()
    # A run that is killed before its first step may leave these files. They can be overwritten.
    unfinished = {VERSIONS, DATA, LOCK, "tensorboard", "wandb"}
    return any(f.name not in unfinished and not f.name.endswith(".new") for f in folder.iterdir())


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run folder. The system releases the lock when the process ends, even if it is killed.

    Raises:
        FolderTaken: naming the process that holds it.
        OSError: if the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            raise FolderTaken(f"{folder}: in use by {file.read().strip() or 'another process'}")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def create(folder: Path, config: RunConfig, dataset: Dataset) -> None:
    """Write the description of a run, before its first step: config, versions, puzzle hashes.

    Raises:
        OSError: if the folder cannot be written.
    """
    write_atomic(folder / CONFIG, config.to_yaml())
    write_atomic(folder / VERSIONS, _to_json(versions()))
    write_atomic(folder / DATA, _to_json(describe_data(config, dataset)))


def require_run(folder: Path) -> None:
    """Refuse a folder that has no run.

    Raises:
        ValueError: naming the folder.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder}: no run here ({CONFIG} is missing)")


def read_config(folder: Path) -> RunConfig:
    """The resolved config of a run.

    Raises:
        ValueError: if there is no run in the folder, its config is damaged, or its task's code
            stands in a model folder.
    """
    trust.require_own(task_name(folder))
    return load_config(RunConfig(), (str(folder / CONFIG),))


def task_name(folder: Path) -> str:
    """The name of a run's task, as its config says it; nothing of the task is run.

    Raises:
        ValueError: if there is no run in the folder, or its config is damaged.
    """
    return str(read_plain(folder).get("task", {}).get("name") or registry.DEFAULT)


def read_plain(folder: Path) -> dict[str, dict[str, Any]]:
    """The config of a run as its file says it, section by section, unchecked.

    Raises:
        ValueError: if there is no run in the folder, or its config is damaged.
    """
    require_run(folder)
    sections = read_sections(str(folder / CONFIG))
    return {name: keys for name, keys in sections.items() if isinstance(keys, dict)}


def describe_data(config: RunConfig, dataset: Dataset) -> dict[str, Any]:
    """Counts and content hashes of a run's puzzles."""
    return {
        "train_count": config.task.train_count,
        "val_count": sum(map(len, dataset.val_sets)),
        "stream": config.task.stream,
        "hashes": dataset.hashes,
    }


def _numbered(preset: str) -> Iterator[Path]:
    yield Path("runs") / preset
    for number in itertools.count(2):
        yield Path("runs") / f"{preset}-{number}"


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # not a Unix: two runs in one folder are not noticed there
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a filesystem without locks
        return True
    return True
