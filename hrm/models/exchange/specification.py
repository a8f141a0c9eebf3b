"""The state dict of the specification's own code, which says nothing of heads, cycles and size.

What is exported here has them in `parameters.yaml`, under the specification's names.
"""

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from hrm.config.model import ModelConfig
from hrm.config.yaml_text import to_yaml
from hrm.files import write_atomic
from hrm.models.exchange import checkpoint
from hrm.models.exchange.names import to_ours, to_theirs
from hrm.models.hrm import HRM
from hrm.models.layers import inner_width
from hrm.tasks import registry
from hrm.tasks.grid import Grid, Shape

WEIGHTS, PARAMETERS = "boardpath.pt", "parameters.yaml"
_ONLY = {
    "modules": "HL",
    "grad_horizon": "one_step",
    "rope_2d": False,
    "local_mixing": False,
    "attention": True,
    "code_axis": False,
}
"""What the specification's code has no other choice of."""
_SAVED = [
    *("d_model", "head_cnt", "sdpa_dropout", "bias_qkv", "bias_o", "expansion"),
    *("elementwise_affine", "dropout", "H_block_cnt", "L_block_cnt", "H_cycle_cnt", "L_cycle_cnt"),
    *("learnable_z_init", "infer_segment_cnt", "use_rope", "use_abs_pos", "head_bias"),
]


def describe(
    file: Path, named: dict[str, Tensor], shape: Shape | None
) -> tuple[dict[str, Any], Grid, dict[str, Tensor]]:
    """As `published.describe`; what the file does not tell has its default.

    Raises:
        ValueError: if it is no state dict of the specification's code.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in named.items():
        ours = to_ours(name, "specification")
        if ours is None:
            raise ValueError(f"{file}: {name}: no weight of the specification's code")
        weights[ours] = tensor.float().flatten() if ours.endswith("_init") else tensor.float()
    first = "H.blocks.0.sublayers"
    for name in ("embedding.tokens.weight", "head.weight", f"{first}.1.down.weight"):
        if name not in weights or weights[name].ndim != 2:
            missing = to_theirs(name, "specification")
            raise ValueError(f"{file}: {missing} is missing; that is not a whole state dict")
    vocab, width = weights["embedding.tokens.weight"].shape
    config: dict[str, Any] = {
        "d_model": width,
        "expansion": _expansion(weights[f"{first}.1.down.weight"].shape[1], width),
        "bias_qkv": f"{first}.0.qkv.bias" in weights,
        "bias_o": f"{first}.0.out.bias" in weights,
        "head_bias": "head.bias" in weights,
        "elementwise_affine": "H.blocks.0.norms.0.weight" in weights,
        "use_abs_pos": "embedding.positions.weight" in weights,
        "H_block_cnt": _block_cnt(weights, "H"),
        "L_block_cnt": _block_cnt(weights, "L"),
    }
    saved = checkpoint.read_settings(file.parent / PARAMETERS)
    config |= {key: saved[key] for key in _SAVED if key in saved}
    cells = saved.get("seq_len")
    if config["use_abs_pos"]:
        cells = len(weights["embedding.positions.weight"])
    if shape is None:
        side = math.isqrt(cells) if isinstance(cells, int) and cells > 0 else 10
        shape = side, side
    structure = registry.default_task().structure
    return config, Grid(*shape, vocab, len(weights["head.weight"]), structure), weights


def task_of(file: Path, grid: Grid) -> dict[str, Any]:
    """What a model folder says of the task: board paths, the specification's puzzle."""
    if grid.height != grid.width:
        raise ValueError(f"{file}: the specification's boards are square; give --size N")
    return registry.describe(registry.default_task(grid.height).config)


def export(model: HRM, out: Path) -> list[Path]:
    """Write a network as a state dict of the specification's code, and its parameters beside it.

    Raises:
        ValueError: if that code has no such network, naming the setting.
        OSError: if the files cannot be written.
    """
    config = model.config
    for key, only in _ONLY.items():
        if getattr(config, key) != only:
            raise ValueError(
                f"model.{key}: {getattr(config, key)!r}; the specification's code has only"
                f" {only!r}, so this model cannot be written for it"
            )
    tensors = {}
    for name, tensor in model.state_dict().items():
        theirs = to_theirs(name, "specification")
        assert theirs is not None, name
        tensors[theirs] = tensor.view(1, 1, -1) if name.endswith("_init") else tensor
    values = {key: getattr(config, key) for key in _SAVED}
    values["L_block_cnt"] = config.L_block_cnt or config.H_block_cnt
    size = {"vocab_cnt": model.grid.input_codes, "seq_len": model.grid.cell_cnt}
    files = [out / WEIGHTS, out / PARAMETERS]
    checkpoint.write(files[0], tensors)
    write_atomic(files[1], to_yaml(size | values))
    return files


def _expansion(inner: int, width: int) -> float:
    """One that makes SwiGLU as wide as it is."""
    default = ModelConfig().expansion
    return default if inner_width(width, default) == inner else (inner + 0.5) * 1.5 / width


def _block_cnt(weights: dict[str, Tensor], module: str) -> int:
    ending = ".sublayers.1.down.weight"
    return sum(name.startswith(f"{module}.") and name.endswith(ending) for name in weights)
