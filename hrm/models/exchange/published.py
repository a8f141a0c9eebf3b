"""Checkpoints of the published HRM and TRM: `all_config.yaml` beside `step_N`.

The file does not tell the shape of the puzzles. What is exported here has it under the key `hrm`.
"""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrm.config.published import HRMActConfig, PublishedConfig, TRMConfig, rounded_inner_width
from hrm.config.yaml_text import to_yaml
from hrm.files import write_atomic
from hrm.models.exchange import checkpoint
from hrm.models.exchange.names import to_ours, to_theirs
from hrm.models.published import PublishedNetwork
from hrm.tasks.grid import Grid, Shape

CONFIG = "all_config.yaml"
_PREFIXES = ("_orig_mod.", "model.", "inner.")
_SAVED_PREFIX = "_orig_mod.model.inner."
_SHAPES = {11: (9, 9), 6: (30, 30), 12: (30, 30)}
"""Of the published puzzles, by vocabulary: Sudoku, mazes, ARC."""
_NAMES = {
    "hrm_act": "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1",
    "trm": "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1",
}


def is_published(named: dict[str, Tensor]) -> bool:
    """Whether weights have the names of the published code."""
    return any(_plain(name) == "embed_tokens.embedding_weight" for name in named)


def describe(
    file: Path, named: dict[str, Tensor], shape: Shape | None
) -> tuple[dict[str, Any], Grid, dict[str, Tensor]]:
    """What a checkpoint is: the settings of a network, its grid, and the weights by our names.

    Args:
        file: the checkpoint.
        named: its tensors.
        shape: rows and columns of the puzzles; None: as the files tell.

    Raises:
        ValueError: if it is no checkpoint of these networks, or the shape is not known.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in named.items():
        ours = to_ours(_plain(name), "published")
        if ours is None:
            raise ValueError(f"{file}: {name}: no weight of the published HRM or TRM")
        weights[ours] = tensor.float()
    for name in ("embedding.puzzles.weights", "head.weight", "L.blocks.0.mlp.down.weight"):
        if name not in weights or weights[name].ndim != 2:
            missing = to_theirs(name, "published")
            raise ValueError(f"{file}: {missing} is missing; that is not a whole checkpoint")
    settings = checkpoint.read_settings(file.parent / CONFIG)
    config = _config(file, settings.get("arch"), weights)
    own = settings.get("hrm")
    own = own if isinstance(own, dict) else {}
    for key in ("infer_segment_cnt", "grad_horizon"):
        if key in own:
            config[key] = own[key]
    ids, width = weights["embedding.puzzles.weights"].shape
    vocab = len(weights["embedding.tokens.weight"])
    if width != config["d_model"]:
        raise ValueError(f"{file}: vectors of puzzles are {width} wide, the network is not")
    tokens = config.get("puzzle_token_cnt", _defaults(config).puzzle_token_cnt)
    length = _length(weights)
    cells = None if length is None else length - int(tokens)
    rows, columns = shape or _shape_of(file, own, vocab, cells)
    answers = len(weights["head.weight"])
    return config, Grid(rows, columns, vocab, answers, puzzle_identifiers=ids), weights


def export(model: PublishedNetwork, out: Path) -> list[Path]:
    """Write a network as a published checkpoint.

    Args:
        model: to write.
        out: the folder.

    Returns:
        The files.

    Raises:
        OSError: if they cannot be written.
    """
    tensors = {}
    for name, tensor in model.state_dict().items():
        theirs = to_theirs(name, "published")
        assert theirs is not None, name
        fixed = name.endswith("_init") and torch.equal(tensor, tensor.bfloat16().float())
        tensors[_SAVED_PREFIX + theirs] = tensor.bfloat16() if fixed else tensor
    config, grid = model.config, model.grid
    own = {"rows": grid.height, "columns": grid.width, "task": model.task}
    own |= {key: getattr(config, key) for key in ("infer_segment_cnt", "grad_horizon")}
    files = [out / CONFIG, out / "step_0"]
    checkpoint.write(files[1], tensors)
    write_atomic(files[0], to_yaml({"arch": _arch(config), "hrm": own}))
    return files


def task_of(file: Path, grid: Grid) -> dict[str, Any]:
    """What a model folder says of the task: the one that was exported, or a data set's puzzles."""
    own = checkpoint.read_settings(file.parent / CONFIG).get("hrm")
    task = own.get("task") if isinstance(own, dict) else None
    if isinstance(task, dict) and task:
        return task
    return {
        "name": "folder",
        "rows": grid.height,
        "columns": grid.width,
        "vocab_size": grid.input_codes,
        "puzzle_identifiers": grid.puzzle_identifiers,
    }


