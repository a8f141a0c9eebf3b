"""Measure finished runs on boards larger than those they learned from, as docs/records.md says.

    python benchmarks/sizes.py runs/any-size-0 runs/any-size-1 runs/any-size-2
    python benchmarks/sizes.py runs/any-size-0 --boards 40:50

The runs are the seeds of one recipe, for board paths or for mazes. Each one's best checkpoint
thinks about held-out boards of each size: for a fixed time that grows with the size, and until
solved, where the other symmetries of a board are further attempts. It prints a row of the table for
each size, and a JSON object for each run and size.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from time import process_time

import numpy as np
import torch
from protocol import finished, minutes_of, of_task, require_one_recipe, share_cell, table_row
from rich.console import Console
from rich.progress import Progress

import hrm
from hrm.cli import errors_as_exit_codes
from hrm.data.source import held_out
from hrm.inference.evaluation import joined, score
from hrm.inference.thinking import Thinking, think
from hrm.machine import puzzles_at_a_time
from hrm.models.network import Network
from hrm.runs import folder as runs
from hrm.tasks import registry
from hrm.tasks.task import Task

PATIENCE = 8
"""Segments after which an attempt with an unchanged answer is given up. 24 mazes of 59×59 are all
solved with it and without it, in 30 and in 53 CPU seconds."""
SHARES = ("board_acc", "solved", "until_solved", "with_symmetries")


@dataclass(frozen=True)
class Larger:
    """How the runs of a task are measured on larger boards."""

    kind: dict[str, object]
    """Keys of the task, with the values that they must have."""
    boards: dict[int, int]
    """Test boards of each size."""
    fixed: Callable[[int], int]
    """The fixed time on boards of a size, in segments."""
    until_solved: int
    """As many times the fixed time as an attempt until solved may take."""


LARGER = {
    "boardpath": Larger(
        {"wall_prob": 0.3}, {40: 500, 64: 300, 128: 50}, lambda size: round(size / 2), 2
    ),
    # The only path of a perfect maze winds through much of it, so it grows with the area.
    "maze": Larger(
        {"kind": "perfect", "algorithm": "depth_first"},
        {59: 300, 201: 20},
        lambda size: round(size**2 / 32),
        2,
    ),
}


@dataclass(frozen=True)
class Measurement:
    """What one run is worth on boards of one size."""

    run: str
    seed: int
    learned_from: list[int]
    """Sizes of the boards that it was trained on."""
    size: int
    boards: int
    segments: int
    """The fixed time."""
    board_acc: float
    solved: float
    until_solved: float
    """Solved where the checker ends the thought, in one attempt."""
    with_symmetries: float
    """Solved where up to seven attempts follow, each under another symmetry."""
    mean_segments: float
    """Of a thought until solved, all its attempts together."""
    cpu_seconds: float
    """Of a thought of the fixed time, a board; on one thread."""
    parameters: int
    minutes: float
    """Of the training, from its metrics."""
    commit: str


def measure(run: Path, size: int, count: int) -> Measurement:
    """Test a finished run's best checkpoint on boards of a size.

    Args:
        run: its folder.
        size: rows and columns.
        count: held-out boards.

    Raises:
        ValueError: if it is no finished run of such a task and kind, or has learned from boards of
            that size.
    """
    config, history = finished(run)
    larger = of_task(LARGER, run, config)
    for key, wanted in larger.kind.items():
        if (own := getattr(config.task, key)) != wanted:
            raise ValueError(f"{run}: task.{key} is {own}; the protocol is for {wanted}")
    learned = sorted({max(part.shape) for part in config.task.parts()})
    if size <= max(learned):
        raise ValueError(
            f"--boards {size}: {run} has learned from {max(learned)}×{max(learned)};"
            " give larger ones"
        )
    task, model = registry.make(config.task).of_shape((size, size)), hrm.from_pretrained(run)
    fixed = larger.fixed(size)
    longest = Thinking("solved", larger.until_solved * fixed, PATIENCE, symmetries=True)
    shares = _measured(model, task, count, fixed, longest, f"{run}, {size}×{size}")
    return Measurement(
        str(run), config.task.seed, learned, size, count, fixed, *shares,
        parameters=model.parameter_cnt,
        minutes=minutes_of(history),
        commit=json.loads((run / runs.VERSIONS).read_text()).get("commit", "unknown"),
    )  # fmt: skip


def _measured(
    model: Network, task: Task, count: int, fixed: int, longest: Thinking, words: str
) -> list[float]:
    """The shares, mean segments until solved, CPU seconds; showing progress."""
    examples, scores, thoughts, seconds = held_out(task, count), [], [], 0.0
    size = puzzles_at_a_time(torch.device("cpu"), task.grid.cell_cnt)
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task(words, total=count)
        for start in range(0, count, size):
            part, begun = examples.take(slice(start, start + size)), process_time()
            scores += score(model, task, part, [fixed])
            seconds += process_time() - begun
            thoughts.append(think(model, task, part.inputs, longest))
            progress.advance(bar, len(part))
    means = joined(scores)[fixed].means
    solved = np.concatenate([thought.done for thought in thoughts])
    alone = solved & (np.concatenate([thought.attempts for thought in thoughts]) == 1)
    spent = np.concatenate([thought.segments for thought in thoughts])
    shares = means.board_acc, means.solved, alone.mean(), solved.mean()
    return [*map(float, shares), float(spent.mean()), seconds / count]


def row(measurements: list[Measurement]) -> str:
    """The Markdown row of a recipe and size."""
    first = measurements[0]
    cells = [Path(first.run).name, ", ".join(str(m.seed) for m in measurements)]
    cells += [f"{first.size}×{first.size}", f"{first.boards}"]
    columns = [[getattr(m, name) for m in measurements] for name in SHARES]
    cells += [share_cell(values, first.boards) for values in columns]
    cells += [f"{first.segments}", f"{mean(m.mean_segments for m in measurements):.1f}"]
    cells += [f"{mean(m.cpu_seconds for m in measurements):.2g}"]
    return table_row(cells, measurements)


def size_and_count(text: str) -> tuple[int, int]:
    """Of SIZE:COUNT; without a count, 100."""
    size, _, count = text.partition(":")
    return int(size), int(count or 100)


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description="Measure runs on boards larger than they learned.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--boards", type=size_and_count, nargs="+", metavar="SIZE:COUNT",
                        help="test boards [default: those of the protocol]")  # fmt: skip
    with errors_as_exit_codes():
        given = parser.parse_args()
        require_one_recipe(given.runs)
        torch.set_num_threads(1)
        first = given.runs[0]
        larger = of_task(LARGER, first, runs.read_config(first))
        for size, count in given.boards or larger.boards.items():
            found = [measure(run, size, count) for run in given.runs]
            print(row(found))
            for measurement in found:
                print(json.dumps(asdict(measurement)), flush=True)


if __name__ == "__main__":
    main()
