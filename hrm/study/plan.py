"""The cost of a study: runs, parameters, operations, and the time of updates on this machine."""

import subprocess
import sys
import time
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hrm.config.schema import RunConfig
from hrm.inference.evaluation import LONG
from hrm.runs.output import duration
from hrm.study.definition import Row, Study
from hrm.study.tables import operations_text
from hrm.study.work import CURVE_SEGMENTS
from hrm.training.cost import Cost, estimate


@dataclass(frozen=True)
class RowPlan:
    """The cost of one run of a row."""

    row: Row
    cost: Cost
    seconds: float
    """Of training, validation, and the test at the end."""


def plan_row(row: Row, threads: int, test_count: int) -> RowPlan:
    """Count a row's operations, and time one batch and one validation on a few puzzles.

    Args:
        row: of a study.
        threads: for the run, unless its config says so itself.
        test_count: puzzles to test on.
    """
    config = row.config.derive(train__threads=row.config.train.threads or threads)
    cost = estimate(config)
    return RowPlan(row, cost, cost.seconds + cost.answering * _measured(config, test_count))


def _measured(config: RunConfig, test_count: int) -> int:
    """Segments that the measuring of a run takes, about all puzzles together (see `work`)."""
    longest = LONG * config.model.infer_segment_cnt
    validated = config.task.val_count * longest
    return validated + test_count * max(CURVE_SEGMENTS, longest)


def startup_seconds() -> float:
    """What a run takes before it begins: Python, and what it imports."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import hrm.study.work"], check=False)
    return time.perf_counter() - began


def show_plan(study: Study, workers: int, threads: int) -> None:
    """Plan every row and print it, with sums.

    Args:
        study: to plan.
        workers: runs at a time.
        threads: of each run.
    """
    console = Console(markup=False, highlight=False)
    rows = track(study.rows, "timing each row", console=console, transient=True)
    plans = [plan_row(row, threads, study.test_count) for row in rows]
    # Within 80 columns.
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("row", no_wrap=True)
    for title in ("parameters", "an update", "training", "validation", "time a run"):
        table.add_column(title, justify="right", no_wrap=True)
    for plan in plans:
        operations = (plan.cost.update, plan.cost.training, plan.cost.validation)
        table.add_row(
            plan.row.name,
            f"{plan.cost.parameters:,}",
            *map(operations_text, operations),
            duration(plan.seconds),
        )
    console.print(study.title, table, sep="\n")
    seeds, seconds = len(study.seeds), sum(plan.seconds for plan in plans)
    startup = len(plans) * startup_seconds()
    total = sum(plan.cost.training + plan.cost.validation for plan in plans)
    time_needed = duration((seconds + startup) * seeds / workers)
    console.print(
        f"{len(study.runs)} runs ({len(study.rows)} rows × {seeds} seeds),"
        f" {operations_text(total * seeds)} in matrix products; on this machine about"
        f" {time_needed} with {workers} at a time, {threads} thread(s) each"
        f" (from one update of each row, timed alone, and {startup / len(plans):.1f} s to start"
        " each run)"
    )
