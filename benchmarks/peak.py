"""How fast this machine multiplies matrices of a model's shapes: the ceiling of everything else."""

import functools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from hrm import ModelConfig
from hrm.models.operations import Product, forward_flops, training_flops
from hrm.tasks.grid import Grid

ROWS = (400, 800, 1600, 3200)
"""Cells that a micro-batch could have."""


def best_seconds(run: Callable[[], object], repeats: int = 4, seconds: float = 0.01) -> float:
    """The shortest mean time over several stretches of about so many seconds."""
    run()
    began = time.perf_counter()
    run()
    calls = max(1, int(seconds / (time.perf_counter() - began + 1e-9)))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - began) / calls)
    return min(times)


@functools.cache
def linear_rates(inner: int, columns: int) -> tuple[float, float]:
    """Best operations/s over `ROWS` of a linear layer: forward, and its two gradients."""
    weight = torch.randn(columns, inner)
    forward, backward = [], []
    for rows in ROWS:
        x, g = torch.randn(rows, inner), torch.randn(rows, columns)
        flops = 2 * rows * inner * columns
        forward.append(flops / best_seconds(lambda x=x: F.linear(x, weight)))
        of_input = best_seconds(lambda g=g: g @ weight)
        of_weight = min(
            best_seconds(lambda x=x, g=g: g.t() @ x), best_seconds(lambda x=x, g=g: x.t() @ g)
        )
        backward.append(2 * flops / (of_input + of_weight))
    return max(forward), max(backward)


@functools.cache
def attention_rates(cells: int, head_width: int) -> tuple[float, float]:
    """Best operations/s of the batched products of attention, forward and backward."""
    rates = []
    for boards in (max(1, rows // cells) for rows in ROWS):
        q, k = torch.randn(2, 4 * boards, cells, head_width)
        weights = torch.randn(4 * boards, cells, cells)
        flops = 2 * 4 * boards * cells * cells * head_width
        rates.append(
            [
                flops / best_seconds(run)
                for run in (
                    lambda q=q, k=k: torch.bmm(q, k.transpose(1, 2)),
                    lambda q=q, weights=weights: torch.bmm(weights, q),
                    lambda q=q, weights=weights: torch.bmm(weights.transpose(1, 2), q),
                )
            ]
        )
    scores, mix, transposed = (max(column) for column in zip(*rates, strict=True))
    return 2 / (1 / scores + 1 / mix), 4 / (1 / scores + 1 / mix + 2 / transposed)


def ideal_seconds(config: ModelConfig, grid: Grid, training: bool) -> dict[str, float]:
    """Time of one board's segment if it were nothing but its products at their best rates.

    Returns:
        ``linear`` and ``attention`` seconds, and their operations as ``linear_flops`` and
        ``attention_flops``.
    """
    forward = forward_flops(config, grid)
    total = training_flops(config, grid) if training else forward
    ideal = {"linear": 0.0, "attention": 0.0, "linear_flops": 0.0, "attention_flops": 0.0}
    for product, flops in forward.items():
        kind, rates = _kind(product, config, grid)
        if kind:
            ideal[kind] += flops / rates[0] + (total[product] - flops) / rates[1]
            ideal[f"{kind}_flops"] += total[product]
    return ideal


def _kind(product: Product, config: ModelConfig, grid: Grid) -> tuple[str, tuple[float, float]]:
    if "attention scores" in product.name or "attention mix" in product.name:
        return "attention", attention_rates(grid.cell_cnt, config.d_model // config.head_cnt)
    if "mixing" in product.name or product.name == "head":
        return "", (0.0, 0.0)  # no matrix products to speak of
    return "linear", linear_rates(product.inner, product.columns)
