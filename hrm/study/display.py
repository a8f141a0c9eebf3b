"""The display of a running study: a line a row, a column a seed, and the time left."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hrm.runs.output import duration, make_console
from hrm.study.definition import Run, Study
from hrm.study.job import Job
from hrm.study.results import Result
from hrm.training.cost import run_flops
from hrm.training.metrics import read_metrics

_EVERY_SECONDS = 1.0


class StudyDisplay:
    """A live table on a terminal. Without one, a line for each run that begins or ends.

    Args:
        study: that runs.
        results: those that are there already, by run name.
        runs_folder: where the epochs of a running run are read from.
        on_lost: called when the output can no longer be written.
    """

    def __init__(
        self,
        study: Study,
        results: dict[str, Result],
        runs_folder: Path,
        on_lost: Callable[[], None],
    ):
        self._study, self._folder = study, runs_folder
        self._running: dict[str, int] = {}
        self._cost = {run.name: run_flops(run.config) for run in study.runs}
        # There may be results of more seeds than are asked for now.
        self._results = {name: result for name, result in results.items() if name in self._cost}
        self._done_before = self._done()
        self._began = self._looked = time.monotonic()
        self._console = make_console(on_lost, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> "StudyDisplay":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._console.print(self._study.title, self._table(), sep="\n")

    def started(self, job: Job) -> None:
        """A run begins or continues."""
        before = self._done()
        self._results.pop(job.name, None)  # a former failure
        self._running[job.name] = epochs = self._epoch_cnt(job.name)
        self._done_before += self._done() - before
        self._say(f"{job.name}: " + (f"goes on after epoch {epochs}" if epochs else "begins"))

    def ended(self, job: Job, result: Result) -> None:
        """A run is done or has failed."""
        before = self._done()
        self._running.pop(job.name, None)
        self._results[job.name] = result
        if "failed" in result:
            self._done_before += self._done() - before
            self._say(f"{job.name}: failed: {result['failed']}")
            return
        best = result["summary"]["best"]
        self._say(
            f"{job.name}: board acc {best['board_acc']:.3f}, acc4x {best['acc4x']:.3f}, solved"
            f" {best['solved']:.3f}; {duration(result['seconds']['training'])}"
        )

    def refresh(self) -> None:
        """Update the display from the epochs that runs in progress have finished."""
        if time.monotonic() - self._looked < _EVERY_SECONDS:
            return
        self._looked = time.monotonic()
        self._running = {name: self._epoch_cnt(name) for name in self._running}
        if self._live.is_started:
            parts = Text(self._study.title), self._table(), Text(self._footer())
            self._live.update(Group(*parts), refresh=True)

    def _epoch_cnt(self, name: str) -> int:
        """Epochs of a run that are done; 0 if its folder is on another machine."""
        with contextlib.suppress(ValueError):
            return len(read_metrics(self._folder / name))
        return 0

    def _say(self, line: str) -> None:
        words = line if self._live.is_started else f"[{self._footer()}] {line}"
        self._console.print(words, soft_wrap=True)

    def _table(self) -> Table:
        table = Table()
        table.add_column("row")
        for seed in self._study.seeds:
            table.add_column(f"seed {seed}", justify="right")
        for row in self._study.rows:
            table.add_row(row.name, *(self._cell(Run(row, seed)) for seed in self._study.seeds))
        return table

    def _cell(self, run: Run) -> Text:
        if run.name in self._running:
            epochs = f"{self._running[run.name]}/{run.row.config.train.epoch_cnt}"
            return Text(f"epoch {epochs}", style="cyan")
        result = self._results.get(run.name)
        if result is None:
            return Text("·", style="dim")
        if "failed" in result:
            return Text("failed", style="bold red")
        return Text(f"{result['summary']['best']['board_acc']:.3f}", style="green")

    def _footer(self) -> str:
        done = sum("failed" not in result for result in self._results.values())
        failed = len(self._results) - done
        left = self._seconds_left()
        words = [f"{done} of {len(self._study.runs)} done", f"{len(self._running)} running"]
        words += [f"{failed} failed"] if failed else []
        words += [f"{duration(left)} left"] if left is not None else []
        return ", ".join(words)

    def _done(self) -> float:
        """Operations that are done; runs in progress are counted by their epochs."""
        done = sum(self._cost[name] for name in self._results)
        for run in self._study.runs:
            epochs = self._running.get(run.name, 0)
            done += self._cost[run.name] * epochs / run.row.config.train.epoch_cnt
        return done

    def _seconds_left(self) -> float | None:
        done = self._done()
        fresh = done - self._done_before
        if fresh <= 0:
            return None
        passed = time.monotonic() - self._began
        return passed * (sum(self._cost.values()) - done) / fresh
