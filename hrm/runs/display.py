"""The display of a training: the run's settings, a progress bar, a line an epoch."""

import time
from collections.abc import Callable, Iterable

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from hrm.config.schema import RunConfig
from hrm.runs.output import duration, make_console

_COLUMNS = {
    "epoch": "epoch",
    "train_loss": "train loss",
    "val_loss": "val loss",
    "cell_acc": "cell acc",
    "board_acc": "board acc",
    "board_acc_4x": "acc4x",
    "solved": "solved",
    "seconds": "seconds",
    "boards_per_second": "boards/s",
}
_MEASURED = ("seconds", "boards_per_second")


class TrainingDisplay:
    """A `Reporter` for the terminal; without one, it prints the epoch lines alone.

    Args:
        epoch_cnt: of the whole run.
        on_lost: called when the output can no longer be written.
        quiet: print nothing.
    """

    def __init__(self, epoch_cnt: int, on_lost: Callable[[], None], quiet: bool = False):
        self.epoch_cnt = epoch_cnt
        self.console = make_console(on_lost, quiet=quiet)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} puzzles"),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, left="")
        self._began: tuple[float, float] | None = None

    def __enter__(self) -> "TrainingDisplay":
        self.console.print(_line(_COLUMNS.values()), style="bold", soft_wrap=True)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """See `trainer.Reporter`."""
        part = (epoch - 1 + (done / total if phase == "train" else 1.0)) / self.epoch_cnt
        self._bar.update(
            self._task,
            description=f"epoch {epoch}/{self.epoch_cnt} {phase}",
            completed=done,
            total=total,
            left=self._time_left(part),
        )

    def _time_left(self, part: float) -> str:
        """Of the whole run, by the pace since this process began; validation is not told apart.

        Args:
            part: of the run that is done, in [0, 1].
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now, part
        since, before = self._began
        if part <= before:
            return ""
        return f"{duration((now - since) * (1 - part) / (part - before))} left"

    def epoch(self, row: dict[str, float]) -> None:
        """See `trainer.Reporter`."""
        cells = (_number(key, row[key]) for key in _COLUMNS)
        self.console.print(_line(cells), highlight=False, soft_wrap=True)


def run_summary(config: RunConfig, facts: dict[str, str]) -> Table:
    """The run's parameters and facts (folder, device, hashes, …) as a table."""
    table = Table(title="Run", show_header=False, title_justify="left")
    for name, fact in facts.items():
        table.add_row(name, fact)
    for section, values in config.model_dump().items():
        settings = (f"{key}={value}" for key, value in values.items() if value is not None)
        table.add_row(section, ", ".join(settings))
    return table


def _line(cells: Iterable[str]) -> str:
    widths = (max(6, len(title)) for title in _COLUMNS.values())
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _number(key: str, value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if key in _MEASURED:
        return f"{value:.1f}"
    return f"{value:.4f}" if value < 10 else f"{value:.4g}"
