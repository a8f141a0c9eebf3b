"""Where models live: bundled names, local folders, run folders, the Hugging Face hub.

A model folder holds `config.json` (``task``, ``grid``, ``model``; in version 1 ``board_size`` and
``model``), `model.safetensors` and a model card, `README.md`. Nothing here unpickles anything, and
nothing loads a task's code from a model folder.
"""

import json
import operator
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from pydantic import ValidationError
from torch import Tensor

from hrm.config import networks
from hrm.config.explain import explain
from hrm.config.load import MAX_CONFIG_BYTES
from hrm.config.model import ModelConfig
from hrm.files import markdown_table, read_text, write_atomic
from hrm.models import tensors
from hrm.tasks import registry
from hrm.tasks.grid import NINE, Grid, Structure, shape_words
from hrm.tasks.settings import LARGEST_SIDE

DEFAULT_MODEL = "boardpath-10x10"
"""The bundled model that is used where none is named."""
BUNDLED = Path(__file__).parent.parent / "pretrained"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT_VERSION = 2

_NUMBERS = {
    "height": LARGEST_SIDE,
    "width": LARGEST_SIDE,
    "input_codes": 65_536,
    "answer_codes": 65_536,
    "puzzle_identifiers": 2**24,
}
"""Of a grid, as they stand in `config.json`, with the largest that is believed."""
_FARTHEST = 32
"""A neighbour at most, in rows and columns."""
_NUMBERS_IN_A_LIST = re.compile(r"\[[\s\d,-]+\]")
_REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$")


def bundled_models() -> list[str]:
    """Names of the models inside this package."""
    return sorted(folder.parent.name for folder in BUNDLED.glob(f"*/{CONFIG}"))


def find_model(name_or_folder: str | Path, **download: Any) -> Path:
    """The folder of a model: bundled, local, a run's best checkpoint, or downloaded from the hub.

    Args:
        name_or_folder: see `hrm.from_pretrained`.
        **download: passed to `huggingface_hub.snapshot_download`.

    Raises:
        ValueError: naming what was looked for, and the bundled models.
    """
    name = str(name_or_folder)
    if name in bundled_models():
        return BUNDLED / name
    folder = Path(name)
    if folder.is_dir():
        best, last = (folder / "checkpoints" / kind for kind in ("best", "last"))
        for found in (best, folder):
            if (found / CONFIG).is_file():
                return found
        if (last / CONFIG).is_file():
            raise ValueError(
                f"model {name}: this run has not finished an epoch, so its model has hardly learned"
                f" anything; go on with it, or name {last} to use it as it is"
            )
        raise ValueError(f"model {name}: the folder has no {CONFIG}; name a model or run folder")
    # A name like `runs/demo` beside an existing folder `runs` is a missing run, not a repository.
    if _REPOSITORY.match(name) and not folder.parent.is_dir():
        return _download(name, **download)
    raise ValueError(
        f"model {name}: no such folder or bundled model; bundled: {', '.join(bundled_models())}"
    )


class Described(NamedTuple):
    """What `config.json` says of a model; the arguments that make one."""

    config: networks.NetworkConfig
    grid: Grid
    task: dict[str, Any]


