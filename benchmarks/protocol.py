"""The protocols of docs/records.md: what a run may use, and the class that it competes in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar
from typing import Protocol as Interface

from hrm import RunConfig
from hrm.intervals import wilson
from hrm.runs import folder as runs
from hrm.study.results import first_difference
from hrm.training.metrics import read_metrics

_Choice = TypeVar("_Choice")

SEED_AND_MACHINE = {"task__seed": 0, "train__seed": 0, "train__threads": 1}
"""What may differ between the runs of a recipe, as one and the same."""


@dataclass(frozen=True)
class Protocol:
    """Of one task."""

    settings: dict[str, tuple[object, ...]]
    """Keys of the task, each with the values that it may have."""
    class_of: Callable[[Any], str]
    """The class that a run's task settings put it in."""
    max_parameters: int | None = None


def _board_path_class(task: Any) -> str:
    if task.move_ends:
        return "ends moved"
    return "augmented" if task.augment else "plain"


def _sudoku_class(task: Any) -> str:
    words = [f"{task.train_count:,} puzzles"]
    words += [f"of {Path(task.train_boards).name}"] if task.train_boards else []
    words += [f"up to {task.reveal} cells revealed"] if task.reveal else []
    return ", ".join(words)


PROTOCOLS = {
    "boardpath": Protocol(
        settings={
            "board_size": (20,),
            "board_sizes": (None,),
            "wall_prob": (0.3,),
            "train_count": (2000,),
            "val_count": (500,),
            "stream": (False,),
            "train_boards": (None,),
            "mazes": (0.0,),
        },
        class_of=_board_path_class,
        max_parameters=6_300_000,
    ),
    "sudoku": Protocol(
        settings={
            "size": (9,),
            "min_guesses": (20,),
            "train_count": (1000, 10_000),
            "val_count": (200,),
            "stream": (False,),
        },
        class_of=_sudoku_class,
    ),
}


def of_task(choices: Mapping[str, _Choice], run: Path, config: RunConfig) -> _Choice:
    """What is laid down for a run's task.

    Args:
        choices: by the name of the task.
        run: its folder.
        config: of the run.

    Raises:
        ValueError: if there is nothing for the task.
    """
    name = config.task.name
    if name not in choices:
        raise ValueError(f"{run}: is a run of task {name}; name runs of {' or '.join(choices)}")
    return choices[name]


def kind(config: RunConfig, parameter_cnt: int) -> str:
    """The class that a run competes in, or how it departs from the protocol."""
    task, protocol = config.task, PROTOCOLS[config.task.name]
    departures = [
        f"task.{key} {getattr(task, key)}, not {' or '.join(map(str, wanted))}"
        for key, wanted in protocol.settings.items()
        if getattr(task, key) not in wanted
    ]
    most = protocol.max_parameters
    if most is not None and parameter_cnt > most:
        departures.append(f"{parameter_cnt:,} parameters, not {most:,} at most")
    if config.train.init_from:
        departures.append(f"train.init_from {config.train.init_from}")
    if config.train.seed != config.task.seed:
        departures.append(f"train.seed {config.train.seed}, not task.seed {config.task.seed}")
    if departures:
        return f"outside the protocol: {'; '.join(departures)}"
    return protocol.class_of(task)


def finished(run: Path) -> tuple[RunConfig, list[dict[str, float]]]:
    """The config and the metrics of a run that is over.

    Raises:
        ValueError: if it is not over, or no run.
    """
    config, history = runs.read_config(run), read_metrics(run)
    if len(history) < config.train.epoch_cnt:
        raise ValueError(
            f"{run}: {len(history)} of {config.train.epoch_cnt} epochs are done; finish it with"
            f" hrm train --resume --out {run}"
        )
    return config, history


def share_cell(values: Sequence[float], puzzle_cnt: int) -> str:
    """A cell of the table: mean and range of several seeds, or the 95 % interval of one.

    Args:
        values: a share for each seed.
        puzzle_cnt: that each share is of.
    """
    if len(values) > 1:  # thirds of a puzzle tell means apart
        share, low, high = f"{mean(values):.4f}", min(values), max(values)
    else:
        share, (low, high) = f"{values[0]:.3f}", wilson(values[0], puzzle_cnt)
    return f"{share} ({low:.3f} to {high:.3f})"


def minutes_of(history: list[dict[str, float]]) -> float:
    """Training and validation, from a run's metrics."""
    return sum(row["seconds"] for row in history) / 60


class Measured(Interface):
    """What every row of the table ends with."""

    @property
    def parameters(self) -> int: ...
    @property
    def minutes(self) -> float: ...
    @property
    def commit(self) -> str: ...


def table_row(cells: list[str], measurements: Sequence[Measured]) -> str:
    """A Markdown row: the cells, then parameters, mean minutes and commits of the runs."""
    ends = [f"{measurements[0].parameters:,}", f"{mean(m.minutes for m in measurements):.3g}"]
    commits = ", ".join(sorted({m.commit for m in measurements}))
    return f"| {' | '.join([*cells, *ends, commits])} |"


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
