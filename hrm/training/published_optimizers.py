"""The optimizers of the published HRM and TRM: AdamATan2, and sign descent for identifiers."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class AdamATan2(Optimizer):
    """Adam with an arc tangent in place of an epsilon (Everett et al. 2024, arXiv 2407.05872).

    As HRM's own package computes it: the mean gradient is corrected for its start outside of the
    arc tangent, the mean square inside.

    Args:
        parameters: to train.
        lr: learning rate.
        betas: decay of the mean gradient and of the mean square.
        weight_decay: decoupled, as in AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ):
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        step, mean, square = int(state["step"]), state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(gradient, 1 - beta1)
        square.lerp_(gradient.square(), 1 - beta2)
        size = square.sqrt().div_(math.sqrt(1 - beta2**step))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(torch.atan2(mean, size), alpha=-group["lr"] / (1 - beta1**step))


class SignDescent(Optimizer):
    """Moves the rows of a table by the sign of their gradient, and decays only what it moves.

    A row's gradient is the sum over all puzzles of the batch with its identifier.

    Args:
        table: ``(rows, width)``; from now on its gradient is computed, as a sparse one.
        lr: learning rate.
        weight_decay: decoupled.
    """

    def __init__(self, table: Tensor, lr: float, weight_decay: float):
        super().__init__([table.requires_grad_()], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of the rows that have a gradient."""
        (group,) = self.param_groups
        (table,) = group["params"]
        if table.grad is None:
            return
        gradient = table.grad.coalesce()
        rows = gradient.indices()[0]
        moved = table[rows].mul_(1 - group["lr"] * group["weight_decay"])
        table[rows] = moved.add_(gradient.values().sign(), alpha=-group["lr"])
