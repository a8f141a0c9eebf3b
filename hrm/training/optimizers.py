"""The optimizers of a run: AdamW for every parameter, or Muon for the blocks' matrices."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from hrm.config.train import TrainConfig
from hrm.models.hrm import ReasoningModule


def require_optimizer(config: TrainConfig) -> None:
    """Refuse an optimizer that this version of PyTorch does not have.

    Raises:
        ValueError: if the config asks for Muon and this version of PyTorch has none.
    """
    if config.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f"train.optimizer: PyTorch {torch.__version__} has no Muon; use adamw, or install"
            " PyTorch 2.9 or newer"
        )


def make_optimizers(config: TrainConfig, model: nn.Module) -> dict[str, Optimizer]:
    """The optimizers of a model's trainable parameters, by name.

    Muon (Jordan 2024, kellerjordan.github.io/posts/muon) replaces the momentum of a matrix by the
    nearest matrix with orthonormal rows or columns. Its step is scaled to the size of AdamW's (Liu
    et al. 2025, arXiv 2502.16982), so that one learning rate and decay do for both. The tables of
    tokens and positions, the head, convolutions, norms and initial states stay with AdamW.

    Raises:
        ValueError: if the config asks for an optimizer that is not there.
    """
    require_optimizer(config)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if config.optimizer == "adamw":
        return {"adamw": _adamw(config, named.values())}
    blocks = [
        f"{name}." for name, part in model.named_modules() if isinstance(part, ReasoningModule)
    ]
    matrices = {n for n, p in named.items() if n.startswith(tuple(blocks)) and p.ndim == 2}
    muon = torch.optim.Muon(
        [p for name, p in named.items() if name in matrices],
        lr=config.lr,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    rest = [p for name, p in named.items() if name not in matrices]
    return {"adamw": _adamw(config, rest), "muon": muon}


def learning_rate(config: TrainConfig, update: int, update_cnt: int) -> float:
    """The rate of an update, from 0: linear warm-up, then constant or half a cosine down to 0."""
    if update < config.warmup_steps:
        return config.lr * (update + 1) / config.warmup_steps
    if config.lr_schedule == "constant":
        return config.lr
    after = max(1, update_cnt - config.warmup_steps)
    done = min(1.0, (update - config.warmup_steps) / after)
    return config.lr * (1 + math.cos(math.pi * done)) / 2


def _adamw(config: TrainConfig, parameters: Iterable[nn.Parameter]) -> AdamW:
    return AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
