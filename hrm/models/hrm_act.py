"""HRM v1 as published: two modules, a one-step gradient, and a head that learns when to halt.

A segment is H_cycle_cnt times L_cycle_cnt updates of L, with an update of H after every
L_cycle_cnt-th. L reads zH + x, H reads zL. Only the last update of each carries gradient.

Settings (`HRMActConfig`; names and defaults live there):

    d_model, head_cnt, expansion   As in `hrm.py`; the inner width of SwiGLU is rounded up to a
                                   multiple of 256.
    H_block_cnt, L_block_cnt       Blocks of the modules.
    H_cycle_cnt, L_cycle_cnt       H updates a segment, L updates for each.
    puzzle_token_cnt               Tokens in front of the cells; the first is the puzzle's own.
    positions                      rope, or learned.
    grad_horizon                   one_step as published; last_cycle, full.
    q_continue                     Halt where halting is worth more than going on, as published.
    infer_segment_cnt              Segments to think for at inference.

Paper: Wang et al. 2025, Hierarchical Reasoning Model, arXiv 2506.21734.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from hrm.config.published import HRMActConfig
from hrm.models.published import PublishedNetwork
from hrm.models.published_layers import (
    AttentionMixing,
    PublishedBlock,
    RecurrentBlocks,
    RotaryPositions,
)
from hrm.tasks.grid import Grid


class HRMAct(PublishedNetwork, library_name="hrm-lab", tags=["hrm", "reasoning"]):
    """The published HRM; see the module's docstring, and `PublishedNetwork` for the arguments."""

    Config = HRMActConfig
    config: HRMActConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        config: HRMActConfig | dict[str, Any],
        grid: Grid | int,
        task: dict[str, Any] | None = None,
    ):
        super().__init__(config, grid, task)
        rope = self.rope()
        self.H = RecurrentBlocks([self._block(rope) for _ in range(self.config.H_block_cnt)])
        self.L = RecurrentBlocks([self._block(rope) for _ in range(self.config.L_block_cnt)])

    def update_H(self, zH: Float[Tensor, "B T D"], zL: Float[Tensor, "B T D"]) -> Tensor:
        """The slow module's next state."""
        return self.H(zH, zL)

    def update_L(self, zL: Float[Tensor, "B T D"], injected: Float[Tensor, "B T D"]) -> Tensor:
        """The fast module's next state."""
        return self.L(zL, injected)

    def _block(self, rope: RotaryPositions | None) -> PublishedBlock:
        width, config = self.config.d_model, self.config
        mixing = AttentionMixing(width, config.head_cnt, rope)
        return PublishedBlock(mixing, width, config.expansion)
