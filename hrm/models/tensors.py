"""Named tensors in one safetensors file: written atomically, checked when read.

The file's header carries a checksum of all names, shapes, types and values, and optionally a text.
Files of other writers have no checksum; they are read all the same.
"""

import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hrm.files import write_atomic

_SEAL = "hrm"
_SHA256 = re.compile("[0-9a-f]{64}")


def write(path: Path, named: dict[str, Tensor], text: str = "") -> None:
    """Write tensors (and a text, such as JSON) to one file.

    Raises:
        OSError: if the file cannot be written.
    """
    # Clones: safetensors refuses tensors that share memory, such as parts of one flat buffer.
    named = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in named.items()}
    # One entry only: safetensors writes several in random order, and equal content should be
    # equal bytes.
    seal = {"sha256": _checksum(named, text), "text": text}
    write_atomic(path, save(named, {_SEAL: json.dumps(seal)}))


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors and the text of a file.

    Raises:
        ValueError: naming the file, if it is missing, unreadable or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            seal = _read_seal(file.metadata() or {})
            # Clones, because what is read is a view of the file, which may be replaced.
            named = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"{path}: No such file or directory") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    except (SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from None
    text = str(seal.get("text", ""))
    if seal and seal.get("sha256") != _checksum(named, text):
        raise ValueError(f"{path}: damaged: its content does not match its checksum")
    return named, text


def _read_seal(metadata: dict[str, str]) -> dict[str, str]:
    if _SEAL in metadata:
        return dict(json.loads(metadata[_SEAL]))
    # By its look too: damage to its name must not turn the file into one without a seal.
    return next(filter(None, map(_as_seal, metadata.values())), {})


def _as_seal(value: str) -> dict[str, str] | None:
    """The seal that an entry of the metadata is; None: other writers keep hashes there too."""
    try:
        seal = json.loads(value)
    except (ValueError, RecursionError):
        return None
    looks_like_one = isinstance(seal, dict) and seal.keys() == {"sha256", "text"}
    return seal if looks_like_one and _SHA256.fullmatch(str(seal["sha256"])) else None


def _checksum(named: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(named):
        tensor = named[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
