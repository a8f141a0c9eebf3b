"""TRM, the Tiny Recursive Model, as published: one small network that updates both states.

A segment is H_cycle_cnt times L_cycle_cnt updates of zL, which read zH + x, with an update of zH,
which reads zL, after every L_cycle_cnt-th. The same weights do both. The last of these H_cycle_cnt
cycles carries gradient.

Settings (`TRMConfig`; names and defaults live there):

    d_model, head_cnt, expansion   As in `hrm.py`; the inner width of SwiGLU is rounded up to a
                                   multiple of 256.
    mixing                         attention, or mlp: an MLP over the positions (the mixer).
    L_block_cnt                    Blocks of the network.
    H_cycle_cnt, L_cycle_cnt       Updates of zH a segment, updates of zL for each.
    puzzle_token_cnt               Tokens in front of the cells; the first is the puzzle's own.
    positions                      rope, learned, or none, which the published mixer has.
    grad_horizon                   last_cycle as published; one_step, full.
    q_continue                     False as published: halt where the answer is likely right.
    infer_segment_cnt              Segments to think for at inference.

Paper: Jolicoeur-Martineau 2025, Less is More: Recursive Reasoning with Tiny Networks, arXiv
2510.04871.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from hrm.config.published import TRMConfig
from hrm.models.published import PublishedNetwork
from hrm.models.published_layers import (
    AttentionMixing,
    PositionMixing,
    PublishedBlock,
    RecurrentBlocks,
    RotaryPositions,
)
from hrm.tasks.grid import Grid


class TRM(PublishedNetwork, library_name="hrm-lab", tags=["trm", "reasoning"]):
    """The published TRM; see the module's docstring, and `PublishedNetwork` for the arguments."""

    Config = TRMConfig
    config: TRMConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        config: TRMConfig | dict[str, Any],
        grid: Grid | int,
        task: dict[str, Any] | None = None,
    ):
        super().__init__(config, grid, task)
        rope = self.rope()
        self.L = RecurrentBlocks([self._block(rope) for _ in range(self.config.L_block_cnt)])

    def update_H(self, zH: Float[Tensor, "B T D"], zL: Float[Tensor, "B T D"]) -> Tensor:
        """The next answer state, by the same weights as the other."""
        return self.L(zH, zL)

    def update_L(self, zL: Float[Tensor, "B T D"], injected: Float[Tensor, "B T D"]) -> Tensor:
        """The next latent state."""
        return self.L(zL, injected)

    def _block(self, rope: RotaryPositions | None) -> PublishedBlock:
        return PublishedBlock(self._mixing(rope), self.config.d_model, self.config.expansion)

    def _mixing(self, rope: RotaryPositions | None) -> nn.Module:
        if self.config.mixing == "mlp":
            return PositionMixing(self.length, self.config.expansion)
        return AttentionMixing(self.config.d_model, self.config.head_cnt, rope)
