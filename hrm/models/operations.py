"""Floating-point operations of a segment: its matrix products, counted from the config alone.

A multiply-add counts as two operations. Counted are linear layers, attention, and the mixing of
`local_mixing` and `code_axis`; element-wise work (norms, softmax, rotary positions, the optimizer)
is not. A product that carries gradient costs three times its forward pass in training: once
forward, once for the gradient of its input, once for that of its weights. The head always carries
gradient, a module's update does where it belongs to one of the last `grad_step_cnt` steps.
"""

from typing import NamedTuple

from hrm.config.model import ModelConfig
from hrm.models.layers import inner_width
from hrm.models.layout import axis_codes, group_kinds
from hrm.tasks.grid import Grid


class Product(NamedTuple):
    """``(rows, inner) @ (inner, columns)``, as one puzzle needs it."""

    name: str
    """Such as "L qkv": the module and the layer."""
    count: int
    """How often in one update of the module, over its blocks and, in attention, heads."""
    rows: int
    """Cells of the grid (S). Puzzles of a batch are stacked in rows, except in attention."""
    inner: int
    columns: int

    @property
    def flops(self) -> int:
        """Operations of all `count` products."""
        return 2 * self.count * self.rows * self.inner * self.columns


def forward_flops(config: ModelConfig, grid: Grid) -> dict[Product, int]:
    """Operations of one segment at inference, for one puzzle, by product.

    Args:
        config: of the model.
        grid: of the puzzles.
    """
    updates = _updates(config)
    return {
        product: product.flops * all_updates
        for module, (all_updates, _) in updates.items()
        for product in _products(config, module, grid)
    }


def training_flops(config: ModelConfig, grid: Grid, batch_size: int = 1) -> dict[Product, int]:
    """Operations of one training update (a segment forward and backward), by product.

    Args:
        config: of the model; its `grad_horizon` says which steps count three times.
        grid: of the puzzles.
        batch_size: puzzles of the batch.
    """
    return {
        product: batch_size * product.flops * (all_updates + 2 * with_gradient)
        for module, (all_updates, with_gradient) in _updates(config).items()
        for product in _products(config, module, grid)
    }


def _updates(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """Updates of each module in a segment, and how many of them carry gradient."""
    steps, with_gradient = config.step_cnt, config.grad_step_cnt
    if config.modules == "H":
        return {"H": (steps, with_gradient), "head": (1, 1)}
    h_with_gradient = -(-with_gradient // config.L_cycle_cnt)
    return {
        "L": (steps, with_gradient),
        "H": (config.H_cycle_cnt, h_with_gradient),
        "head": (1, 1),
    }


def _products(config: ModelConfig, module: str, grid: Grid) -> list[Product]:
    """What one update of a module (or one reading of the head) multiplies, for one puzzle."""
    width, cells, codes = config.d_model, grid.cell_cnt, len(axis_codes(config, grid))
    if module == "head":
        apart = Product("head", 1, cells, width, grid.answer_codes - codes)
        return (
            [apart, Product("head of the axis", 1, cells * codes, width, 1)] if codes else [apart]
        )
    blocks = config.H_block_cnt if module == "H" else config.L_block_cnt or config.H_block_cnt
    rows, inner = cells * (codes or 1), inner_width(width, config.expansion)
    products = [
        Product(f"{module} gate and up", blocks, rows, width, 2 * inner),
        Product(f"{module} down", blocks, rows, inner, width),
    ]
    if config.attention:
        products += _attention(config, module, blocks, grid)
    if config.local_mixing and grid.structure.neighbourhood:
        # A channel's 3×3 convolution: nine weights for each cell.
        products.append(Product(f"{module} local mixing", blocks * width, rows, 9, 1))
    if kinds := group_kinds(config, grid):
        # Each vector goes into a mean of each kind and gets one back.
        products.append(Product(f"{module} group mixing", 2 * blocks, rows, len(kinds), width))
    return products


def _attention(config: ModelConfig, module: str, blocks: int, grid: Grid) -> list[Product]:
    width, cells, codes = config.d_model, grid.cell_cnt, len(axis_codes(config, grid)) or 1
    heads, head_width = blocks * codes * config.head_cnt, width // config.head_cnt
    return [
        Product(f"{module} qkv", blocks, cells * codes, width, 3 * width),
        Product(f"{module} attention scores", heads, cells, head_width, cells),
        Product(f"{module} attention mix", heads, cells, cells, head_width),
        Product(f"{module} attention out", blocks, cells * codes, width, width),
    ]