def _config(file: Path, arch: Any, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The settings, from `arch` of the YAML where there is one, else from the weights."""
    arch = arch if isinstance(arch, dict) else {}
    two = any(name.startswith("H.") for name in weights)
    mixer = "L.blocks.0.mixing.mlp.down.weight" in weights
    width = weights["embedding.tokens.weight"].shape[1]
    found = {"hidden_size": width, "L_layers": _block_cnt(weights, "L")}
    found |= {"H_layers": _block_cnt(weights, "H")} if two else {"mlp_t": mixer}
    for key, value in found.items():
        if arch.get(key, value) != value:
            raise ValueError(
                f"{file}: {CONFIG} says {key}: {arch[key]}, and the weights say {value}; they do"
                " not belong together"
            )
    config: dict[str, Any] = {
        "network": "hrm_act" if two else "trm",
        "d_model": width,
        "head_cnt": arch.get("num_heads", max(1, width // 64)),
        "expansion": arch.get("expansion", _expansion(file, weights, width)),
        "L_block_cnt": _block_cnt(weights, "L"),
    }
    if two:
        config["H_block_cnt"] = _block_cnt(weights, "H")
    else:
        config["mixing"] = "mlp" if mixer else "attention"
        config["puzzle_token_cnt"] = arch.get("puzzle_emb_len", 16) or 1
        config["q_continue"] = not arch.get("no_ACT_continue", True)
    learned = "embedding.positions.weight" in weights
    known = arch.get("pos_encodings", "none" if mixer else "rope")
    config["positions"] = "learned" if learned else known if known == "rope" else "none"
    for theirs, ours in (("H_cycles", "H_cycle_cnt"), ("L_cycles", "L_cycle_cnt")):
        if theirs in arch:
            config[ours] = arch[theirs]
    if "halt_max_steps" in arch:
        config["infer_segment_cnt"] = arch["halt_max_steps"]
    return config


def _arch(config: PublishedConfig) -> dict[str, Any]:
    """The section `arch` of the published YAML."""
    common = {
        "name": _NAMES[config.network],
        "loss": {"name": "losses@ACTLossHead", "loss_type": "stablemax_cross_entropy"},
        "halt_exploration_prob": 0.1,
        "halt_max_steps": config.infer_segment_cnt,
        "H_cycles": config.H_cycle_cnt,
        "L_cycles": config.L_cycle_cnt,
        "H_layers": getattr(config, "H_block_cnt", 0),
        "L_layers": getattr(config, "L_block_cnt", 0),
        "hidden_size": config.d_model,
        "num_heads": config.head_cnt,
        "expansion": config.expansion,
        "puzzle_emb_ndim": config.d_model,
        "pos_encodings": config.positions,
    }
    if isinstance(config, HRMActConfig):
        return common
    assert isinstance(config, TRMConfig)
    return common | {
        "mlp_t": config.mixing == "mlp",
        "puzzle_emb_len": config.puzzle_token_cnt,
        "no_ACT_continue": not config.q_continue,
    }


def _defaults(config: dict[str, Any]) -> PublishedConfig:
    return HRMActConfig() if config["network"] == "hrm_act" else TRMConfig()


def _expansion(file: Path, weights: dict[str, Tensor], width: int) -> float:
    """One that makes SwiGLU as wide as it is."""
    inner = weights["L.blocks.0.mlp.down.weight"].shape[1]
    found = 4.0 if rounded_inner_width(width, 4.0) == inner else inner * 1.5 / width
    if rounded_inner_width(width, found) != inner:
        raise ValueError(f"{file}: an inner width of {inner} is no multiple of 256")
    return found


def _block_cnt(weights: dict[str, Tensor], module: str) -> int:
    return sum(n.startswith(f"{module}.") and n.endswith(".mlp.down.weight") and ".mixing." not in n
               for n in weights)  # fmt: skip


def _length(weights: dict[str, Tensor]) -> int | None:
    """Of the sequence, where the weights tell it."""
    for name in ("embedding.positions.weight", "L.blocks.0.mixing.mlp.down.weight"):
        if name in weights:
            return len(weights[name])
    return None


def _shape_of(file: Path, own: dict[str, Any], vocab: int, cells: int | None) -> Shape:
    """Rows and columns of the puzzles, as the files tell."""
    if isinstance(own.get("rows"), int) and isinstance(own.get("columns"), int):
        return own["rows"], own["columns"]
    if cells is not None and cells > 0 and math.isqrt(cells) ** 2 == cells:
        return math.isqrt(cells), math.isqrt(cells)
    if cells is None and vocab in _SHAPES:
        return _SHAPES[vocab]
    raise ValueError(f"{file}: does not tell the size of its puzzles; give it with --size RxC")


def _plain(name: str) -> str:
    """A name without what wrappers put in front of it."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
