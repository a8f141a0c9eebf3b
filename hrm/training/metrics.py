"""The metrics of a run, `metrics.jsonl`: an object a line, a line an epoch."""

import json
from collections.abc import Sequence
from pathlib import Path

from hrm.files import write_atomic

METRICS = "metrics.jsonl"


def write_metrics(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the finished epochs of a run.

    Raises:
        OSError: if the folder cannot be written.
    """
    write_atomic(folder / METRICS, "".join(json.dumps(row) + "\n" for row in rows))


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


def best_epoch(folder: Path, by: str) -> dict[str, float]:
    """The metrics of the epoch that a run's `checkpoints/best` holds.

    Args:
        folder: of the run.
        by: its `train.best_by`.

    Raises:
        ValueError: if no epoch is finished, or the file is damaged.
    """
    rows = read_metrics(folder)
    if not rows or not all(by in row for row in rows):
        raise ValueError(f"{folder / METRICS}: damaged: an epoch without {by}")
    return min(rows, key=lambda row: to_be_lowest(row, by))


def to_be_lowest(row: dict[str, float], best_by: str) -> float:
    """A number that is lowest in the best epoch; of epochs with equal numbers the first is best.

    Args:
        row: the metrics of an epoch.
        best_by: the run's `train.best_by`.
    """
    return row["val_loss"] if best_by == "val_loss" else 1 - row["board_acc"]
