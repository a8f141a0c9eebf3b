"""What a module of the network is made of: blocks of sublayers, each with its norm."""

from jaxtyping import Float
from torch import Tensor, nn

from hrm.config.model import ModelConfig
from hrm.models import narrow
from hrm.models.fusable import is_untouched
from hrm.models.layers import AddNorm, RotaryEmbedding, SDPAttention, SwiGLU
from hrm.models.layout import Layout, group_kinds, weight_rows
from hrm.models.mixing import GroupMixing, LocalMixing
from hrm.tasks.grid import Grid


class HRMBlock(nn.Module):
    """Post-norm transformer block: each sublayer is x ← RMSNorm(x + Dropout(sublayer(x))).

    The sublayers: mixing along neighbours and along groups, attention (each where the settings ask
    for it), and SwiGLU.

    Args:
        config: widths, dropout and options.
        rope: the rotary table that all blocks share, or None.
        grid: says what there is to mix along.
    """

    def __init__(self, config: ModelConfig, rope: RotaryEmbedding | None, grid: Grid):
        super().__init__()
        width = config.d_model
        # Attention draws its weights first, as it always did: a seed gives the same network.
        attention = [_attention(config, rope)] if config.attention else []
        mixings = _mixings(config, grid)
        self.sublayers = nn.ModuleList([*mixings, *attention, SwiGLU(width, config.expansion)])
        self.norms = nn.ModuleList(
            AddNorm(width, config.dropout, config.elementwise_affine) for _ in self.sublayers
        )

    def forward(self, x: Float[Tensor, "B SN D"], layout: Layout) -> Float[Tensor, "B SN D"]:
        for sublayer, norm in zip(self.sublayers, self.norms, strict=True):
            x = _with_norm(sublayer, norm, x, layout)
        return x


def _with_norm(sublayer: nn.Module, norm: nn.Module, x: Tensor, layout: Layout) -> Tensor:
    """A sublayer and the norm after it, as one step where that is faster."""
    if is_untouched(sublayer, SwiGLU) and is_untouched(norm, AddNorm):
        assert isinstance(sublayer, SwiGLU) and isinstance(norm, AddNorm)
        if narrow.apply_to(x, sublayer, norm):
            return narrow.swiglu_norm(x, sublayer.gate_up.weight, sublayer.down.weight, norm.weight)
    return norm(x, sublayer(x, layout))


def _attention(config: ModelConfig, rope: RotaryEmbedding | None) -> SDPAttention:
    biases = config.bias_qkv, config.bias_o
    return SDPAttention(config.d_model, config.head_cnt, config.sdpa_dropout, *biases, rope)


def _mixings(config: ModelConfig, grid: Grid) -> list[nn.Module]:
    structure, mixings = grid.structure, []
    if config.local_mixing and not (structure.neighbourhood or structure.groups):
        raise ValueError(
            "local_mixing: the puzzle declares neither neighbours nor groups to mix along; set"
            " model.local_mixing=false, or declare its structure"
        )
    if config.local_mixing and structure.neighbourhood:
        radius = max(abs(step) for offset in structure.neighbourhood for step in offset)
        mixings.append(LocalMixing(config.d_model, radius))
    if kinds := group_kinds(config, grid):
        mixings.append(GroupMixing(config.d_model, kinds, weight_rows(kinds, grid)))
    return mixings


class ReasoningModule(nn.Module):
    """A recurrent module: a stack of blocks over the sum of its state and what is injected.

    Args:
        config: passed to every block.
        block_cnt: blocks in the stack.
        rope: the rotary table that all blocks share, or None.
        grid: passed to every block.
    """

    def __init__(
        self, config: ModelConfig, block_cnt: int, rope: RotaryEmbedding | None, grid: Grid
    ):
        super().__init__()
        self.blocks = nn.ModuleList(HRMBlock(config, rope, grid) for _ in range(block_cnt))

    def forward(
        self, state: Float[Tensor, "B SN D"], injected: Float[Tensor, "B SN D"], layout: Layout
    ) -> Float[Tensor, "B SN D"]:
        x = state + injected
        for block in self.blocks:
            x = block(x, layout)
        return x
