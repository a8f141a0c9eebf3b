"""Floating-point operations of a segment: its matrix products, counted from the config alone.

A multiply-add counts as two operations. Counted are linear layers, attention, and the mixing of
`local_mixing` and `code_axis`; element-wise work (norms, softmax, rotary positions, the optimizer)
is not. A product that carries gradient costs three times its forward pass in training: once
forward, once for the gradient of its input, once for that of its weights. The head always carries
gradient, a module's update does where it belongs to one of the last `grad_step_cnt` steps.
"""

from typing import NamedTuple

from hrm.config.model import ModelConfig
from hrm.config.networks import NetworkConfig
from hrm.config.published import PublishedConfig, rounded_inner_width
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


def forward_flops(config: NetworkConfig, grid: Grid) -> dict[Product, int]:
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


def training_flops(config: NetworkConfig, grid: Grid, batch_size: int = 1) -> dict[Product, int]:
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


def _updates(config: NetworkConfig) -> dict[str, tuple[int, int]]:
    """Updates of each module in a segment, and how many of them carry gradient."""
    steps, with_gradient = config.step_cnt, config.grad_step_cnt
    if isinstance(config, ModelConfig) and config.modules == "H":
        return {"H": (steps, with_gradient), "head": (1, 1)}
    h_with_gradient = -(-with_gradient // config.L_cycle_cnt)
    return {
        "L": (steps, with_gradient),
        "H": (config.H_cycle_cnt, h_with_gradient),
        "head": (1, 1),
    }


def _products(config: NetworkConfig, module: str, grid: Grid) -> list[Product]:
    """What one update of a module (or one reading of the head) multiplies, for one puzzle."""
    if isinstance(config, PublishedConfig):
        return _published_products(config, module, grid)
    width, cells, codes = config.d_model, grid.cell_cnt, len(axis_codes(config, grid))
    if module == "head":
        apart = Product("head", 1, cells, width, grid.answer_codes - codes)
        return (
            [apart, Product("head of the axis", 1, cells * codes, width, 1)] if codes else [apart]
        )
    blocks = config.H_block_cnt if module == "H" else config.L_block_cnt or config.H_block_cnt
    rows, inner = cells * (codes or 1), inner_width(width, config.expansion)
    products = _mlp(module, blocks, rows, width, inner)
    if config.attention:
        heads = config.head_cnt
        products += _attention(module, blocks, cells, width, heads, times=codes or 1)
    if config.local_mixing and grid.structure.neighbourhood:
        # A channel's 3×3 convolution: nine weights for each cell.
        products.append(Product(f"{module} local mixing", blocks * width, rows, 9, 1))
    if kinds := group_kinds(config, grid):
        # Each vector goes into a mean of each kind and gets one back.
        products.append(Product(f"{module} group mixing", 2 * blocks, rows, len(kinds), width))
    return products


def _published_products(config: PublishedConfig, module: str, grid: Grid) -> list[Product]:
    """Of the published networks, whose sequence has puzzle tokens in front."""
    width, length = config.d_model, config.puzzle_token_cnt + grid.cell_cnt
    if module == "head":
        return [Product("head", 1, length, width, grid.answer_codes), Product("q", 1, 1, width, 2)]
    # TRM updates both states by the same blocks.
    blocks = getattr(config, f"{module}_block_cnt", config.block_cnt)
    mlp = _mlp(module, blocks, length, width, config.inner_width)
    if getattr(config, "mixing", "attention") == "attention":
        return [*_attention(module, blocks, length, width, config.head_cnt), *mlp]
    inner = rounded_inner_width(length, config.expansion)
    return [*_mlp(f"{module} mixing", blocks, width, length, inner), *mlp]


def _attention(
    module: str, blocks: int, cells: int, width: int, heads: int, times: int = 1
) -> list[Product]:
    return [
        Product(f"{module} qkv", blocks, cells * times, width, 3 * width),
        Product(f"{module} attention scores", times * blocks * heads, cells, width // heads, cells),
        Product(f"{module} attention mix", times * blocks * heads, cells, cells, width // heads),
        Product(f"{module} attention out", blocks, cells * times, width, width),
    ]


def _mlp(module: str, blocks: int, rows: int, width: int, inner: int) -> list[Product]:
    return [
        Product(f"{module} gate and up", blocks, rows, width, 2 * inner),
        Product(f"{module} down", blocks, rows, inner, width),
    ]
