"""What a study will take: runs, parameters, operations, and the time that updates take here."""

import time
from dataclasses import dataclass

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hrm import distributed
from hrm.config.schema import RunConfig
from hrm.data.dataset import generate
from hrm.inference.evaluation import evaluate, to_tokens
from hrm.models import kernels
from hrm.models.hrm import HRM
from hrm.models.operations import forward_flops, run_flops, training_flops
from hrm.study.definition import Row, Study
from hrm.study.display import duration
from hrm.study.tables import operations_text
from hrm.tasks.boardpath.boards import label
from hrm.training.learner import Learner

_SAMPLE_FLOPS = 3e10
"""As many boards are timed as take this many operations, up to a batch: a second or so a row."""


@dataclass(frozen=True)
class RowPlan:
    """What one run of a row takes."""

    row: Row
    parameters: int
    update: int
    """Operations of a training update with a full batch."""
    training: int
    """Operations of all updates."""
    validation: int
    """Operations of validating after each epoch."""
    seconds: float
    """Of both, estimated."""


def plan_row(row: Row, threads: int) -> RowPlan:
    """Count a row's operations, and time one batch and one validation on a few boards.

    Args:
        row: of a study.
        threads: for the run, unless its config says so itself.
    """
    config = row.config.derive(train__threads=row.config.train.threads or threads)
    train, size = config.train, config.task.board_size
    torch.set_num_threads(train.threads)
    model = HRM(config.model, size)
    checked = {part.board_size: part.val_count for part in config.task.of_each_size()}
    segment = {n: sum(forward_flops(config.model, n).values()) for n in checked}
    segments = 4 * config.model.infer_segment_cnt * train.epoch_cnt
    return RowPlan(
        row=row,
        parameters=model.parameter_cnt,
        update=sum(training_flops(config.model, size, train.batch_size).values()),
        training=run_flops(config),
        validation=segments * sum(count * segment[n] for n, count in checked.items()),
        seconds=train.epoch_cnt * _seconds_an_epoch(config, model),
    )


def show_plan(study: Study, workers: int, threads: int) -> None:
    """Plan every row and print it, with sums.

    Args:
        study: to plan.
        workers: runs at a time.
        threads: of each run.
    """
    console = Console(markup=False, highlight=False)
    rows = track(study.rows, "timing each row", console=console, transient=True)
    plans = [plan_row(row, threads) for row in rows]
    # Within 80 columns.
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("row", no_wrap=True)
    for title in ("parameters", "an update", "training", "validation", "time a run"):
        table.add_column(title, justify="right", no_wrap=True)
    for plan in plans:
        operations = (plan.update, plan.training, plan.validation)
        table.add_row(
            plan.row.name,
            f"{plan.parameters:,}",
            *map(operations_text, operations),
            duration(plan.seconds),
        )
    console.print(study.title, table, sep="\n")
    seeds, seconds = len(study.seeds), sum(plan.seconds for plan in plans)
    total = sum(plan.training + plan.validation for plan in plans)
    console.print(
        f"{len(study.runs)} runs ({len(study.rows)} rows × {seeds} seeds),"
        f" {operations_text(total * seeds)} in matrix products; on this machine about"
        f" {duration(seconds * seeds / workers)} with {workers} at a time, {threads} thread(s) each"
        " (from one update of each row, timed alone)"
    )


def _seconds_an_epoch(config: RunConfig, model: HRM) -> float:
    """Training and validation, on average over the stages of a curriculum."""
    deepest = config.derive(train__depth_curriculum=False)
    depth = run_flops(config) / run_flops(deepest)
    seconds = 0.0
    for part in config.task.of_each_size():
        trained, validated = _seconds_a_board(deepest.model_copy(update={"task": part}), model)
        seconds += depth * trained * part.train_count + validated * part.val_count
    return seconds


def _seconds_a_board(config: RunConfig, model: HRM) -> tuple[float, float]:
    """Of an epoch's training and of its validation, from one segment of each."""
    task, train = config.task, config.train
    flops = sum(training_flops(config.model, task.board_size).values())
    count = int(max(1, min(train.batch_size, _SAMPLE_FLOPS / flops)))
    boards = generate(task.board_size, task.wall_prob, count, seed=0)
    tokens, targets = (to_tokens(b, torch.device("cpu")) for b in (boards, label(boards)))
    one_segment = distributed.resolve(
        config.derive(train__train_segment_cnt=1, train__lr=1e-9)
    ).train
    learner = Learner(one_segment, model, update_cnt=1)
    model.train()
    learner.learn(tokens[:1], targets[:1], 0)  # the first one sets things up
    began = time.perf_counter()
    learner.learn(tokens, targets, 0)
    trained = time.perf_counter()
    with distributed.autocast(one_segment), kernels.use(one_segment.kernels == "fused"):
        evaluate(model, boards, [1])
    validated = time.perf_counter()
    return (
        (trained - began) / count * train.train_segment_cnt,
        (validated - trained) / count * 4 * config.model.infer_segment_cnt,
    )
