"""Presets, whole configs by name, one YAML file each in `hrm/presets`; what a task starts from."""

from pathlib import Path
from typing import Any, NamedTuple

from hrm.config.explain import perhaps
from hrm.config.load import MAX_CONFIG_BYTES, validate
from hrm.config.nested import lay_over
from hrm.config.schema import RunConfig
from hrm.config.yaml_text import parse_yaml
from hrm.files import read_text
from hrm.tasks import registry

FOLDER = Path(__file__).parents[1] / "presets"

RENAMED = {"boardpath-10x10": "specification", "boardpath-20x20": "specification-20x20"}
"""Former names; they were also those of bundled models, which are something else."""


_OF_ANY_PUZZLE, _OF_GROUPS = "puzzle", "groups"
"""The presets that tasks start from, where none is named."""


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


class About(NamedTuple):
    """What the file of a preset says besides its settings."""

    purpose: str
    """What it is for, in a line."""
    parameters: str
    """Of the network, such as "0.2 M"."""
    time: str
    """That a run takes on two CPU cores with nothing else to do, about, such as "50 min"."""


def about(name: str) -> About:
    """What a preset is for, and what it costs: operations divided by the rates in
    docs/performance.md, for the published runs 120 GFLOP/s; that of `record-sudoku` is estimated by
    `training.cost`."""
    content = _read(name)
    return About(*(str(content[key]) for key in About._fields))


def preset(name: str) -> RunConfig:
    """The config of a preset; a former name does too.

    Raises:
        ValueError: if there is no such preset, with the names of all.
    """
    name = RENAMED.get(name, name)
    if name not in preset_names():
        raise ValueError(f"preset {name}: unknown; choose from {', '.join(preset_names())}")
    return validate(_settings(name))


def starting_point(name: str) -> RunConfig:
    """The config of a preset, or of a task: a small network for whatever puzzle.

    Args:
        name: of a preset, a task that comes with hrm, or FILE.py:Class.

    Raises:
        ValueError: if it is neither, with the nearest name.
    """
    if name in preset_names() or name in RENAMED:
        return preset(name)
    if name not in registry.BUILT_IN and ":" not in name and not name.endswith(".py"):
        known = [*preset_names(), *registry.BUILT_IN]
        guess = perhaps(name, known, f"choose from {', '.join(known)}, or name FILE.py:Class")
        raise ValueError(f"{name}: unknown preset or task; {guess}")
    task = registry.make(registry.read_settings({"name": name}))
    changes = {"task": {"name": name, **task.config.begins_with}}
    structure = task.structure
    if structure.groups and len(structure.interchangeable) == 1 and task.completes:
        return validate(lay_over(preset(_OF_GROUPS).model_dump(), changes))
    # Groups such as the rows of a puzzle lie where they lie: relative positions do not tell them.
    # On 4×4 Sudokus a tiny model solves 0.97 with learned positions and 0.00 without.
    changes["model"] = {
        "local_mixing": bool(structure.neighbourhood),
        "use_abs_pos": bool(structure.groups),
    }
    return validate(lay_over(preset(_OF_ANY_PUZZLE).model_dump(), changes))


def _settings(name: str) -> dict[str, Any]:
    """By section, complete: what the file says, laid over what it extends or the defaults."""
    content = _read(name)
    extended = content.pop("extends", None)
    below = _settings(extended) if extended else RunConfig().model_dump()
    return lay_over(below, {k: v for k, v in content.items() if k not in About._fields})


def _read(name: str) -> dict[str, Any]:
    file = FOLDER / f"{name}.yaml"
    return parse_yaml(read_text(file, MAX_CONFIG_BYTES), source=str(file))
