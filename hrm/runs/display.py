"""What a person sees while a model trains: the run's settings, a progress bar, a line an epoch."""

from collections.abc import Callable, Iterable

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hrm.config.schema import RunConfig
from hrm.runs.output import make_console

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
            TextColumn("{task.completed}/{task.total} boards"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "TrainingDisplay":
        self.console.print(_line(_COLUMNS.values()), style="bold", soft_wrap=True)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """See `training.Reporter`."""
        description = f"epoch {epoch}/{self.epoch_cnt} {phase}"
        self._bar.update(self._task, description=description, completed=done, total=total)

    def epoch(self, row: dict[str, float]) -> None:
        """See `training.Reporter`."""
        cells = (_number(row[key]) for key in _COLUMNS)
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


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if value < 10 else f"{value:.4g}"
