"""The protocols of docs/records.md: what a run may use, and the class that it competes in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrm import RunConfig
from hrm.runs import folder as runs
from hrm.study.results import first_difference

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


def protocol_of(run: Path, config: RunConfig) -> Protocol:
    """The protocol of a run's task.

    Raises:
        ValueError: if the task has none.
    """
    name = config.task.name
    if name not in PROTOCOLS:
        raise ValueError(f"{run}: is a run of task {name}; name runs of {' or '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


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
