"""Carry out a job: train in a run folder, then measure.

Done again after a stop, a job goes on where it was; done again after its end, it gives the same
result.
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
from hrm.data.dataset import content_hash, held_out, load_dataset
from hrm.errors import Stopped, WorkFailed
from hrm.files import write_atomic
from hrm.inference.evaluation import Scores, joined, score_boards
from hrm.models.hrm import HRM
from hrm.models.operations import forward_flops, run_flops, training_flops
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.study.job import OPEN, Job
from hrm.study.results import Result, failure, left_by_child
from hrm.study.statistics import summarise

CURVE_SEGMENTS = 16
"""The test set is answered after 1 … this many segments."""

_LOCK_SECONDS = 60


def work() -> None:
    """What a child process does: the job on its standard input, until that ends."""
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
            traceback.print_exc()  # a fault of the program: for the log
        lines = str(error).splitlines() or [type(error).__name__]
        return failure(job, lines[0].replace(job.folder, job.name))


def carry_out(job: Job) -> Result:
    """Train (or go on training) and measure; what was asked for, and what came of it.

    Raises:
        Diverged, Stopped, OSError, ValueError: as `launch.start` and `launch.resume`.
    """
    folder, config = Path(job.folder), RunConfig.model_validate(job.config)
    _wait_for(folder)
    if runs.is_taken(folder):
        launch.resume(folder)
    else:
        threads = {"threads": config.train.threads or job.threads}
        launch.start(
            folder, config.model_copy(update={"train": config.train.model_copy(update=threads)})
        )
    return _result(job, config, folder)


def _wait_for(folder: Path) -> None:
    """Let a process that was left behind by a killed study save itself and end."""
    for _ in range(_LOCK_SECONDS):
        with contextlib.suppress(ValueError), runs.locked(folder):
            return
        time.sleep(1)


def _result(job: Job, config: RunConfig, folder: Path) -> Result:
    began = time.perf_counter()
    epochs = runs.read_metrics(folder)
    model = HRM.from_pretrained(folder)
    short = config.model.infer_segment_cnt
    dataset = load_dataset(config.task)
    test = held_out(config.task.board_size, config.task.wall_prob, job.test_count)
    counts = range(1, max(CURVE_SEGMENTS, 4 * short) + 1)
    tested = score_boards(model, test, counts)
    by_size = [score_boards(model, boards, [short, 4 * short]) for boards in dataset.val_sets]
    validated = {n: joined([scores[n] for scores in by_size]) for n in (short, 4 * short)}
    settled = runs.read_config(folder).train
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
        "settled": {key: getattr(settled, key) for key in OPEN},
        "versions": runs.versions(),
        "hashes": {**dataset.hashes, "test": content_hash(test)},
        "summary": summarise(epochs),
        "test": _curve(tested),
        "validation": _board_by_board(validated),
        "epochs": epochs,
    }


def _operations(config: RunConfig) -> dict[str, int]:
    """Of one training update with a full batch, of all of them, and of thinking for a segment."""
    size, batch = config.task.board_size, config.train.batch_size
    return {
        "update": sum(training_flops(config.model, size, batch).values()),
        "training": run_flops(config),
        "segment": sum(forward_flops(config.model, size).values()),
    }


def _curve(scores: dict[int, Scores]) -> dict[str, list[float]]:
    """Means over boards after 1, 2, … segments."""
    means = [after.as_dict() for after in scores.values()]
    return {name: [mean[name] for mean in means] for name in means[0]}


def _board_by_board(scores: dict[int, Scores]) -> dict[str, dict[str, str]]:
    """For each segment count a text of 0 and 1, a character a board."""
    return {
        "exact": {str(count): _flags(after.exact) for count, after in scores.items()},
        "solved": {str(count): _flags(after.solved) for count, after in scores.items()},
    }


def _flags(right: NDArray[np.bool_]) -> str:
    return "".join("01"[int(one)] for one in right)


def _stop_with_parent() -> None:
    """A parent that is gone, however it ended, has closed the pipe."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
