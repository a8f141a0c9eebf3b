"""The optimizers of a run: AdamW for every parameter, or Muon for the blocks' matrices."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from hrm.config.schema import TrainConfig


def require_optimizer(config: TrainConfig) -> None:
    """Refuse an optimizer that is not there.

    Raises:
        ValueError: if the config asks for Muon and this version of PyTorch has none.
    """
    if config.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f"train.optimizer: PyTorch {torch.__version__} has no Muon; use adamw, or install"
            " PyTorch 2.9 or newer"
        )


def make_optimizers(config: TrainConfig, model: nn.Module) -> dict[str, Optimizer]:
    """What updates a model's trainable parameters, by name.

    Muon (Jordan 2024, kellerjordan.github.io/posts/muon) replaces the momentum of a matrix by the
    nearest matrix with orthonormal rows or columns. Its step is scaled to the size of AdamW's (Liu
    et al. 2025, arXiv 2502.16982), so that one learning rate and decay do for both. The tables of
    tokens and positions, the head, convolutions, norms and initial states stay with AdamW.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if config.optimizer == "adamw":
        return {"adamw": _adamw(config, named.values())}
    matrices = {name for name, p in named.items() if name.startswith(("H.", "L.")) and p.ndim == 2}
    muon = torch.optim.Muon(
        [p for name, p in named.items() if name in matrices],
        lr=config.lr,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    rest = [p for name, p in named.items() if name not in matrices]
    return {"adamw": _adamw(config, rest), "muon": muon}


def _adamw(config: TrainConfig, parameters: Iterable[nn.Parameter]) -> AdamW:
    return AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
