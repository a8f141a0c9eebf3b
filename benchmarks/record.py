"""Measure finished runs by the protocol of docs/records.md: a row of the table, and JSON.

    python benchmarks/record.py runs/record-0 runs/record-1 runs/record-2

The runs are the seeds of one recipe. Each one's best checkpoint is tested on 1,000 held-out boards,
which are compared with every board that the run has seen, also up to rotation and reflection, and
where it moved START and END about, wall by wall.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from rich.console import Console
from rich.progress import Progress

from hrm import HRM, RunConfig, TaskConfig
from hrm.cli import errors_as_exit_codes
from hrm.data.hashing import check_leak, content_hash
from hrm.data.load import load_dataset
from hrm.data.sets import Dataset
from hrm.data.source import held_out
from hrm.inference.evaluation import LONG, Metrics, joined, score
from hrm.intervals import wilson
from hrm.runs import folder as runs
from hrm.study.results import first_difference
from hrm.tasks.boardpath.boards import FLOOR, WALL, Boards
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.examples import Examples
from hrm.training.metrics import read_metrics

BOARD_CNT = 1000
MAX_PARAMETERS = 6_300_000
PROTOCOL = {
    "board_size": 20,
    "board_sizes": None,
    "wall_prob": 0.3,
    "train_count": 2000,
    "val_count": 500,
    "stream": False,
    "train_boards": None,
}
SEED_AND_MACHINE = {"task__seed": 0, "train__seed": 0, "train__threads": 1}
"""What may differ between the runs of a recipe, as one and the same."""
SCORES = ("board_acc", "acc4x", "solved", "solved4x")


@dataclass(frozen=True)
class Measurement:
    """What one run is worth on the test boards."""

    run: str
    kind: str
    """"plain", "augmented", "ends moved", or how it departs from the protocol."""
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


def measure(run: Path, board_cnt: int = BOARD_CNT) -> Measurement:
    """Test a finished run's best checkpoint.

    Args:
        run: its folder.
        board_cnt: held-out boards to test on.

    Raises:
        ValueError: if it is no finished run of board paths, its boards are not those of its config,
            or a test board is among those that it has seen.
    """
    config, history = runs.read_config(run), read_metrics(run)
    if len(history) < config.train.epoch_cnt:
        raise ValueError(
            f"{run}: {len(history)} of {config.train.epoch_cnt} epochs are done; finish it with"
            f" hrm train --resume --out {run}"
        )
    task = board_paths_of(run, config)
    dataset = load_dataset(config.task)
    if dataset.hashes != json.loads((run / runs.DATA).read_text())["hashes"]:
        raise ValueError(f"{run}: its boards are not those that its config names")
    test = held_out(task, board_cnt)
    seen = require_unseen(run, test.inputs, dataset)
    return _measurement(run, config, history, test, seen)


def board_paths_of(run: Path, config: RunConfig) -> BoardPath:
    """The task of a run, if it is board paths, which alone are measured here.

    Raises:
        ValueError: if it is another task.
    """
    if not isinstance(config.task, TaskConfig):
        raise ValueError(f"{run}: is a run of task {config.task.name}; name runs of boardpath")
    return BoardPath(config.task)


def require_unseen(run: Path, test: Boards, dataset: Dataset) -> tuple[int, int]:
    """Refuse test boards that a run has seen, or the walls of which it has where ends were moved.

    Args:
        run: its folder.
        test: ``(B, N, N)`` boards to test on.
        dataset: the run's boards.

    Returns:
        How many boards the run has seen, and how many test boards are among them when turned or
        mirrored.

    Raises:
        ValueError: if there is a leak.
    """
    config = runs.read_config(run)
    task, seen = board_paths_of(run, config), _seen(dataset, config, len(read_metrics(run)))
    leak = check_leak(task, seen, test)
    if leak.shared:
        raise ValueError(f"{run}: {leak.shared} test boards are among those that it has seen")
    walls = (_walls(test), _walls(seen))
    if task.config.move_ends and check_leak(task, *walls).shared_up_to_symmetry:
        raise ValueError(f"{run}: a test board has the walls of one that it has seen")
    return len(seen), leak.shared_up_to_symmetry


def _measurement(
    run: Path,
    config: RunConfig,
    history: list[dict[str, float]],
    test: Examples,
    seen: tuple[int, int],
) -> Measurement:
    model, versions = HRM.from_pretrained(run), json.loads((run / runs.VERSIONS).read_text())
    segments = config.model.infer_segment_cnt
    short, long = _scores(run, model, test, [segments, LONG * segments])
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
        minutes=sum(row["seconds"] for row in history) / 60,
        epochs=len(history),
        test_boards=len(test),
        test_sha256=content_hash(test.inputs),
        seen_boards=seen[0],
        leaked=0,
        leaked_up_to_symmetry=seen[1],
        commit=versions.get("commit", "unknown"),
        machine=f"{versions['machine']}, torch {versions['torch']}",
        threads=config.train.threads,
    )


def _scores(run: Path, model: HRM, test: Examples, counts: list[int]) -> list[Metrics]:
    """After each count of segments, showing progress."""
    batches = []
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task(str(run), total=len(test))
        for batch in score(model, BoardPath(), test, counts):
            batches.append(batch)
            progress.advance(bar, len(batch[counts[0]].exact))
    found = joined(batches)
    return [found[count].means for count in counts]


def kind(config: RunConfig, parameter_cnt: int) -> str:
    """The class that a run competes in, or how it departs from the protocol."""
    task = config.task.model_dump()
    departures = [
        f"task.{key} {task[key]}, not {wanted}"
        for key, wanted in PROTOCOL.items()
        if task[key] != wanted
    ]
    if parameter_cnt > MAX_PARAMETERS:
        departures.append(f"{parameter_cnt:,} parameters, not {MAX_PARAMETERS:,} at most")
    if config.train.init_from:
        departures.append(f"train.init_from {config.train.init_from}")
    if config.train.seed != config.task.seed:
        departures.append(f"train.seed {config.train.seed}, not task.seed {config.task.seed}")
    if departures:
        return f"outside the protocol: {'; '.join(departures)}"
    if task["move_ends"]:
        return "ends moved"
    return "augmented" if config.task.augment else "plain"


def _seen(dataset: Dataset, config: RunConfig, epochs: int) -> Boards:
    """Every board that a run trains or validates on; augmented views count as the board itself."""
    if dataset.train.fixed is not None:
        return np.concatenate([dataset.train.fixed.inputs, dataset.val.inputs])
    drawn = [dataset.train.epoch(e, config.train.seed).inputs for e in range(1, epochs + 1)]
    return np.concatenate([*drawn, dataset.val.inputs])


def _walls(boards: Boards) -> Boards:
    """The boards without START and END, which views of a training board may have anywhere."""
    return np.where(boards == WALL, WALL, FLOOR).astype(np.uint8)


def require_one_recipe(folders: list[Path]) -> None:
    """Refuse runs that are not the seeds of one recipe; on how many threads is free.

    Raises:
        ValueError: naming the first difference.
    """
    configs = [runs.read_config(folder) for folder in folders]
    if len({config.task.seed for config in configs}) < len(configs):
        raise ValueError("two of the runs have the same task.seed; a row is one run a seed")
    recipes = [config.derive(**SEED_AND_MACHINE).model_dump() for config in configs]
    for folder, recipe in zip(folders, recipes, strict=True):
        if recipe != recipes[0]:
            difference = first_difference(recipe, recipes[0])
            raise ValueError(f"{folder} and {folders[0]}: {difference}; a row is one recipe")


def row(measurements: list[Measurement]) -> str:
    """The Markdown row of a recipe: mean and range of several seeds, the interval of one."""
    first = measurements[0]
    cells = [Path(first.run).name, first.kind, ", ".join(str(m.seed) for m in measurements)]
    for name in SCORES:
        values = [getattr(m, name) for m in measurements]
        if len(values) > 1:  # thirds of a board tell means apart
            share, low, high = f"{mean(values):.4f}", min(values), max(values)
        else:
            share, (low, high) = f"{values[0]:.3f}", wilson(values[0], first.test_boards)
        cells.append(f"{share} ({low:.3f} to {high:.3f})")
    cells += [f"{first.parameters:,}", f"{mean(m.minutes for m in measurements):.3g}"]
    return "| " + " | ".join([*cells, ", ".join(sorted({m.commit for m in measurements}))]) + " |"


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description="Measure finished runs, the seeds of one recipe.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    with errors_as_exit_codes():
        folders = parser.parse_args().runs
        require_one_recipe(folders)
        measurements = [measure(folder) for folder in folders]
        print(row(measurements))
        for measurement in measurements:
            print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
