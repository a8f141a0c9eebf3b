"""Carry out a job: train in a run folder, then measure.

A job that was stopped continues where it was. A job that is carried out again after its end gives
the same result.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrm.config.schema import RunConfig
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.data.source import held_out
from hrm.errors import Stopped, WorkFailed
from hrm.files import write_atomic
from hrm.inference.evaluation import LONG, Scores, joined, score
from hrm.inference.models import load_model
from hrm.machine import LEFT_OPEN
from hrm.models.operations import forward_flops, training_flops
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.runs.versions import versions
from hrm.study.job import Job
from hrm.study.results import Result, failure, left_by_child
from hrm.study.statistics import summarise
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.training.cost import run_flops
from hrm.training.metrics import read_metrics

CURVE_SEGMENTS = 16
"""The test set is answered after 1, 2, … segments, up to this number."""

_LOCK_SECONDS = 60


def work() -> None:
    """The work of a child process: it carries out the job that it reads from its standard input."""
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    write_atomic(left_by_child(job), json.dumps(attempt(job)))


def attempt(job: Job) -> Result:
    """The job's result, or its failure with the reason."""
    try:
        return carry_out(job)
    except (Stopped, KeyboardInterrupt):
        return failure(job, "stopped; it goes on when the study does")
    except Exception as error:
        if not isinstance(error, WorkFailed | ValueError | OSError):
            traceback.print_exc()  # a bug: it goes to the log
        lines = str(error).splitlines() or [type(error).__name__]
        return failure(job, lines[0].replace(job.folder, job.name))


def carry_out(job: Job) -> Result:
    """Train, or continue training, and measure.

    Returns:
        What was asked for, and its results.

    Raises:
        Diverged, Stopped, OSError, ValueError: as `launch.start` and `launch.resume`.
    """
    folder, config = Path(job.folder), RunConfig.model_validate(job.config)
    test = held_out(registry.make(config.task), job.test_count)  # too few: known before training
    _wait_for(folder)
    if runs.is_taken(folder):
        launch.resume(folder)
    else:
        threads = {"threads": config.train.threads or job.threads}
        launch.start(
            folder, config.model_copy(update={"train": config.train.model_copy(update=threads)})
        )
    return _result(job, config, folder, test)


def _wait_for(folder: Path) -> None:
    """Wait until a process that a killed study left behind has saved itself and ended."""
    for _ in range(_LOCK_SECONDS):
        with contextlib.suppress(ValueError), runs.locked(folder):
            return
        time.sleep(1)


def _result(job: Job, config: RunConfig, folder: Path, test: Examples) -> Result:
    began = time.perf_counter()
    epochs = read_metrics(folder)
    train = runs.read_config(folder).train
    model = load_model(str(folder), train.device)  # measured where it was trained
    short = config.model.infer_segment_cnt
    task, dataset = registry.make(config.task), load_dataset(config.task)
    counts = range(1, max(CURVE_SEGMENTS, LONG * short) + 1)
    tested = joined(list(score(model, task, test, counts)))
    validated = joined(
        [s for val in dataset.val_sets for s in score(model, task, val, [short, LONG * short])]
    )
    return {
        "study": job.study,
        "row": job.row,
        "seed": job.seed,
        "config": job.config,
        "parameters": model.parameter_cnt,
        "operations": _operations(config),
        "seconds": {
            "training": round(sum(row["seconds"] for row in epochs), 1),
            "measuring": round(time.perf_counter() - began, 1),
        },
        "settled": {key: getattr(train, key) for key in LEFT_OPEN},
        "versions": versions(),
        "hashes": {**dataset.hashes, "test": content_hash(test.inputs)},
        "summary": summarise(epochs),
        "test": _curve(tested),
        "validation": _board_by_board(validated),
        "epochs": epochs,
    }


def _operations(config: RunConfig) -> dict[str, int]:
    """Operations of one training update with a full batch, of all updates, and of one segment."""
    grid, batch = registry.make(config.task).grid, config.train.batch_size
    return {
        "update": sum(training_flops(config.model, grid, batch).values()),
        "training": run_flops(config),
        "segment": sum(forward_flops(config.model, grid).values()),
    }


def _curve(scores: dict[int, Scores]) -> dict[str, list[float]]:
    """Means over boards after 1, 2, … segments."""
    means = [after.as_dict() for after in scores.values()]
    return {name: [mean[name] for mean in means] for name in means[0]}


def _board_by_board(scores: dict[int, Scores]) -> dict[str, dict[str, str]]:
    """For each segment count a text of 0 and 1, one character for each board."""
    return {
        "exact": {str(count): _flags(after.exact) for count, after in scores.items()},
        "solved": {str(count): _flags(after.solved) for count, after in scores.items()},
    }


def _flags(right: NDArray[np.bool_]) -> str:
    return "".join("01"[int(one)] for one in right)


def _stop_with_parent() -> None:
    """Stop this process when its parent has ended: the pipe between them is then closed."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
