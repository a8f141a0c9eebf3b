"""Measure finished runs by the protocol of docs/records.md: a row of the table, and JSON.

    python benchmarks/record.py runs/record-0 runs/record-1 runs/record-2
    python benchmarks/record.py runs/sudoku-0 --test list.csv

The runs are the seeds of one recipe. Each one's best checkpoint is tested on 1,000 held-out
puzzles, or on those of a file. They are compared with every puzzle that the run has seen, also up
to symmetry, and where it moved START and END about, wall by wall. Puzzles that are filled in are
also thought about until they are solved.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from protocol import (
    PROTOCOLS,
    finished,
    kind,
    minutes_of,
    of_task,
    require_one_recipe,
    share_cell,
    table_row,
)
from rich.console import Console
from rich.progress import Progress

import hrm
from hrm import RunConfig, TaskConfig
from hrm.cli import errors_as_exit_codes
from hrm.data.hashing import check_leak, content_hash
from hrm.data.load import load_dataset
from hrm.data.sets import Dataset
from hrm.data.source import held_out, require_answers
from hrm.inference.evaluation import LONG, Metrics, joined, score
from hrm.inference.thinking import Thinking, think
from hrm.models.network import Network
from hrm.runs import folder as runs
from hrm.tasks import registry
from hrm.tasks.boardpath.boards import FLOOR, WALL, Boards
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task
from hrm.training.metrics import read_metrics

BOARD_CNT = 1000
TOGETHER = 100
"""Puzzles to think about until solved at a time."""
SCORES = ("board_acc", "acc4x", "solved", "solved4x")
UNTIL_SOLVED = {
    "alone": Thinking("solved", max_segments=64, restarts=7),
    "guessing": Thinking("solved", max_segments=64, guesses=1000),
}
"""How puzzles that are filled in are thought about until solved."""


@dataclass(frozen=True)
class Measurement:
    """What one run is worth on the test boards."""

    run: str
    kind: str
    """The class, such as "ends moved", or how it departs from the protocol."""
    seed: int
    segments: int
    board_acc: float
    acc4x: float
    solved: float
    solved4x: float
    parameters: int
    minutes: float
    """Training and validation, from the run's metrics."""
    epochs: int
    test_boards: int
    test_sha256: str
    seen_boards: int
    leaked: int
    leaked_up_to_symmetry: int
    commit: str
    machine: str
    threads: int
    until_solved: dict[str, dict[str, float]]
    """By way, the share `solved` and the mean `segments`; empty where nothing is filled in."""


def measure(run: Path, board_cnt: int = BOARD_CNT, test_file: Path | None = None) -> Measurement:
    """Test a finished run's best checkpoint.

    Args:
        run: its folder.
        board_cnt: held-out puzzles to test on.
        test_file: puzzles to test on instead.

    Raises:
        ValueError: if it is no finished run, its task has no protocol, its puzzles are not those of
            its config, or a test puzzle is among those that it has seen.
    """
    config, history = finished(run)
    of_task(PROTOCOLS, run, config)
    task, dataset = registry.make(config.task), load_dataset(config.task)
    if dataset.hashes != json.loads((run / runs.DATA).read_text())["hashes"]:
        raise ValueError(f"{run}: its boards are not those that its config names")
    test = _read(task, test_file) if test_file else held_out(task, board_cnt)
    seen = require_unseen(run, test.inputs, dataset)
    return _measurement(run, config, history, test, seen)


def _read(task: Task, file: Path) -> Examples:
    inputs = np.stack([puzzle.input for puzzle in task.read(file)])
    return Examples(inputs, require_answers(task, inputs))


def require_unseen(run: Path, test: Cells, dataset: Dataset) -> tuple[int, int]:
    """Refuse test puzzles that a run has seen, or the walls of which it has where ends were moved.

    Args:
        run: its folder.
        test: ``(B, R, C)`` puzzles to test on.
        dataset: the run's puzzles.

    Returns:
        How many puzzles the run has seen, and how many test puzzles are views of them.

    Raises:
        ValueError: if there is a leak.
    """
    config = runs.read_config(run)
    task, seen = registry.make(config.task), _seen(dataset, config, len(read_metrics(run)))
    leak = check_leak(task, seen, test)
    if leak.shared:
        raise ValueError(f"{run}: {leak.shared} test boards are among those that it has seen")
    moved = isinstance(config.task, TaskConfig) and config.task.move_ends
    if moved and check_leak(task, _walls(test), _walls(seen)).shared_up_to_symmetry:
        raise ValueError(f"{run}: a test board has the walls of one that it has seen")
    return len(seen), leak.shared_up_to_symmetry


