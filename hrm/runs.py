"""Run folders: what stands in one, who may write to it, and going on with an old one."""

import contextlib
import json
import os
import platform
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hrm.config import ConfigError, RunConfig, load_config
from hrm.data import Dataset
from hrm.files import write_atomic

CONFIG, VERSIONS, DATA, LOCK = "config.yaml", "versions.json", "data.json", "run.lock"
METRICS = "metrics.jsonl"


def default_folder(preset: str) -> Path:
    """`runs/PRESET`, with a number when that is taken."""
    return next(folder for folder in _numbered(preset) if not is_taken(folder))


def newest_folder(preset: str) -> Path:
    """The last of `runs/PRESET`, `runs/PRESET-2`, … that exists.

    Raises:
        ValueError: if there is none.
    """
    taken = [folder for folder in _numbered(preset) if is_taken(folder)]
    if not taken:
        raise ValueError(f"runs/{preset}: no such run to resume; name its folder with --out")
    return taken[-1]


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
        ValueError: naming the process that holds it.
        OSError: if the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            raise ValueError(f"{folder}: in use by {file.read().strip() or 'another process'}")
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


def read_config(folder: Path) -> RunConfig:
    """The resolved config of a run.

    Raises:
        ValueError: if there is no run in the folder, or its config is damaged.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise ValueError(f"{folder}: no run to resume here ({CONFIG} is missing)")
    return load_config(RunConfig(), (str(file),))


def require_same(folder: Path, config: RunConfig, asked: RunConfig) -> None:
    """Refuse to go on with a run under other settings.

    Raises:
        ConfigError: with a line for each difference.
    """
    old, new = config.model_dump(), asked.model_dump()
    differences = [
        f"{section}.{key}: the run has {old[section][key]!r}, this command says {value!r}"
        for section, values in new.items()
        for key, value in values.items()
        if old[section][key] != value
    ]
    if differences:
        lines = "\n".join(differences)
        raise ConfigError(f"{folder}: cannot be resumed with other settings\n{lines}")


def require_same_data(folder: Path, dataset: Dataset) -> None:
    """Refuse to go on with a run on other boards.

    Raises:
        ValueError: naming the set that differs.
    """
    file = folder / DATA
    try:
        old = json.loads(file.read_text(encoding="utf-8"))["hashes"]
    except (OSError, ValueError, KeyError, TypeError):
        old = None
    if not isinstance(old, dict):
        raise ValueError(f"{file}: damaged; the boards of this run cannot be checked")
    for name, digest in dataset.hashes.items():
        if old.get(name) != digest:
            raise ValueError(f"{file}: the {name} boards are not those that this run began with")


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The finished epochs of a run, a row each.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    file = folder / METRICS
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"{file}: damaged: a line is not JSON") from None


def describe_data(config: RunConfig, dataset: Dataset) -> dict[str, Any]:
    """Counts and content hashes of a run's boards."""
    return {
        "train_count": config.task.train_count,
        "val_count": len(dataset.val),
        "stream": config.task.stream,
        "hashes": dataset.hashes,
    }


def versions() -> dict[str, str]:
    """Versions of everything that has a say in the numbers, and the machine."""
    packages = ("hrm-lab", "torch", "numpy", "safetensors", "pydantic")
    return {
        **{name: version(name) for name in packages},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _numbered(preset: str) -> Iterator[Path]:
    yield Path("runs") / preset
    for number in range(2, 1000):
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
    return True
