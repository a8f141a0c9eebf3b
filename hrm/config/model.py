"""The settings of a network, their defaults and their limits.

The one source of names and defaults. The docstring under a field is its manual: `hrm train --help`
prints it. Settings are frozen, unknown keys are refused, and nothing here imports torch.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hrm.section import Section

Probability = Annotated[float, Field(ge=0, lt=1)]

MAX_WIDTH = 8192
MAX_PARAMETERS = 1_000_000_000
MAX_STEPS = 10_000


class ModelConfig(Section):
    """The network. Every parameter is explained at length in `hrm/models/hrm.py`."""

    network: Literal["hrm"] = "hrm"
    """Which network: hrm (the specification's), hrm_act (the published HRM), trm."""
    d_model: Annotated[int, Field(ge=1, le=MAX_WIDTH)] = 256
    """Width of the vector that represents each cell."""
    head_cnt: Annotated[int, Field(ge=1, le=256)] = 4
    """Attention heads; must divide `d_model`."""
    sdpa_dropout: Probability = 0.1
    """Dropout on the attention weights."""
    dropout: Probability = 0.1
    """Dropout on the output of each sublayer, before the residual is added."""
    bias_qkv: bool = False
    """Biases in the query, key and value projections."""
    bias_o: bool = False
    """Bias in the attention output projection."""
    head_bias: bool = False
    """Bias in the linear head that reads the answer out of the H state."""
    expansion: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Size of the MLP: the inner width of SwiGLU is int(expansion · d_model · 2/3)."""
    elementwise_affine: bool = True
    """Learnable scale in RMSNorm."""
    H_block_cnt: Annotated[int, Field(ge=1, le=256)] = 4
    """Blocks in the H (slow) module."""
    L_block_cnt: Annotated[int, Field(ge=1, le=256)] | None = None
    """Blocks in the L (fast) module; unset: as many as H. Must be unset with `modules: H`."""
    H_cycle_cnt: Annotated[int, Field(ge=1, le=1024)] = 2
    """H updates a segment ("think time")."""
    L_cycle_cnt: Annotated[int, Field(ge=1, le=1024)] = 2
    """L updates for each H update ("think time")."""
    learnable_z_init: bool = True
    """Learn the initial states, wherever gradient reaches them; otherwise they stay as drawn."""
    use_rope: bool = True
    """Rotary positions in attention, along the flattened board."""
    rope_2d: bool = False
    """Rotary positions by row and by column instead; needs `use_rope`."""
    use_abs_pos: bool = False
    """Learned positions, added to the tokens."""
    attention: bool = True
    """Attention among all cells; without it, cells see only those that `local_mixing` mixes, and
    cost grows with the number of cells, not with its square."""
    local_mixing: bool = False
    """Sublayers before attention that mix along what the puzzle declares: a depthwise convolution
    over a cell's neighbours (3×3 on boards), means over groups such as rows and boxes."""
    code_axis: bool = False
    """A vector for each cell and interchangeable code, such as the digits of Sudoku, instead of one
    for each cell; no code is then told from another. Cost grows with the number of codes."""
    modules: Literal["HL", "H"] = "HL"
    """Two modules (HL), or one that does all H_cycle_cnt × L_cycle_cnt updates (H)."""
    grad_horizon: Literal["one_step", "full"] | Annotated[int, Field(ge=1)] = "one_step"
    """How many of a segment's last H×L steps carry gradient: one_step (1), full (all), or a number.
    """
    infer_segment_cnt: Annotated[int, Field(ge=1, le=10_000)] = 2
    """Segments to think for at inference."""

    @property
    def step_cnt(self) -> int:
        """Steps of a segment: H_cycle_cnt × L_cycle_cnt."""
        return self.H_cycle_cnt * self.L_cycle_cnt

    @property
    def grad_step_cnt(self) -> int:
        """How many of a segment's last steps carry gradient, as a number."""
        named = {"one_step": 1, "full": self.step_cnt}
        return named[self.grad_horizon] if isinstance(self.grad_horizon, str) else self.grad_horizon

    @property
    def frames_per_segment(self) -> int:
        """Updates of the answering module a segment: the frames that an animation shows."""
        return self.H_cycle_cnt if self.modules == "HL" else self.step_cnt

    @property
    def tied_to_size_by(self) -> str | None:
        """What ties the network to the board size that it was trained on; None: it takes any size.

        Learned positions exist for that size alone. Positions along the flattened board exist for
        any, but mean other rows and columns there, so nothing that was learned would carry over.
        """
        if self.use_abs_pos:
            return "learned positions (use_abs_pos)"
        if self.attention and self.use_rope and not self.rope_2d:
            return "positions counted along the flattened board (use_rope without rope_2d)"
        return None

    def _nearest_width(self, head_multiple: int) -> int:
        """A width that fits: the next larger one, or the largest there is."""
        step = self.head_cnt * head_multiple
        return min(-(-self.d_model // step), MAX_WIDTH // step) * step

    def _require_heads_that_fit(self) -> None:
        needed, reason = (
            (4, "rope_2d") if self.rope_2d else (2, "RoPE") if self.use_rope else (1, "")
        )
        if self.d_model % self.head_cnt:
            raise ValueError(
                f"d_model: {self.d_model} is not divisible by head_cnt {self.head_cnt};"
                f" use d_model={self._nearest_width(needed)}"
            )
        head_width = self.d_model // self.head_cnt
        if head_width % needed:
            raise ValueError(
                f"d_model: a head is d_model/head_cnt = {head_width} wide, but {reason} needs a"
                f" multiple of {needed}; use d_model={self._nearest_width(needed)}"
            )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.attention:
            self._require_heads_that_fit()
        elif not self.local_mixing:
            raise ValueError(
                "attention: without it no cell sees another; set local_mixing=true as well"
            )
        if self.rope_2d and not self.use_rope:
            raise ValueError("rope_2d: needs use_rope=true")
        if self.modules == "H" and self.L_block_cnt is not None:
            raise ValueError("L_block_cnt: there is no L module with modules=H; set it to null")
        blocks = self.H_block_cnt + (self.modules == "HL") * (self.L_block_cnt or self.H_block_cnt)
        weights = blocks * self.d_model**2 * (4 + 2 * self.expansion)
        if weights > MAX_PARAMETERS:
            raise ValueError(
                f"d_model: {self.d_model} with {blocks} blocks makes {weights:,.0f} weights; up to"
                f" {MAX_PARAMETERS:,} are allowed, so make the model smaller"
            )
        if self.step_cnt > MAX_STEPS:
            raise ValueError(
                f"H_cycle_cnt: {self.H_cycle_cnt} × L_cycle_cnt {self.L_cycle_cnt} makes"
                f" {self.step_cnt:,} steps a segment; up to {MAX_STEPS:,} are allowed"
            )
        if self.grad_step_cnt > self.step_cnt:
            raise ValueError(
                f"grad_horizon: {self.grad_horizon} is more than the segment's"
                f" {self.step_cnt} steps (H_cycle_cnt × L_cycle_cnt); use full"
            )
        return self
