"""The layers of the published HRM and TRM.

They differ in their initial weights, the inner width of SwiGLU, the norm and the tokens that stand
in front of the cells. P is the number of these tokens in annotations; T = P + S is the length of
the sequence.

Everything is computed in the order of the published code, and without the fused kernels. With the
same weights, these networks so give the same numbers to the last bits, which matters: in a segment
the mixer makes 16 times as much of a difference, or more (docs/family.md).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from hrm.config.published import rounded_inner_width
from hrm.models.layers import ROPE_BASE

NORM_EPS = 1e-5
_CUT = 2.0
"""Where the normal distribution of initial weights is cut, in its standard deviations before."""


@torch.no_grad()
def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill a tensor with a normal distribution cut at two sigmas, whose deviation after the cut is
    `std`, as in JAX's initialisers. (`nn.init.trunc_normal_` means the deviation before.)"""
    inside = math.erf(_CUT / math.sqrt(2))
    density = math.exp(-(_CUT**2) / 2) / math.sqrt(2 * math.pi)
    sigma = std / math.sqrt(1 - 2 * _CUT * density / inside)
    tensor.uniform_(-inside, inside).erfinv_().mul_(math.sqrt(2) * sigma)
    return tensor.clamp_(-_CUT * sigma, _CUT * sigma)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer without bias; its weights begin truncated LeCun normal."""
    layer = nn.Linear(inputs, outputs, bias=False)
    truncated_normal_(layer.weight, inputs**-0.5)
    return layer


def table(rows: int, width: int) -> nn.Embedding:
    """A table of vectors; times √width they have unit size."""
    layer = nn.Embedding(rows, width)
    truncated_normal_(layer.weight, width**-0.5)
    return layer


def rms_norm(x: Float[Tensor, "... N"]) -> Float[Tensor, "... N"]:
    """RMSNorm over the last axis, without gain; in float32 also where the rest is bfloat16.

    `F.rms_norm` rounds otherwise where the axis is a transposed one.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + NORM_EPS)).to(x.dtype)


