"""Run folders: what stands in one, who may write to it, and going on with an old one."""

import contextlib
import itertools
import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hrm import __version__
from hrm.config.schema import ConfigError, RunConfig, load_config, validate
from hrm.data.dataset import Dataset
from hrm.files import write_atomic

CONFIG, VERSIONS, DATA, LOCK = "config.yaml", "versions.json", "data.json", "run.lock"
METRICS = "metrics.jsonl"


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
        raise ValueError(f"runs/{preset}: no such run to resume; name its folder with --out")
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
    # A run that was killed while it was being set up leaves these and nothing of worth.
    unfinished = {VERSIONS, DATA, LOCK}
    return any(f.name not in unfinished and not f.name.endswith(".new") for f in folder.iterdir())


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; the system lets go of it when the process ends, however it ends.

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
    """Write what a run is before its first step: config, versions, hashes of its boards.

    Raises:
        OSError: if the folder cannot be written.
    """
    write_atomic(folder / VERSIONS, _to_json(versions()))
    write_atomic(folder / DATA, _to_json(describe_data(config, dataset)))
    write_atomic(folder / CONFIG, config.to_yaml())


def require_run(folder: Path) -> None:
    """Refuse a folder without a run.

    Raises:
        ValueError: naming the folder.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder}: no run here ({CONFIG} is missing)")


def read_config(folder: Path) -> RunConfig:
    """The resolved config of a run.

    Raises:
        ValueError: if there is no run in the folder, or its config is damaged.
    """
    require_run(folder)
    return load_config(RunConfig(), (str(folder / CONFIG),))


def require_same(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to go on with a run under other settings or on other boards.

    Args:
        folder: of the run, for the message.
        old: its ``config`` (nested) and the ``hashes`` of its boards.
        new: what is asked for now, likewise.

    Raises:
        ConfigError: with a line for each difference.
    """
    # Keys that are newer than the run have their defaults there.
    old = {**old, "config": validate(old["config"]).model_dump()}
    differences = [
        f"{key}: the run has {before!r}, now it is {after!r}"
        for key, before, after in _differences(_flat(old), _flat(new))
    ]
    if differences:
        lines = "\n".join(differences)
        raise ConfigError(
            f"{folder}: this is not how the run began (--accept-changes goes on anyway)\n{lines}"
        )


def require_same_choice(folder: Path, old: dict[str, Any], config: RunConfig) -> None:
    """Refuse to go on by another measure of the best epoch, which the epochs so far lack.

    Raises:
        ConfigError: naming both.
    """
    before = validate(old["config"]).train.best_by
    if before != config.train.best_by:
        raise ConfigError(
            f"train.best_by: {folder} has kept its best epoch by {before}, which cannot be compared"
            f" with {config.train.best_by}; leave it, or begin a new run with --init-from"
        )


def has_metrics(folder: Path) -> bool:
    """Whether a run has finished an epoch."""
    file = folder / METRICS
    return file.exists() and file.stat().st_size > 0


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The finished epochs of a run, a row each.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    file = folder / METRICS
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        if all(isinstance(v, int | float) for row in rows for v in (*row.values(), row["epoch"])):
            return rows
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        pass
    raise ValueError(f"{file}: damaged: each line should be an epoch's numbers")


def best_epoch(folder: Path) -> dict[str, float]:
    """The metrics of the epoch that a run's `checkpoints/best` holds, by its `train.best_by`.

    Raises:
        ValueError: if there is no run in the folder, no epoch is finished, or a file is damaged.
    """
    by = read_config(folder).train.best_by
    rows = read_metrics(folder)
    if not rows or not all(by in row for row in rows):
        raise ValueError(f"{folder / METRICS}: damaged: an epoch without {by}")
    return min(rows, key=lambda row: shortfall(row, by))


def shortfall(row: dict[str, float], best_by: str) -> float:
    """What the best epoch has least of, by its metrics and `train.best_by`; of equals the first."""
    return row["val_loss"] if best_by == "val_loss" else 1 - row["board_acc"]


def describe_data(config: RunConfig, dataset: Dataset) -> dict[str, Any]:
    """Counts and content hashes of a run's boards."""
    return {
        "train_count": config.task.train_count,
        "val_count": sum(map(len, dataset.val_sets)),
        "stream": config.task.stream,
        "hashes": dataset.hashes,
    }


def versions() -> dict[str, str]:
    """Versions of everything that has a say in the numbers, and the machine.

    Run from a git checkout, this includes its commit, and whether files differ from it.
    """
    packages = ("torch", "numpy", "safetensors", "pydantic")
    return {
        "hrm-lab": __version__,
        **{name: version(name) for name in packages},
        **_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _commit() -> dict[str, str]:
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return {}
    words = ("git", "-C", str(checkout), "describe", "--always", "--dirty= with changes")
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {} if found.returncode else {"commit": found.stdout.strip()}


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, keys joined by dots."""
    if not isinstance(content, dict):
        return {prefix.removeprefix(".config.").removeprefix("."): content}
    flat = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}.{key}")
    return flat


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    keys = [*new, *(key for key in old if key not in new)]
    return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _numbered(preset: str) -> Iterator[Path]:
    yield Path("runs") / preset
    for number in itertools.count(2):
        yield Path("runs") / f"{preset}-{number}"


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # not a Unix; two runs in one folder are then not noticed
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a filesystem without locks
        return True
    return True
