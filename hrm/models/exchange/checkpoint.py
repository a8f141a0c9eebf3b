"""Foreign checkpoints: found, read without running anything in them, and written."""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrm.config.yaml_text import parse_yaml
from hrm.files import read_text, write_atomic

_MAX_CONFIG_BYTES = 2**20
_STEP = re.compile(r"step_(\d+)")
_ENDINGS = (".pt", ".pth", ".bin")


def find(place: Path) -> Path:
    """The file with the weights: the place itself, or in a folder ``step_N`` of the highest N, or
    the only file that ends as such files do.

    Raises:
        ValueError: if there is none, or more than one.
    """
    if place.is_file():
        return place
    if not place.is_dir():
        raise ValueError(f"{place}: no such file or folder")
    steps = {int(m[1]): f for f in place.iterdir() if (m := _STEP.fullmatch(f.name))}
    if steps:
        return steps[max(steps)]
    found = sorted(f for f in place.iterdir() if f.suffix in _ENDINGS)
    if len(found) == 1:
        return found[0]
    names = ", ".join(f.name for f in found) or "none"
    raise ValueError(
        f"{place}: expected one checkpoint, step_N or a file ending in {', '.join(_ENDINGS)}, found"
        f" {names}; name the file"
    )


def read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file that `torch.save` wrote, on the CPU. Only tensors are read: whatever
    else is in the file is refused before anything of it runs.

    Raises:
        ValueError: naming the file, if it is damaged or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that PyTorch did not write
            found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises many kinds, depending on what is wrong
        reason = "damaged, or it holds more than tensors"
        if isinstance(error, FileNotFoundError | PermissionError):
            reason = str(error.strerror)
        raise ValueError(f"{file}: is not read: {reason}; only plain state dicts are") from None
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{file}: holds {type(found).__name__}, expected named tensors")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ValueError(f"{file}: {name!r} is no tensor; save the state dict alone")
        if not tensor.is_floating_point() or tensor.layout != torch.strided:
            raise ValueError(f"{file}: {name} holds {tensor.dtype}, expected plain floats")
        if not tensor.isfinite().all():
            raise ValueError(f"{file}: {name} is not finite; take a checkpoint from before that")
    return found


def read_settings(file: Path) -> dict[str, Any]:
    """The YAML that stands beside the weights; empty where there is none.

    Raises:
        ValueError: if it is no YAML of named values.
    """
    if not file.is_file():
        return {}
    content = parse_yaml(read_text(file, _MAX_CONFIG_BYTES), source=str(file))
    if not isinstance(content, dict):
        raise ValueError(f"{file}: expected named values")
    return content


def write(file: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors as `torch.save` does.

    Raises:
        OSError: if it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}, buffer)
    write_atomic(file, buffer.getvalue())