class RotaryPositions(nn.Module):
    """Rotary positions along a sequence; pairs (i, i + Dh/2) of a head are turned.

    The tables are rounded as the published code rounds them: in float32 throughout. At position 900
    that is 4e-5 off, more than two implementations otherwise differ by.

    Args:
        length: of the sequence (T).
        head_width: of a head (Dh).
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, length: int, head_width: int):
        super().__init__()
        # On the CPU in any case: no file has these tables, and a model that is read from a file is
        # made on the device without memory.
        channels = torch.arange(0, head_width, 2, device="cpu").float()
        frequencies = 1 / ROPE_BASE ** (channels / head_width)
        positions = torch.arange(length, device="cpu").float()
        angles = torch.outer(positions, frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "B H T Dh"]) -> Float[Tensor, "B H T Dh"]:
        first, second = x.chunk(2, dim=-1)
        turned = torch.cat([-second, first], dim=-1)
        return (x * self.cos + turned * self.sin).to(x.dtype)


class RoundedSwiGLU(nn.Module):
    """SwiGLU whose inner width is rounded up to a multiple of 256.

    Args:
        width: channels, or positions where it mixes these.
        expansion: see `rounded_inner_width`.
    """

    def __init__(self, width: int, expansion: float):
        super().__init__()
        inner = rounded_inner_width(width, expansion)
        self.gate_up = linear(width, 2 * inner)
        self.down = linear(inner, width)

    def forward(self, x: Float[Tensor, "... N"]) -> Float[Tensor, "... N"]:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class AttentionMixing(nn.Module):
    """x ← norm(x + attention(x)), the norm over channels.

    Args:
        d_model: width (D).
        head_cnt: heads (H).
        rope: rotary positions, or None.
    """

    def __init__(self, d_model: int, head_cnt: int, rope: RotaryPositions | None):
        super().__init__()
        self.head_cnt, self.rope = head_cnt, rope
        self.qkv = linear(d_model, 3 * d_model)
        self.out = linear(d_model, d_model)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        heads = self.qkv(x).unflatten(-1, (3, self.head_cnt, -1)).transpose(1, 3)
        queries, keys, values = heads.unbind(2)
        if self.rope is not None:
            queries, keys = self.rope(queries), self.rope(keys)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return rms_norm(x + self.out(mixed.transpose(1, 2).flatten(2)))


class PositionMixing(nn.Module):
    """The same with an MLP over the positions in place of attention; its norm is over them too.

    Args:
        length: positions (T).
        expansion: of the MLP.
    """

    def __init__(self, length: int, expansion: float):
        super().__init__()
        self.mlp = RoundedSwiGLU(length, expansion)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        across = x.transpose(1, 2)
        return rms_norm(across + self.mlp(across)).transpose(1, 2)


class PublishedBlock(nn.Module):
    """Two post-norm sublayers: mixing of the positions, then an MLP over channels.

    Args:
        mixing: the first, its norm included.
        d_model: width (D).
        expansion: of the MLP.
    """

    def __init__(self, mixing: nn.Module, d_model: int, expansion: float):
        super().__init__()
        self.mixing = mixing
        self.mlp = RoundedSwiGLU(d_model, expansion)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        x = self.mixing(x)
        return rms_norm(x + self.mlp(x))


class RecurrentBlocks(nn.Module):
    """A stack of blocks over the sum of a state and what is injected into it."""

    def __init__(self, blocks: Sequence[PublishedBlock]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self, state: Float[Tensor, "B T D"], injected: Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B T D"]:
        x = state + injected
        for block in self.blocks:
            x = block(x)
        return x


class PuzzleEmbedding(nn.Module):
    """A learned vector for each puzzle identifier; all begin at 0.

    The vectors are a buffer and no parameter: they stay outside the moving average of the weights,
    and are learned by an optimizer of their own (`SignDescent`), which asks for their gradient. It
    is sparse, because a batch holds few of perhaps a million puzzles.

    Args:
        identifier_cnt: how many there are.
        d_model: width (D).
    """

    weights: Tensor

    def __init__(self, identifier_cnt: int, d_model: int):
        super().__init__()
        self.register_buffer("weights", torch.zeros(identifier_cnt, d_model))

    @torch.compiler.disable  # what it compiles cannot have sparse gradients
    def forward(self, puzzle_ids: Integer[Tensor, "B"]) -> Float[Tensor, "B D"]:  # noqa: F821
        return F.embedding(puzzle_ids, self.weights, sparse=self.weights.requires_grad)


class PublishedEmbedding(nn.Module):
    """Tokens to vectors: P puzzle tokens, then a token for each cell, times √D.

    The first puzzle token is the puzzle's own vector, the others are 0.

    Args:
        vocab_size: codes of a cell (V).
        cell_cnt: cells of a grid (S).
        identifier_cnt: puzzle identifiers.
        puzzle_token_cnt: tokens in front (P).
        d_model: width (D).
        learned_positions: add a learned vector for each position; the sum is scaled by √½.
    """

    def __init__(
        self,
        vocab_size: int,
        cell_cnt: int,
        identifier_cnt: int,
        puzzle_token_cnt: int,
        d_model: int,
        learned_positions: bool,
    ):
        super().__init__()
        self.puzzle_token_cnt, self.scale = puzzle_token_cnt, math.sqrt(d_model)
        self.tokens = table(vocab_size, d_model)
        self.puzzles = PuzzleEmbedding(identifier_cnt, d_model)
        length = puzzle_token_cnt + cell_cnt
        self.positions = table(length, d_model) if learned_positions else None

    def forward(
        self,
        tokens: Integer[Tensor, "B S"],
        puzzle_ids: Integer[Tensor, "B"],  # noqa: F821
    ) -> Float[Tensor, "B T D"]:
        own = self.puzzles(puzzle_ids)[:, None]
        front = F.pad(own, (0, 0, 0, self.puzzle_token_cnt - 1))
        x = torch.cat([front, self.tokens(tokens)], dim=1)
        if self.positions is not None:
            x = math.sqrt(0.5) * (x + self.positions.weight)
        return x * self.scale


def q_head(d_model: int) -> nn.Linear:
    """What halting and going on are worth: two numbers, near 0 after a sigmoid at first."""
    head = nn.Linear(d_model, 2)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, -5.0)
    return head
