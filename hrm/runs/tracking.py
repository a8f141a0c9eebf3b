"""Mirrors of the epoch metrics for those who use an experiment tracker."""

from pathlib import Path
from typing import Any, Literal

Tracker = Literal["tensorboard", "wandb"]


class TensorboardReporter:
    """A `Reporter` that writes scalars to `RUN/tensorboard`."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Nothing to mirror within an epoch."""

    def epoch(self, row: dict[str, float]) -> None:
        """Write the row's numbers at its epoch."""
        for key, value in row.items():
            self._writer.add_scalar(key, value, int(row["epoch"]))
        self._writer.flush()


class WandbReporter:
    """A `Reporter` that logs to Weights & Biases, under the run folder's name."""

    def __init__(self, folder: Path, config: dict[str, Any]):
        import wandb  # pyright: ignore[reportMissingImports]

        try:
            self._run = wandb.init(project="hrm", name=folder.name, dir=str(folder), config=config)
        except wandb.Error as error:
            raise ValueError(f"--track wandb: {str(error).splitlines()[0]}") from None

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Nothing to mirror within an epoch."""

    def epoch(self, row: dict[str, float]) -> None:
        """Log the row at its epoch."""
        self._run.log(row, step=int(row["epoch"]))


def make_tracker(
    name: Tracker, folder: Path, config: dict[str, Any]
) -> TensorboardReporter | WandbReporter:
    """The tracker of that name.

    Raises:
        ValueError: if it is not installed, or (wandb) not logged in or not to be reached.
    """
    try:
        return (
            TensorboardReporter(folder) if name == "tensorboard" else WandbReporter(folder, config)
        )
    except ImportError:
        raise ValueError(
            f"--track {name}: it is not installed; pip install 'hrm-lab[track]'"
        ) from None


class Reporters:
    """Several reporters as one."""

    def __init__(self, *reporters: Any):
        self._reporters = reporters

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """Tell all of them."""
        for reporter in self._reporters:
            reporter.advance(epoch, phase, done, total)

    def epoch(self, row: dict[str, float]) -> None:
        """Tell all of them."""
        for reporter in self._reporters:
            reporter.epoch(row)
