"""The parts of a block: embedding, rotary positions, attention, MLP, norm; mixing is in `mixing`.

Axes, in every annotation of this package:

    B  puzzles in the batch     D   width of a cell's vector (d_model)
    S  cells of a grid, R · C   H   attention heads
    R  rows, C  columns         Dh  width of a head, D / H
    V  codes of a cell          N   vectors of a cell: 1, or one for each interchangeable code
    SN vectors of a grid, S · N

Every sublayer takes ``(B, SN, D)`` and the layout of these vectors.
"""

import functools
import math
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from hrm.models import kernels
from hrm.models.fusable import is_untouched
from hrm.models.layout import Layout
from hrm.tasks.grid import Shape

ROPE_BASE = 10_000.0


class InputEmbedding(nn.Module):
    """Tokens to vectors: a token table, optionally plus learned positions, scaled by √D.

    Both tables start as N(0, 1/√D) (standard deviation), so that the scaled sum has unit size.

    Args:
        vocab_size: codes of a cell of the puzzle (V).
        cell_cnt: cells of a grid (S).
        d_model: width (D).
        use_abs_pos: add a learned vector for each position.
    """

    def __init__(self, vocab_size: int, cell_cnt: int, d_model: int, use_abs_pos: bool):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(cell_cnt, d_model) if use_abs_pos else None
        self.scale = math.sqrt(d_model)
        for table in filter(None, (self.tokens, self.positions)):
            nn.init.normal_(table.weight, std=1 / self.scale)

    def forward(self, tokens: Integer[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        return x * self.scale


class RotaryEmbedding(nn.Module):
    """Rotary position embedding (Su et al. 2021, arXiv 2104.09864), one- or two-dimensional.

    Pairs (i, i + Dh/2) of a head are rotated by position · base^(-i / pairs). In one dimension the
    position is the cell's number, counted row by row. In two, the first half of the pairs turns by
    the row and the second half by the column.

    Args:
        shape: rows and columns of the grids that it mostly sees; tables of other shapes are made
            when first asked for.
        head_width: width of a head (Dh); a multiple of 2, or of 4 with `two_dimensional`.
        two_dimensional: rotate by row and column.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape, head_width: int, two_dimensional: bool):
        super().__init__()
        self.shape, self.head_width = shape, head_width
        self.two_dimensional = two_dimensional
        cos, sin = _rotary_table(shape, head_width, two_dimensional)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x: Float[Tensor, "B H S Dh"], shape: Shape) -> Float[Tensor, "B H S Dh"]:
        cos, sin = self.table(shape)
        first, second = x.chunk(2, dim=-1)
        turned_first = torch.addcmul(first * cos, second, sin, value=-1)
        turned_second = torch.addcmul(second * cos, first, sin)
        return torch.cat([turned_first, turned_second], dim=-1)

    def table(self, shape: Shape) -> tuple[Float[Tensor, "S P"], Float[Tensor, "S P"]]:
        """Cosines and sines for grids of a shape: each cell's, for each of the P = Dh/2 pairs."""
        if torch.compiler.is_exporting() and isinstance(shape[0], torch.SymInt):
            return _rotary_table(shape, self.head_width, self.two_dimensional)
        if shape == self.shape:
            return self.cos, self.sin
        return _other_rotary_table(
            shape, self.head_width, self.two_dimensional, self.cos.dtype, self.cos.device
        )


def _rotary_table(shape: Shape, head_width: int, two_dimensional: bool) -> tuple[Tensor, Tensor]:
    rows, columns = shape
    # Named, because a model that is read from a file is made where there are no values; see
    # `Pretrained`.
    row = torch.arange(rows, device="cpu")[:, None]
    column = torch.arange(columns, device="cpu")
    both = [row.expand(rows, columns).flatten(), column.expand(rows, columns).flatten()]
    axes = both if two_dimensional else [torch.arange(rows * columns, device="cpu")]
    pairs = head_width // 2 // len(axes)
    frequencies = ROPE_BASE ** (-torch.arange(pairs, dtype=torch.float64, device="cpu") / pairs)
    angles = torch.cat([axis[:, None] * frequencies for axis in axes], dim=1)
    return angles.cos().float(), angles.sin().float()


@functools.lru_cache(maxsize=16)
@torch.inference_mode(False)  # made while solving, it must still do for training
def _other_rotary_table(
    shape: Shape,
    head_width: int,
    two_dimensional: bool,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    cos, sin = _rotary_table(shape, head_width, two_dimensional)
    return cos.to(device, dtype), sin.to(device, dtype)


class SDPAttention(nn.Module):
    """Multi-head scaled dot-product attention over all cells, with a linear projection.

    With an axis of codes, each code's vectors attend among themselves.

    Args:
        d_model: width (D).
        head_cnt: heads (H).
        dropout: dropout on the attention weights, in training.
        bias_qkv: biases in the query, key and value projections.
        bias_o: bias in the output projection.
        rope: rotary positions for queries and keys, or None.
    """

    def __init__(
        self,
        d_model: int,
        head_cnt: int,
        dropout: float,
        bias_qkv: bool,
        bias_o: bool,
        rope: RotaryEmbedding | None,
    ):
        super().__init__()
        self.head_cnt = head_cnt
        self.dropout = dropout
        self.rope = rope
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=bias_qkv)
        self.out = nn.Linear(d_model, d_model, bias=bias_o)

    def forward(self, x: Float[Tensor, "B SN D"], layout: Layout) -> Float[Tensor, "B SN D"]:
        return layout.by_cell(self._attend(layout.by_code(x), layout.shape))

    def _attend(self, x: Float[Tensor, "B S D"], shape: Shape) -> Float[Tensor, "B S D"]:
        batch, cells, width = x.shape
        dropout = self.dropout if self.training else 0.0
        qkv = self.qkv(x)
        fused = kernels.apply_to(x, qkv) and self._has_plain_positions()
        if fused and cells <= kernels.MOST_CELLS:
            cosine, sine = self.rope.table(shape) if self.rope else (None, None)
            return self.out(kernels.attention(qkv, self.head_cnt, cosine, sine, dropout))
        heads = qkv.view(batch, cells, 3 * self.head_cnt, width // self.head_cnt)
        turned, values = heads.transpose(1, 2).split([2 * self.head_cnt, self.head_cnt], dim=1)
        if self.rope is not None:
            turned = self.rope(turned, shape)
        queries, keys = turned.chunk(2, dim=1)
        with kernels.own_masks(dropout, batch) if fused and dropout else nullcontext():
            mixed = F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(batch, cells, width))

    def _has_plain_positions(self) -> bool:
        return self.rope is None or is_untouched(self.rope, RotaryEmbedding)


def inner_width(d_model: int, expansion: float) -> int:
    """Of SwiGLU: so many channels that its three matrices weigh about as much as the two of a plain
    MLP with this expansion."""
    return max(1, int(expansion * d_model * 2 / 3))


class SwiGLU(nn.Module):
    """Gated MLP (Shazeer 2020, arXiv 2002.05202): down(silu(gate(x)) · up(x)), without biases.

    Args:
        d_model: width (D).
        expansion: sets the inner width, int(expansion · D · 2/3); see `inner_width`.
    """

    def __init__(self, d_model: int, expansion: float):
        super().__init__()
        inner = inner_width(d_model, expansion)
        self.gate_up = nn.Linear(d_model, 2 * inner, bias=False)
        self.down = nn.Linear(inner, d_model, bias=False)

    def forward(
        self, x: Float[Tensor, "B S D"], layout: Layout | None = None
    ) -> Float[Tensor, "B S D"]:
        gate_up = self.gate_up(x)
        fused = kernels.apply_to(x, gate_up) and is_untouched(self.down, nn.Linear)
        if fused and self.down.bias is None and kernels.apply_to(self.down.weight):
            return kernels.swiglu(gate_up, self.down.weight)
        gate, up = gate_up.chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class AddNorm(nn.RMSNorm):
    """What follows every sublayer: RMSNorm(x + Dropout(y)), of its input x and its output y.

    Args:
        d_model: width (D).
        dropout: on y, in training.
        elementwise_affine: learn a scale for each channel.
    """

    def __init__(self, d_model: int, dropout: float, elementwise_affine: bool):
        super().__init__(d_model, elementwise_affine=elementwise_affine)
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B S D"], y: Float[Tensor, "B S D"]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        dropout = self.dropout if self.training else 0.0
        if x.shape == y.shape and kernels.apply_to(x, y, weight=self.weight):
            return kernels.add_norm(x, y, self.weight, dropout)
        return super().forward(x + F.dropout(y, dropout))
