"""The Hierarchical Reasoning Model: two recurrent attention modules that think in latent space.

`HRM` = `InputEmbedding` + `ReasoningModule` H (slow) and L (fast) + a linear head on the H state.
One call is one *segment*: H_cycle_cnt × L_cycle_cnt steps, each an L update, with an H update after
every L_cycle_cnt-th of them. Thinking longer is calling again with the state that came back.

Parameters (`ModelConfig`; names and defaults live there, a test keeps this list in step):

    network             hrm: this network. hrm_act and trm are others, with settings of their own.
    d_model             Width D of the vector that represents each cell. Cost grows with D².
    head_cnt            Attention heads; each is d_model / head_cnt wide.
    sdpa_dropout        Probability of dropping an attention weight, in training.
    dropout             Probability of dropping an element of a sublayer's output, in training,
                        before the residual is added.
    bias_qkv            Biases in the query, key and value projections.
    bias_o              Bias in the attention output projection.
    head_bias           Bias in the linear head.
    expansion           Sets the inner width of SwiGLU: int(expansion · d_model · 2/3).
    elementwise_affine  Learnable scale in every RMSNorm; otherwise the norm has no parameters.
    H_block_cnt         Blocks stacked in the H module.
    L_block_cnt         Blocks stacked in the L module; unset (null): as many as in H. There is no
                        L module with modules = H, so it must stay unset there.
    H_cycle_cnt         H updates a segment.
    L_cycle_cnt         L updates before each H update.
    learnable_z_init    Whether the initial states are parameters. They learn wherever the gradient
                        horizon reaches a step that still reads them, in the first segment;
                        elsewhere, and when false, they keep their random values,
                        N(0, 1/√d_model).
    use_rope            Rotary positions in attention, counted row by row.
    rope_2d             Rotary positions counted by row and by column instead.
    use_abs_pos         Learned positions, added to the token embedding. Works with or without RoPE.
    attention           Attention among all cells as a sublayer.
    local_mixing        Sublayers before attention that mix along what the puzzle declares: a
                        depthwise convolution over a cell's neighbours (3×3 on boards), and means
                        over groups such as rows and boxes.
    code_axis           A vector for each cell and interchangeable code, instead of one for each
                        cell. Cells then mix code by code, and the vectors of a cell are a group.
    modules             HL: two modules. H: one module, z ← H(z + x), updated
                        H_cycle_cnt × L_cycle_cnt times a segment.
    grad_horizon        How many of a segment's last steps carry gradient: one_step (1: the paper's
                        one-step approximation), full (back-propagation through the whole segment)
                        or a number. An H update belongs to the step that it follows. The state is
                        cut from the graph between segments in any case, by the training loop.
    infer_segment_cnt   Segments to think for at inference; more may be asked for at any time.

Paper: Wang et al. 2025, Hierarchical Reasoning Model, arXiv 2506.21734.
"""

import copy
import math
from dataclasses import replace
from typing import Any, overload

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hrm.config.model import ModelConfig
from hrm.models.blocks import ReasoningModule
from hrm.models.codes import CodeEmbedding, CodeHead
from hrm.models.layers import InputEmbedding, RotaryEmbedding
from hrm.models.layout import Layout, axis_codes, lay_out
from hrm.models.network import Network, do_nothing
from hrm.models.segment import Inputs, OnUpdate, Output, State
from hrm.tasks import registry
from hrm.tasks.grid import Grid, Shape, shape_words


