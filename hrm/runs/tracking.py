"""Copies the epoch metrics to an experiment tracker: TensorBoard or Weights & Biases."""

import secrets
from pathlib import Path
from typing import Any, Literal

from hrm.files import read_text, write_atomic

WANDB_ID = "wandb.id"
_MAX_ID_BYTES = 200

Tracker = Literal["tensorboard", "wandb"]


class TensorboardReporter:
    """A `Reporter` that writes scalars to `RUN/tensorboard`."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Nothing is copied within an epoch."""

    def epoch(self, row: dict[str, float]) -> None:
        """Write the row's numbers at its epoch."""
        for key, value in row.items():
            self._writer.add_scalar(key, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class WandbReporter:
    """A `Reporter` that logs to Weights & Biases, under the run folder's name.

    The run's id there is kept in the folder, so that a resumed run goes on with the same one.
    """

    def __init__(self, folder: Path, config: dict[str, Any]):
        import wandb  # pyright: ignore[reportMissingImports]

        file = folder / WANDB_ID
        known = read_text(file, _MAX_ID_BYTES).strip() if file.exists() else secrets.token_hex(8)
        try:
            self._run = wandb.init(
                project="hrm", name=folder.name, dir=str(folder), config=config,
                id=known, resume="allow",
            )  # fmt: skip
        except wandb.Error as error:
            raise ValueError(f"--track wandb: {str(error).splitlines()[0]}") from None
        write_atomic(file, f"{known}\n")

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Nothing is copied within an epoch."""

    def epoch(self, row: dict[str, float]) -> None:
        """Log the row at its epoch."""
        self._run.log(row, step=int(row["epoch"]))

    def close(self) -> None:
        """Send what is left, and tell that nothing more comes."""
        self._run.finish()


def make_tracker(
    name: Tracker, folder: Path, config: dict[str, Any]
) -> TensorboardReporter | WandbReporter:
    """The tracker of that name.

    Raises:
        ValueError: if it is not installed, or if wandb is not logged in or cannot be reached.
    """
    try:
        return (
            TensorboardReporter(folder) if name == "tensorboard" else WandbReporter(folder, config)
        )
    except ImportError:
        raise ValueError(
            f"--track {name}: {name} is not installed; in your clone: pip install -e '.[track]'"
        ) from None


class Reporters:
    """Several reporters that are used as one."""

    def __init__(self, *reporters: Any):
        self._reporters = list(reporters)

    def add(self, reporter: Any) -> None:
        """Add a reporter; it receives what comes from now on."""
        self._reporters.append(reporter)

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Pass it to all of them."""
        for reporter in self._reporters:
            reporter.advance(epoch, phase, done, total)

    def epoch(self, row: dict[str, float]) -> None:
        """Pass it to all of them."""
        for reporter in self._reporters:
            reporter.epoch(row)

    def close(self) -> None:
        """Let those who keep something open close it."""
        for reporter in self._reporters:
            if hasattr(reporter, "close"):
                reporter.close()