def _measurement(
    run: Path,
    config: RunConfig,
    history: list[dict[str, float]],
    test: Examples,
    seen: tuple[int, int],
) -> Measurement:
    model, task = hrm.from_pretrained(run), registry.make(config.task)
    versions = json.loads((run / runs.VERSIONS).read_text())
    segments = config.model.infer_segment_cnt
    short, long = _scores(run, model, task, test, [segments, LONG * segments])
    return Measurement(
        run=str(run),
        kind=kind(config, model.parameter_cnt),
        seed=config.task.seed,
        segments=segments,
        board_acc=short.board_acc,
        acc4x=long.board_acc,
        solved=short.solved,
        solved4x=long.solved,
        parameters=model.parameter_cnt,
        minutes=minutes_of(history),
        epochs=len(history),
        test_boards=len(test),
        test_sha256=content_hash(test.inputs),
        seen_boards=seen[0],
        leaked=0,
        leaked_up_to_symmetry=seen[1],
        commit=versions.get("commit", "unknown"),
        machine=f"{versions['machine']}, torch {versions['torch']}",
        threads=config.train.threads,
        until_solved=_until_solved(model, task, test) if task.completes else {},
    )


def _until_solved(model: Network, task: Task, test: Examples) -> dict[str, dict[str, float]]:
    found = {}
    for name, thinking in UNTIL_SOLVED.items():
        starts = range(0, len(test), TOGETHER)
        parts = [test.inputs[start : start + TOGETHER] for start in starts]
        thoughts = [think(model, task, part, thinking) for part in parts]
        solved = np.concatenate([thought.done for thought in thoughts])
        segments = np.concatenate([thought.segments for thought in thoughts])
        found[name] = {"solved": float(solved.mean()), "segments": float(segments.mean())}
    return found


def _scores(
    run: Path, model: Network, task: Task, test: Examples, counts: list[int]
) -> list[Metrics]:
    """After each count of segments, showing progress."""
    batches = []
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task(str(run), total=len(test))
        for batch in score(model, task, test, counts):
            batches.append(batch)
            progress.advance(bar, len(batch[counts[0]].exact))
    found = joined(batches)
    return [found[count].means for count in counts]


def _seen(dataset: Dataset, config: RunConfig, epochs: int) -> Cells:
    """Every puzzle that a run trains or validates on; augmented views count as the board itself."""
    if dataset.train.fixed is not None:
        return np.concatenate([dataset.train.fixed.inputs, dataset.val.inputs])
    drawn = [dataset.train.epoch(e, config.train.seed).inputs for e in range(1, epochs + 1)]
    return np.concatenate([*drawn, dataset.val.inputs])


def _walls(boards: Boards) -> Boards:
    """The boards without START and END, which views of a training board may have anywhere."""
    return np.where(boards == WALL, WALL, FLOOR).astype(np.uint8)


def row(measurements: list[Measurement]) -> str:
    """The Markdown row of a recipe: mean and range of several seeds, the interval of one."""
    first = measurements[0]
    cells = [Path(first.run).name, first.kind, ", ".join(str(m.seed) for m in measurements)]
    columns = [[getattr(m, name) for m in measurements] for name in SCORES]
    columns += [[m.until_solved[way]["solved"] for m in measurements] for way in first.until_solved]
    cells += [share_cell(values, first.test_boards) for values in columns]
    return table_row(cells, measurements)


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description="Measure finished runs, the seeds of one recipe.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--test", type=Path, metavar="FILE", help="puzzles to test on")
    with errors_as_exit_codes():
        given = parser.parse_args()
        require_one_recipe(given.runs)
        measurements = [measure(folder, test_file=given.test) for folder in given.runs]
        print(row(measurements))
        for measurement in measurements:
            print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
