"""What the published HRM and TRM share around their segments: embedding, initial states, heads."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hrm.config.published import PublishedConfig
from hrm.models.network import Network, do_nothing
from hrm.models.published_layers import (
    PublishedEmbedding,
    RotaryPositions,
    linear,
    q_head,
    truncated_normal_,
)
from hrm.models.segment import Inputs, OnUpdate, Output, State
from hrm.tasks import registry
from hrm.tasks.grid import Grid, Shape


class PublishedNetwork(Network):
    """A network with puzzle tokens, fixed initial states and a head that says when to halt.

    Args:
        config: its settings, or their keys as a dictionary.
        grid: what it may know of its puzzle; a number N means board paths on N×N boards.
        task: what a model folder says of the task: its name and what kind of puzzle it is.

    Raises:
        pydantic.ValidationError: (a ValueError) if `config` is a dictionary with a wrong entry.
        ValueError: if there are no boards of N×N.
    """

    config: PublishedConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    zH_init: Tensor
    zL_init: Tensor

    def __init__(
        self,
        config: PublishedConfig | dict[str, Any],
        grid: Grid | int,
        task: dict[str, Any] | None = None,
    ):
        super().__init__()
        own: Any = self.Config.model_validate(config)
        self.config = own
        if isinstance(grid, int):
            default = registry.default_task(grid)
            grid, task = default.grid, registry.describe(default.config)
        self.grid, self.task = grid, task or {}
        self.token_cnt, width = own.puzzle_token_cnt, own.d_model
        self.embedding = PublishedEmbedding(
            grid.input_codes,
            grid.cell_cnt,
            grid.puzzle_identifiers,
            own.puzzle_token_cnt,
            width,
            learned_positions=own.positions == "learned",
        )
        self.length = own.puzzle_token_cnt + grid.cell_cnt
        """Positions of the sequence (T)."""
        for name in ("zH_init", "zL_init"):
            # Rounded to bfloat16, as the published ones are.
            vector = truncated_normal_(torch.empty(width), std=1.0).bfloat16().float()
            self.register_buffer(name, vector)
        self.head = linear(width, grid.answer_codes)
        self.q_head = q_head(width)

    def rope(self) -> RotaryPositions | None:
        """Rotary positions for all blocks, or None."""
        if self.config.positions != "rope":
            return None
        return RotaryPositions(self.length, self.config.d_model // self.config.head_cnt)

    def initial_state(self, batch_size: int, shape: Shape | None = None) -> State:
        """The state before any thinking: one fixed vector for each of both states.

        Args:
            batch_size: puzzles (B).
            shape: rows and columns; by default the network's own.
        """
        rows, columns = shape or self.grid.shape
        size = (batch_size, self.token_cnt + rows * columns, self.config.d_model)
        return State(self.zH_init.expand(size), self.zL_init.expand(size))

    def forward(
        self,
        state: State,
        inputs: Inputs | Tensor,
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> tuple[State, Any]:
        """Think for one segment; see `Network.forward`."""
        if isinstance(inputs, Tensor):
            state, output = self(state, Inputs(inputs), on_update, H_cycle_cnt)
            return state, output.logits
        tokens, ids = inputs
        self.shape_of(tokens, state)
        if ids is None:
            ids = tokens.new_zeros(len(tokens))
        x = self.embedding(tokens.flatten(1), ids)
        cycles = H_cycle_cnt or self.config.H_cycle_cnt
        state = self.segment(state, x, cycles, on_update or do_nothing)
        halt = self.q_head(state.zH[:, 0])
        halt = halt.to(torch.promote_types(halt.dtype, torch.float32))
        return state, Output(self.answer(state), halt)

    def segment(
        self, state: State, x: Float[Tensor, "B T D"], cycles: int, on_update: OnUpdate
    ) -> State:
        """The updates of one segment about embedded puzzles `x`.

        L reads zH + x. After every L_cycle_cnt-th update of it, H reads zL.
        """
        zH, zL = state
        assert zL is not None
        step_cnt = cycles * self.config.L_cycle_cnt
        first_with_gradient = step_cnt - self.config.grad_step_cnt
        for step in range(step_cnt):
            with torch.set_grad_enabled(torch.is_grad_enabled() and step >= first_with_gradient):
                zL = self.update_L(zL, zH + x)
                on_update("L", State(zH, zL))
                if (step + 1) % self.config.L_cycle_cnt == 0:
                    zH = self.update_H(zH, zL)
                    on_update("H", State(zH, zL))
        return State(zH, zL)

    def update_H(self, zH: Float[Tensor, "B T D"], zL: Float[Tensor, "B T D"]) -> Tensor:
        """The next zH."""
        raise NotImplementedError

    def update_L(self, zL: Float[Tensor, "B T D"], injected: Float[Tensor, "B T D"]) -> Tensor:
        """The next zL."""
        raise NotImplementedError

    def answer(self, state: State) -> Float[Tensor, "B S V"]:
        """The logits that the head reads out of any state, such as one that `on_update` got."""
        return self.head(state.zH)[:, self.token_cnt :]
