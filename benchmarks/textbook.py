"""The same mathematics as a textbook would write it: the yardstick of the benchmarks.

Standard PyTorch modules, the whole batch at once, nothing fused by hand.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm import ModelConfig
from hrm.tasks.grid import Grid


class Rotary(nn.Module):
    """Rotary positions, by flattened index or by row and column."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, board_size: int, head_width: int, two_dimensional: bool):
        super().__init__()
        index = torch.arange(board_size**2)
        axes = [index // board_size, index % board_size] if two_dimensional else [index]
        pairs = head_width // 2 // len(axes)
        frequencies = 10_000.0 ** (-torch.arange(pairs) / pairs)
        angles = torch.cat([axis[:, None] * frequencies for axis in axes], dim=1)
        angles = torch.cat([angles, angles], dim=1)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        return x * self.cosine + torch.cat([-second, first], dim=-1) * self.sine


class Attention(nn.Module):
    """Multi-head attention: three projections, PyTorch's own kernel, a fourth projection."""

    def __init__(self, config: ModelConfig, rotary: Rotary):
        super().__init__()
        self.head_cnt, self.dropout, self.rotary = config.head_cnt, config.sdpa_dropout, rotary
        width = config.d_model
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        heads = (*x.shape[:2], self.head_cnt, -1)
        q, k, v = (linear(x).view(heads).transpose(1, 2) for linear in (self.q, self.k, self.v))
        dropout = self.dropout if self.training else 0.0
        q, k = self.rotary(q), self.rotary(k)
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


class GatedMLP(nn.Module):
    """SwiGLU."""

    def __init__(self, width: int, expansion: float):
        super().__init__()
        inner = int(expansion * width * 2 / 3)
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Convolution(nn.Module):
    """A depthwise 3×3 convolution over the board."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        size = math.isqrt(x.shape[1])
        board = x.transpose(1, 2).reshape(len(x), -1, size, size)
        return self.conv(board).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Post-norm block."""

    def __init__(self, config: ModelConfig, rotary: Rotary):
        super().__init__()
        width = config.d_model
        local = [Convolution(width)] if config.local_mixing else []
        self.parts = nn.ModuleList(
            [*local, Attention(config, rotary), GatedMLP(width, config.expansion)]
        )
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in self.parts)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        for part, norm in zip(self.parts, self.norms, strict=True):
            x = norm(x + self.dropout(part(x)))
        return x


class Textbook(nn.Module):
    """H and L modules, or one; called for one segment: ``(zH, zL), tokens`` to the same, logits."""

    def __init__(self, config: ModelConfig, grid: Grid):
        super().__init__()
        self.config, width = config, config.d_model
        rotary = Rotary(grid.height, width // config.head_cnt, config.rope_2d)
        self.embedding = nn.Embedding(grid.input_codes, width)
        self.H = nn.Sequential(*(Block(config, rotary) for _ in range(config.H_block_cnt)))
        self.L = nn.Sequential(*(Block(config, rotary) for _ in range(config.H_block_cnt)))
        self.head = nn.Linear(width, grid.answer_codes, bias=False)
        self.initial = nn.Parameter(torch.randn(2, width) / math.sqrt(width))

    def initial_state(self, batch_size: int, cells: int) -> tuple[Tensor, Tensor]:
        zH, zL = (vector.expand(batch_size, cells, -1) for vector in self.initial)
        return zH, zL

    def forward(self, state: tuple[Tensor, Tensor], tokens: Tensor):
        config, (zH, zL) = self.config, state
        x = self.embedding(tokens) * math.sqrt(config.d_model)
        for step in range(config.step_cnt):
            graded = step >= config.step_cnt - config.grad_step_cnt
            with torch.set_grad_enabled(torch.is_grad_enabled() and graded):
                if config.modules == "H":
                    zH = self.H(zH + x)
                    continue
                zL = self.L(zL + zH + x)
                if (step + 1) % config.L_cycle_cnt == 0:
                    zH = self.H(zH + zL)
        return (zH, zL), self.head(zH)
