"""Checks that a resumed run is the run that was started: same config, same puzzles."""

from pathlib import Path
from typing import Any

from hrm.config.load import validate
from hrm.config.nested import ConfigError, differences
from hrm.config.schema import RunConfig


def require_same(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to resume a run with other settings or on other puzzles.

    Args:
        folder: of the run, for the message.
        old: its ``config`` (nested) and the ``hashes`` of its puzzles.
        new: the same for the run that is asked for now.

    Raises:
        ConfigError: with a line for each difference.
    """
    # The run may be older than some keys; these get their defaults.
    old = {**old, "config": validate(old["config"]).model_dump()}
    found = [
        f"{key.removeprefix('config.')}: the run has {before!r}, now it is {after!r}"
        for key, before, after in differences(old, new)
    ]
    if found:
        lines = "\n".join(found)
        raise ConfigError(
            f"{folder}: this is not how the run began (--accept-changes goes on anyway)\n{lines}"
        )


def require_same_choice(folder: Path, old: dict[str, Any], config: RunConfig) -> None:
    """Refuse to change how the best epoch is chosen: the finished epochs were compared otherwise.

    Raises:
        ConfigError: naming both.
    """
    before = validate(old["config"]).train.best_by
    if before != config.train.best_by:
        raise ConfigError(
            f"train.best_by: {folder} has kept its best epoch by {before}, which cannot be compared"
            f" with {config.train.best_by}; leave it, or begin a new run with --init-from"
        )
