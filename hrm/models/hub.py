"""Where models live: bundled names, local folders, run folders, the Hugging Face hub.

A model folder holds `config.json` (``board_size`` and ``model``), `model.safetensors` and a model
card, `README.md`. Nothing here unpickles anything.
"""

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from pydantic import ValidationError
from torch import Tensor

from hrm.config.schema import MAX_CONFIG_BYTES, ModelConfig, explain
from hrm.files import read_text, write_atomic
from hrm.models import tensors

BUNDLED = Path(__file__).parent.parent / "pretrained"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT_VERSION = 1

_REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$")


def bundled_models() -> list[str]:
    """Names of the models inside this package."""
    return sorted(folder.parent.name for folder in BUNDLED.glob(f"*/{CONFIG}"))


def find_model(name_or_folder: str | Path, **download: Any) -> Path:
    """The folder of a model: bundled, local, a run's best checkpoint, or downloaded from the hub.

    Args:
        name_or_folder: see `HRM.from_pretrained`.
        **download: passed to `huggingface_hub.snapshot_download`.

    Raises:
        ValueError: naming what was looked for, and the bundled models.
    """
    name = str(name_or_folder)
    if name in bundled_models():
        return BUNDLED / name
    folder = Path(name)
    if folder.is_dir():
        checkpoints = folder / "checkpoints"
        for found in (checkpoints / "best", checkpoints / "last", folder):
            if (found / CONFIG).is_file():
                return found
        raise ValueError(f"model {name}: the folder has no {CONFIG}; name a model or run folder")
    # A name like `runs/demo` beside an existing folder `runs` is a missing run, not a repository.
    if _REPOSITORY.match(name) and not folder.parent.is_dir():
        return _download(name, **download)
    raise ValueError(
        f"model {name}: no such folder or bundled model; bundled: {', '.join(bundled_models())}"
    )


def read_config(folder: Path) -> tuple[ModelConfig, int]:
    """The model's config and board size.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    file = folder / CONFIG
    content = _read_json(file)
    try:
        version, board_size = content.get("format_version", FORMAT_VERSION), content["board_size"]
        config = ModelConfig.model_validate(content["model"])
    except ValidationError as error:
        raise ValueError("\n".join(f"{file}: {line}" for line in explain(error, "model"))) from None
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"{file}: damaged: expected the keys board_size and model") from None
    if version != FORMAT_VERSION:
        raise ValueError(f"{file}: format {version!r}, but this version reads {FORMAT_VERSION}")
    if type(board_size) is not int or not 2 <= board_size <= 64:
        raise ValueError(f"{file}: board_size: expected a number from 2 to 64, got {board_size!r}")
    return config, board_size


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
    folder: Path,
    config: ModelConfig,
    board_size: int,
    weights: dict[str, Tensor],
    card: str | None = None,
) -> None:
    """Write a model folder; each file is replaced atomically, and the config, by which a folder is
    taken for a model, comes after the weights.

    Raises:
        OSError: if the folder cannot be written.
    """
    description = _describe(config, board_size)
    tensors.write(folder / WEIGHTS, weights, description)
    write_atomic(folder / CONFIG, description)
    write_atomic(folder / CARD, card or _plain_card(config, board_size, weights))


def _describe(config: ModelConfig, board_size: int) -> str:
    content = {
        "format_version": FORMAT_VERSION,
        "board_size": board_size,
        "model": config.model_dump(),
    }
    return json.dumps(content, indent=2) + "\n"


def _read_json(file: Path) -> Any:
    try:
        return json.loads(read_text(file, MAX_CONFIG_BYTES))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{file}: damaged: not JSON") from None


def _plain_card(config: ModelConfig, board_size: int, weights: dict[str, Tensor]) -> str:
    parameters = sum(tensor.numel() for tensor in weights.values())
    settings = "\n".join(f"| {key} | {value} |" for key, value in config.model_dump().items())
    return (
        "---\nlibrary_name: hrm-lab\nlicense: mit\ntags: [hrm, reasoning]\n---\n"
        f"# Hierarchical Reasoning Model for {board_size}×{board_size} board paths\n\n"
        f"{parameters:,} parameters. Load it with `HRM.from_pretrained`.\n\n"
        f"| parameter | value |\n|---|---|\n{settings}\n"
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