def read_config(folder: Path) -> Described:
    """What a model is.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    file = folder / CONFIG
    content = _read_json(file)
    try:
        version = content.get("format_version", 1)
        if content["model"].get("network", networks.DEFAULT) not in networks.SETTINGS:
            raise ValueError(f"{file}: network {content['model']['network']!r} is not known here")
        config = networks.read_settings(content["model"])
        if version == 1:
            return Described(config, *_of_version_1(file, content["board_size"]))
        if version == FORMAT_VERSION:
            return Described(config, _grid(content["grid"], config), _task(content["task"]))
    except ValidationError as error:
        network = networks.network_of(content["model"])
        lines = explain(error, "model", network=network)
        raise ValueError("\n".join(f"{file}: {line}" for line in lines)) from None
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"{file}: damaged: expected the keys task, grid and model") from None
    raise ValueError(f"{file}: format {version!r}, but this version reads 1 to {FORMAT_VERSION}")


def _of_version_1(file: Path, board_size: Any) -> tuple[Grid, dict[str, Any]]:
    """Before there were tasks, every model was one of the default task."""
    if type(board_size) is not int:
        raise ValueError(f"{file}: board_size: expected a number, got {board_size!r}")
    try:
        task = registry.default_task(board_size)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return task.grid, registry.describe(task.config)


def _grid(values: dict[str, Any], config: networks.NetworkConfig) -> Grid:
    # Before puzzles had identifiers, a grid said nothing of them.
    values = {"puzzle_identifiers": Grid.puzzle_identifiers, **values}
    numbers = {name: values[name] for name in _NUMBERS}
    for name, number in numbers.items():
        if type(number) is not int or not 1 <= number <= _NUMBERS[name]:
            raise TypeError
    grid = Grid(**numbers)
    # Before it was written, local mixing was always along the nine cells around.
    mixes = isinstance(config, ModelConfig) and config.local_mixing
    before = {"neighbourhood": NINE} if mixes else {}
    return replace(grid, structure=_structure(values.get("structure", before), grid))


def _structure(values: dict[str, Any], grid: Grid) -> Structure:
    neighbourhood: Any = _tuples(values.get("neighbourhood", ()), -_FARTHEST, _FARTHEST + 1)
    groups = {
        kind: _tuples(cells, 0, grid.cell_cnt) for kind, cells in values.get("groups", {}).items()
    }
    codes = _tuples(values.get("interchangeable", ()), 0, min(grid.input_codes, grid.answer_codes))
    alike = tuple(map(tuple, values.get("alike", ())))
    structure = Structure(neighbourhood, groups, codes, alike)
    if structure.misnamed or not all(alike):
        raise TypeError
    return structure


def _tuples(lists: Any, first: int, end: int) -> tuple[tuple[int, ...], ...]:
    """Lists of numbers, checked: what does not fit the grid is damage."""
    found = tuple(tuple(operator.index(number) for number in numbers) for numbers in lists)
    if not all(numbers and first <= min(numbers) <= max(numbers) < end for numbers in found):
        raise TypeError
    return found


def _task(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise TypeError
    return values


def read_weights(folder: Path, expected: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The weights of a model folder, checked against what its config asks for.

    Raises:
        ValueError: if the file is missing, damaged, or of another model, or if the config is not
            the one that was saved with the weights.
    """
    file = folder / WEIGHTS
    weights, sealed_config = tensors.read(file)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise ValueError(
                f"{file}: does not fit {CONFIG}: {name} is"
                f" {shapes.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
            )
        if not weights[name].is_floating_point():
            raise ValueError(f"{file}: {name} holds {weights[name].dtype}, expected floats")
    if sealed_config and json.loads(sealed_config) != _read_json(folder / CONFIG):
        raise ValueError(f"{folder / CONFIG}: damaged or edited: not what {WEIGHTS} was saved with")
    return weights


def write_model(
    folder: Path, described: Described, weights: dict[str, Tensor], card: str | None = None
) -> None:
    """Write a model folder; each file is replaced atomically, and the config, by which a folder is
    taken for a model, comes after the weights.

    Raises:
        OSError: if the folder cannot be written.
    """
    description = _to_json(described)
    tensors.write(folder / WEIGHTS, weights, description)
    write_atomic(folder / CONFIG, description)
    write_atomic(folder / CARD, card or _plain_card(described, weights))


def _to_json(described: Described) -> str:
    grid, config = described.grid, described.config
    numbers = {name: getattr(grid, name) for name in _NUMBERS}
    uses_structure = isinstance(config, ModelConfig) and (config.local_mixing or config.code_axis)
    content = {
        "format_version": FORMAT_VERSION,
        "task": described.task,
        "grid": numbers | ({"structure": asdict(grid.structure)} if uses_structure else {}),
        "model": config.model_dump(),
    }
    return _NUMBERS_IN_A_LIST.sub(_in_one_line, json.dumps(content, indent=2)) + "\n"


def _in_one_line(numbers: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", numbers[0]).replace("[ ", "[").replace(" ]", "]")


def _read_json(file: Path) -> Any:
    try:
        return json.loads(read_text(file, MAX_CONFIG_BYTES))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{file}: damaged: not JSON") from None


def _plain_card(described: Described, weights: dict[str, Tensor]) -> str:
    parameters = sum(tensor.numel() for tensor in weights.values())
    task = described.task.get("name", "a grid puzzle")
    settings = markdown_table(("parameter", "value"), described.config.model_dump().items())
    return (
        "---\nlibrary_name: hrm-lab\nlicense: mit\ntags: [hrm, reasoning]\n---\n"
        f"# Hierarchical Reasoning Model for {task}, {shape_words(described.grid.shape)} cells\n\n"
        f"{parameters:,} parameters. Load it with `hrm.from_pretrained`.\n\n{settings}\n"
    )


def _download(repository: str, **download: Any) -> Path:
    try:
        folder = snapshot_download(repository, allow_patterns=[CONFIG, WEIGHTS, CARD], **download)
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"model {repository}: neither a local folder nor to be had from the hub: {reason}"
        ) from None
    return Path(folder)
