"""The optimizers of a run, and their learning rate."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from hrm.config.train import TrainConfig
from hrm.models.hrm import ReasoningModule
from hrm.models.published import PublishedNetwork
from hrm.models.published_layers import RecurrentBlocks
from hrm.training.published_optimizers import AdamATan2, SignDescent


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
    tokens and positions, the head, convolutions, norms and initial states stay with AdamW. Vectors
    of puzzle identifiers have an optimizer of their own, whatever the other is.

    Raises:
        ValueError: if the config asks for an optimizer that is not there.
    """
    require_optimizer(config)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizers = _of_weights(config, model, named)
    if isinstance(model, PublishedNetwork):
        table = model.embedding.puzzles.weights
        optimizers["puzzles"] = SignDescent(table, config.puzzle_lr, config.puzzle_weight_decay)
    return optimizers


def _of_weights(
    config: TrainConfig, model: nn.Module, named: dict[str, nn.Parameter]
) -> dict[str, Optimizer]:
    if config.optimizer == "adamw":
        return {"adamw": _adamw(config, named.values())}
    if config.optimizer == "adam_atan2":
        betas = (0.9, 0.95 if config.beta2 is None else config.beta2)
        return {"adam_atan2": AdamATan2(named.values(), config.lr, betas, config.weight_decay)}
    blocks = [
        f"{name}."
        for name, part in model.named_modules()
        if isinstance(part, (ReasoningModule, RecurrentBlocks))
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


def learning_rate(config: TrainConfig, update: int, update_cnt: int, peak: float) -> float:
    """The rate of an update, from 0: linear warm-up, then constant or half a cosine down to 0.

    Args:
        config: says how long the warm-up is, and what comes after.
        update: its number, from 0.
        update_cnt: of the whole run.
        peak: the rate after the warm-up.
    """
    if update < config.warmup_steps:
        return peak * (update + 1) / config.warmup_steps
    if config.lr_schedule == "constant":
        return peak
    after = max(1, update_cnt - config.warmup_steps)
    done = min(1.0, (update - config.warmup_steps) / after)
    return peak * (1 + math.cos(math.pi * done)) / 2


def _adamw(config: TrainConfig, parameters: Iterable[nn.Parameter]) -> AdamW:
    betas = (0.9, 0.999 if config.beta2 is None else config.beta2)
    decay = config.weight_decay
    return AdamW(parameters, lr=config.lr, betas=betas, weight_decay=decay, fused=True)