class HRM(Network, library_name="hrm-lab", tags=["hrm", "reasoning"]):
    """The model; see the module's docstring for every parameter.

    Args:
        config: a `ModelConfig`, or its keys as a dictionary.
        grid: what it may know of its puzzle; a number N means board paths on N×N boards.
        task: what a model folder says of the task: its name and what kind of puzzle it is.

    Raises:
        pydantic.ValidationError: (a ValueError) if `config` is a dictionary with a wrong entry.
        ValueError: if there are no boards of N×N.
    """

    Config = ModelConfig
    any_size = "; a model trained with model.rope_2d=true takes any size"
    config: ModelConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        config: ModelConfig | dict[str, Any],
        grid: Grid | int,
        task: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.config = config = ModelConfig.model_validate(config)
        if isinstance(grid, int):
            default = registry.default_task(grid)
            grid, task = default.grid, registry.describe(default.config)
        self.grid, self.task = grid, task or {}
        width = config.d_model
        codes, self._layouts = axis_codes(config, grid), {}
        rope = (
            RotaryEmbedding(grid.shape, width // config.head_cnt, config.rope_2d)
            if config.attention and config.use_rope
            else None
        )
        embedding: type = CodeEmbedding if codes else InputEmbedding
        input_codes, answer_codes = grid.input_codes - len(codes), grid.answer_codes - len(codes)
        self.embedding = embedding(input_codes, grid.cell_cnt, width, config.use_abs_pos)
        self.H = ReasoningModule(config, config.H_block_cnt, rope, grid)
        self.L = None
        if config.modules == "HL":
            self.L = ReasoningModule(config, config.L_block_cnt or config.H_block_cnt, rope, grid)
        self.zH_init = self._initial_vector()
        self.zL_init = self._initial_vector() if self.L is not None else None
        head: type = CodeHead if codes else nn.Linear
        self.head = head(width, answer_codes, bias=config.head_bias)

    def on(self, grid: Grid) -> "HRM":
        """This network, with the same weights, on another grid of its kind of puzzle.

        Args:
            grid: may have another shape, with other groups, and another number of interchangeable
                codes where the network has an axis for them.

        Raises:
            ValueError: naming what ties it to its own grid, and the remedy.
        """
        if grid == self.grid:
            return self
        self.require_shape(grid.shape)
        codes, own = axis_codes(self.config, grid), axis_codes(self.config, self.grid)
        if grid.input_codes - len(codes) > self.grid.input_codes - len(own):
            raise ValueError(
                f"its cells have {grid.input_codes} codes, but the model knows"
                f" {self.grid.input_codes}; use a model that was trained on such puzzles"
            )
        other = copy.copy(self)
        other.grid, other._layouts = grid, {}
        return other

    def initial_state(self, batch_size: int, shape: Shape | None = None) -> State:
        """The state before any thinking: one vector a module, the same for all puzzles and cells.

        Args:
            batch_size: puzzles (B).
            shape: rows and columns; by default the model's own.
        """
        rows, columns = shape or self.grid.shape
        size = (batch_size, rows * columns * self.vectors_per_cell, self.config.d_model)
        zL = None if self.zL_init is None else self.zL_init.expand(size)
        return State(self.zH_init.expand(size), zL)

    @overload
    def forward(
        self,
        state: State,
        inputs: Inputs,
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> tuple[State, Output]: ...

    @overload
    def forward(
        self,
        state: State,
        inputs: Tensor,
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> tuple[State, Tensor]: ...

    def forward(
        self,
        state: State,
        inputs: Inputs | Tensor,
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> tuple[State, Output | Tensor]:
        """Think for one segment.

        Args:
            state: from `initial_state`, or from the segment before (detach it when training).
            inputs: the puzzles; or their tokens alone, for the logits alone.
            on_update: called with the module's name and the state after each update.
            H_cycle_cnt: of this segment; by default the config's.

        Returns:
            The state after the segment, and what the head reads out of its zH.

        Raises:
            ValueError: if the puzzles are not of a shape that the model works on (see
                `require_shape`), or not of the state's.
        """
        tokens = inputs.tokens if isinstance(inputs, Inputs) else inputs
        layout = self._layout(self.shape_of(tokens, state), tokens.device)
        x = self._embed(tokens.flatten(1), layout)
        step_cnt = (H_cycle_cnt or self.config.H_cycle_cnt) * self.config.L_cycle_cnt
        first_with_gradient = step_cnt - self.config.grad_step_cnt
        for step in range(step_cnt):
            with torch.set_grad_enabled(torch.is_grad_enabled() and step >= first_with_gradient):
                state = self._step(step, state, x, layout, on_update or do_nothing)
        logits = self.answer(state)
        return state, Output(logits) if isinstance(inputs, Inputs) else logits

    def answer(self, state: State) -> Float[Tensor, "B S V"]:
        """The logits that the head reads out of any state, such as one that `on_update` got."""
        codes = axis_codes(self.config, self.grid)
        return self.head(state.zH, codes) if codes else self.head(state.zH)

    def _embed(self, tokens: Tensor, layout: Layout) -> Tensor:
        if layout.code_rows is None:
            return self.embedding(tokens)
        return self.embedding(tokens, layout.code_rows)

    def _layout(self, shape: Shape, device: torch.device) -> Layout:
        if torch.compiler.is_exporting():  # there the shape may be none of numbers
            return replace(lay_out(self.config, self.grid).to(device), shape=shape)
        if shape != self.grid.shape and self.config.local_mixing and self.grid.structure.groups:
            raise ValueError(
                f"boards are {shape_words(shape)}, but the groups that this model mixes over are"
                f" those of {shape_words(self.grid.shape)}; think with model.on(grid)"
            )
        if (shape, device) not in self._layouts:
            grid = replace(self.grid, height=shape[0], width=shape[1])
            self._layouts[shape, device] = lay_out(self.config, grid).to(device)
        return self._layouts[shape, device]

    def _step(
        self, step: int, state: State, x: Tensor, layout: Layout, on_update: OnUpdate
    ) -> State:
        zH, zL = state
        if self.L is None:
            state = State(self.H(zH, x, layout), None)
            on_update("H", state)
            return state
        state = State(zH, self.L(zL, zH + x, layout))
        on_update("L", state)
        if (step + 1) % self.config.L_cycle_cnt == 0:
            state = State(self.H(zH, state.zL, layout), state.zL)
            on_update("H", state)
        return state

    def _initial_vector(self) -> nn.Parameter:
        width = self.config.d_model
        vector = torch.randn(width) / math.sqrt(width)
        return nn.Parameter(vector, requires_grad=self.config.learnable_z_init)

    @property
    def vectors_per_cell(self) -> int:
        """Of the state: one, or one for each interchangeable code (N)."""
        return len(axis_codes(self.config, self.grid)) or 1
