"""The settings of the published networks: HRM v1 (`hrm_act`) and TRM (`trm`).

Their defaults are the published values for Sudoku. As in `model.py`, the docstring under a field is
its manual.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hrm.config.model import MAX_PARAMETERS, MAX_STEPS, MAX_WIDTH
from hrm.section import Section

_Blocks = Annotated[int, Field(ge=1, le=256)]
_Cycles = Annotated[int, Field(ge=1, le=1024)]
_Tokens = Annotated[int, Field(ge=1, le=1024)]
Horizon = Literal["one_step", "last_cycle", "full"]


class PublishedConfig(Section):
    """What both networks have; see `hrm/models/hrm_act.py` and `hrm/models/trm.py`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        # A network that gives a key another default need not repeat its manual.
        for key, field in PublishedConfig.model_fields.items():
            own = cls.model_fields[key]
            own.description = own.description or field.description

    network: str
    """Which network: hrm (the specification's), hrm_act (the published HRM), trm."""
    d_model: Annotated[int, Field(ge=1, le=MAX_WIDTH)] = 512
    """Width of the vector that represents each cell."""
    head_cnt: Annotated[int, Field(ge=1, le=256)] = 8
    """Attention heads; must divide `d_model`."""
    expansion: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Size of the MLP: the inner width of SwiGLU is expansion · d_model · 2/3, rounded up to a
    multiple of 256."""
    puzzle_token_cnt: _Tokens
    """Tokens in front of the cells; the first holds the puzzle's own learned vector."""
    H_cycle_cnt: _Cycles
    """H updates a segment."""
    L_cycle_cnt: _Cycles
    """L updates for each H update."""
    positions: str
    """Rotary positions along the flattened board, or learned ones; puzzle tokens are counted."""
    grad_horizon: Horizon
    """What carries gradient of a segment: the last L and H update (one_step), the L updates of the
    last H update and that one (last_cycle), or everything (full)."""
    q_continue: bool
    """Learn what going on is worth too, and halt where halting is worth more. Otherwise halt where
    the answer is more likely right than not."""
    infer_segment_cnt: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Segments to think for at inference."""

    @property
    def step_cnt(self) -> int:
        """L updates of a segment: H_cycle_cnt × L_cycle_cnt."""
        return self.H_cycle_cnt * self.L_cycle_cnt

    @property
    def grad_step_cnt(self) -> int:
        """How many of a segment's last L updates carry gradient."""
        named = {"one_step": 1, "last_cycle": self.L_cycle_cnt, "full": self.step_cnt}
        return named[self.grad_horizon]

    @property
    def frames_per_segment(self) -> int:
        """Updates of the state that answers, a segment: the frames that an animation shows."""
        return self.H_cycle_cnt

    @property
    def block_cnt(self) -> int:
        """Blocks that have weights of their own."""
        raise NotImplementedError

    @property
    def tied_to_size_by(self) -> str | None:
        """What ties the network to the board size that it was trained on."""
        return "positions counted along the flattened board"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        head_width, rest = divmod(self.d_model, self.head_cnt)
        if rest or head_width % 2:
            step = 2 * self.head_cnt
            fitting = min(-(-self.d_model // step), MAX_WIDTH // step) * step
            raise ValueError(
                f"d_model: {self.d_model} is not divisible by twice head_cnt {self.head_cnt}, which"
                f" rotary positions need; use d_model={fitting}"
            )
        weights = self.block_cnt * self.d_model * (4 * self.d_model + 3 * self.inner_width)
        if weights > MAX_PARAMETERS:
            raise ValueError(
                f"d_model: {self.d_model} with {self.block_cnt} blocks makes {weights:,} weights;"
                f" up to {MAX_PARAMETERS:,} are allowed, so make the model smaller"
            )
        if self.step_cnt > MAX_STEPS:
            raise ValueError(
                f"H_cycle_cnt: {self.H_cycle_cnt} × L_cycle_cnt {self.L_cycle_cnt} makes"
                f" {self.step_cnt:,} steps a segment; up to {MAX_STEPS:,} are allowed"
            )
        return self

    @property
    def inner_width(self) -> int:
        """Of SwiGLU over the channels."""
        return rounded_inner_width(self.d_model, self.expansion)


class HRMActConfig(PublishedConfig):
    """HRM v1: two modules, halting by Q-learning. The published settings."""

    network: Literal["hrm_act"] = "hrm_act"  # pyright: ignore[reportIncompatibleVariableOverride]
    H_block_cnt: _Blocks = 4
    """Blocks in the H (slow) module."""
    L_block_cnt: _Blocks = 4
    """Blocks in the L (fast) module."""
    puzzle_token_cnt: _Tokens = 1
    H_cycle_cnt: _Cycles = 2
    L_cycle_cnt: _Cycles = 2
    positions: Literal["rope", "learned"] = "rope"  # pyright: ignore[reportIncompatibleVariableOverride]
    grad_horizon: Horizon = "one_step"
    q_continue: bool = True

    @property
    def block_cnt(self) -> int:
        """Blocks of both modules."""
        return self.H_block_cnt + self.L_block_cnt


class TRMConfig(PublishedConfig):
    """TRM: one network of few layers that updates both states. The published settings."""

    network: Literal["trm"] = "trm"  # pyright: ignore[reportIncompatibleVariableOverride]
    mixing: Literal["attention", "mlp"] = "attention"
    """What mixes the positions: attention, or an MLP over all of them (the mixer)."""
    L_block_cnt: _Blocks = 2
    """Blocks of the network."""
    puzzle_token_cnt: _Tokens = 16
    H_cycle_cnt: _Cycles = 3
    L_cycle_cnt: _Cycles = 6
    positions: Literal["rope", "learned", "none"] = "rope"  # pyright: ignore[reportIncompatibleVariableOverride]
    """Rotary positions along the flattened board, learned ones, or none; puzzle tokens are counted.
    With `mixing: mlp`, rotary positions do nothing."""
    grad_horizon: Horizon = "last_cycle"
    q_continue: bool = False

    @property
    def block_cnt(self) -> int:
        """Blocks that have weights of their own."""
        return self.L_block_cnt

    @property
    def tied_to_size_by(self) -> str | None:
        """What ties the network to the board size that it was trained on; None: nothing does."""
        if self.mixing == "mlp":
            return "mixing over the positions (mixing=mlp)"
        return None if self.positions == "none" else super().tied_to_size_by


def rounded_inner_width(width: int, expansion: float) -> int:
    """Inner width of SwiGLU over so many channels or positions: a multiple of 256."""
    return -(-round(expansion * width * 2 / 3) // 256) * 256
