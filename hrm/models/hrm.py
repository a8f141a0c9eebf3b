"""The Hierarchical Reasoning Model: two recurrent attention modules that think in latent space.

`HRM` = `InputEmbedding` + `ReasoningModule` H (slow) and L (fast) + a linear head on the H state.
One call is one *segment*: H_cycle_cnt × L_cycle_cnt steps, each an L update, with an H update after
every L_cycle_cnt-th of them. Thinking longer is calling again with the state that came back.

Parameters (`ModelConfig`; names and defaults live there, a test keeps this list in step):

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
    use_rope            Rotary positions in attention, counted along the flattened board.
    rope_2d             Rotary positions counted by row and by column instead.
    use_abs_pos         Learned positions, added to the token embedding. Works with or without RoPE.
    local_mixing        A depthwise 3×3 convolution over the board as a sublayer before attention.
    modules             HL: two modules. H: one module, z ← H(z + x), updated
                        H_cycle_cnt × L_cycle_cnt times a segment.
    grad_horizon        How many of a segment's last steps carry gradient: one_step (1: the paper's
                        one-step approximation), full (back-propagation through the whole segment)
                        or a number. An H update belongs to the step that it follows. The state is
                        cut from the graph between segments in any case, by the training loop.
    infer_segment_cnt   Segments to think for at inference; more may be asked for at any time.

Paper: Wang et al. 2025, Hierarchical Reasoning Model, arXiv 2506.21734.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import ModelHubMixin
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from hrm.config.schema import ModelConfig
from hrm.models import hub
from hrm.models.layers import (
    AddNorm,
    InputEmbedding,
    LocalMixing,
    RotaryEmbedding,
    SDPAttention,
    SwiGLU,
)
from hrm.tasks.boardpath.boards import VOCAB_SIZE


class HRMBlock(nn.Module):
    """Post-norm transformer block: each sublayer is x ← RMSNorm(x + Dropout(sublayer(x))).

    The sublayers are attention and SwiGLU, with `local_mixing` a convolution before them.

    Args:
        config: widths, dropout and options.
        rope: the rotary table that all blocks share, or None.
    """

    def __init__(self, config: ModelConfig, rope: RotaryEmbedding | None):
        super().__init__()
        width = config.d_model
        attention = SDPAttention(
            width, config.head_cnt, config.sdpa_dropout, config.bias_qkv, config.bias_o, rope
        )
        local = [LocalMixing(width)] if config.local_mixing else []
        self.sublayers = nn.ModuleList([*local, attention, SwiGLU(width, config.expansion)])
        self.norms = nn.ModuleList(
            AddNorm(width, config.dropout, config.elementwise_affine) for _ in self.sublayers
        )

    def forward(self, x: Float[Tensor, "B S D"]) -> Float[Tensor, "B S D"]:
        for sublayer, norm in zip(self.sublayers, self.norms, strict=True):
            x = norm(x, sublayer(x))
        return x


class ReasoningModule(nn.Module):
    """A recurrent module: a stack of blocks over the sum of its state and what is injected.

    Args:
        config: passed to every block.
        block_cnt: blocks in the stack.
        rope: the rotary table that all blocks share, or None.
    """

    def __init__(self, config: ModelConfig, block_cnt: int, rope: RotaryEmbedding | None):
        super().__init__()
        self.blocks = nn.ModuleList(HRMBlock(config, rope) for _ in range(block_cnt))

    def forward(
        self, state: Float[Tensor, "B S D"], injected: Float[Tensor, "B S D"]
    ) -> Float[Tensor, "B S D"]:
        x = state + injected
        for block in self.blocks:
            x = block(x)
        return x


class State(NamedTuple):
    """What a model carries from step to step and from segment to segment."""

    zH: Float[Tensor, "B S D"]
    zL: Float[Tensor, "B S D"] | None
    """None for a model with one module."""

    def detach(self) -> "State":
        """The same values, cut from the graph."""
        return State(self.zH.detach(), None if self.zL is None else self.zL.detach())

    def of(self, boards: Bool[Tensor, "B"]) -> "State":  # noqa: F821
        """The state of some of the boards."""
        return State(self.zH[boards], None if self.zL is None else self.zL[boards])

    def split(self, board_cnt: int) -> "list[State]":
        """The states of so many boards at a time."""
        zH = self.zH.split(board_cnt)
        zL = [None] * len(zH) if self.zL is None else self.zL.split(board_cnt)
        return [State(*parts) for parts in zip(zH, zL, strict=True)]

    @staticmethod
    def join(states: "Sequence[State]") -> "State":
        """One state of all boards, in order."""
        zL = [state.zL for state in states if state.zL is not None]
        return State(torch.cat([state.zH for state in states]), torch.cat(zL) if zL else None)


OnUpdate = Callable[[str, State], None]
"""Called after each update with the name of the module that moved ("H" or "L") and the state."""


class HRM(nn.Module, ModelHubMixin, library_name="hrm-lab", tags=["hrm", "reasoning"]):
    """The model; see the module's docstring for every parameter.

    Args:
        config: a `ModelConfig`, or its keys as a dictionary.
        board_size: cells on a side (N) of the boards it works on; of those it is mostly meant for,
            if its positions allow any (see `require_size`).

    Raises:
        pydantic.ValidationError: (a ValueError) if `config` is a dictionary with a wrong entry.
    """

    def __init__(self, config: ModelConfig | dict[str, Any], board_size: int):
        super().__init__()
        self.config = config = ModelConfig.model_validate(config)
        self.board_size = board_size
        width = config.d_model
        rope = (
            RotaryEmbedding(board_size, width // config.head_cnt, config.rope_2d)
            if config.use_rope
            else None
        )
        self.embedding = InputEmbedding(VOCAB_SIZE, board_size**2, width, config.use_abs_pos)
        self.H = ReasoningModule(config, config.H_block_cnt, rope)
        self.L = None
        if config.modules == "HL":
            self.L = ReasoningModule(config, config.L_block_cnt or config.H_block_cnt, rope)
        self.zH_init = self._initial_vector()
        self.zL_init = self._initial_vector() if self.L is not None else None
        self.head = nn.Linear(width, VOCAB_SIZE, bias=config.head_bias)

    def require_size(self, board_size: int) -> None:
        """Refuse boards whose size the model's positions know nothing of.

        Raises:
            ValueError: naming what ties it to its own size, and the remedy.
        """
        tie = self.config.tied_to_size_by
        if board_size != self.board_size and tie:
            size, own = (f"{n}×{n}" for n in (board_size, self.board_size))
            raise ValueError(
                f"boards are {size}, but this model works on {own} boards only, because of its"
                f" {tie}; a model trained with model.rope_2d=true takes any size"
            )

    def initial_state(self, batch_size: int, board_size: int | None = None) -> State:
        """The state before any thinking: one vector a module, the same for all boards and cells.

        Args:
            batch_size: boards (B).
            board_size: cells on a side (N); by default the model's own.
        """
        shape = (batch_size, (board_size or self.board_size) ** 2, self.config.d_model)
        zL = None if self.zL_init is None else self.zL_init.expand(shape)
        return State(self.zH_init.expand(shape), zL)

    def forward(
        self,
        state: State,
        tokens: Integer[Tensor, "B S"],
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> tuple[State, Float[Tensor, "B S V"]]:
        """Think for one segment.

        Args:
            state: from `initial_state`, or from the segment before (detach it when training).
            tokens: the input boards' codes, flattened row by row; their number tells the size.
            on_update: called with the module's name and the state after each update.
            H_cycle_cnt: of this segment; by default the config's.

        Returns:
            The state after the segment, and the logits that the head reads out of its zH.

        Raises:
            ValueError: if the boards are not square, not of a size that the model works on (see
                `require_size`), or not of the state's size.
        """
        self._require_fit(state, tokens)
        x = self.embedding(tokens)
        step_cnt = (H_cycle_cnt or self.config.H_cycle_cnt) * self.config.L_cycle_cnt
        first_with_gradient = step_cnt - self.config.grad_step_cnt
        for step in range(step_cnt):
            with torch.set_grad_enabled(torch.is_grad_enabled() and step >= first_with_gradient):
                state = self._step(step, state, x, on_update or _ignore)
        return state, self.head(state.zH)

    def _require_fit(self, state: State, tokens: Tensor) -> None:
        cells, size = tokens.shape[1], math.isqrt(tokens.shape[1])
        if cells != size**2:
            raise ValueError(f"boards of {cells} cells are not square")
        self.require_size(size)
        if state.zH.shape[1] != cells:
            raise ValueError(
                f"a state for boards of {state.zH.shape[1]} cells, but boards of {cells};"
                f" begin with initial_state(batch_size, {size})"
            )

    def answer(self, state: State) -> Float[Tensor, "B S V"]:
        """The logits that the head reads out of any state, such as one that `on_update` got."""
        return self.head(state.zH)

    def _step(self, step: int, state: State, x: Tensor, on_update: OnUpdate) -> State:
        zH, zL = state
        if self.L is None:
            state = State(self.H(zH, x), None)
            on_update("H", state)
            return state
        state = State(zH, self.L(zL, zH + x))
        on_update("L", state)
        if (step + 1) % self.config.L_cycle_cnt == 0:
            state = State(self.H(zH, state.zL), state.zL)
            on_update("H", state)
        return state

    def _initial_vector(self) -> nn.Parameter:
        width = self.config.d_model
        vector = torch.randn(width) / math.sqrt(width)
        return nn.Parameter(vector, requires_grad=self.config.learnable_z_init)

    @property
    def parameter_cnt(self) -> int:
        """Trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, **download: Any) -> "HRM":
        """A trained model, ready for inference.

        Args:
            name_or_folder: a bundled model's name, a model folder, a run folder (its best
                checkpoint), or a repository on the Hugging Face hub; looked for in that order.
            **download: passed to `huggingface_hub.snapshot_download` (revision, token, …).

        Raises:
            ValueError: if there is no such model or its files are damaged.
        """
        folder = hub.find_model(name_or_folder, **download)
        model_config, board_size = hub.read_config(folder)
        with torch.device("meta"):  # shapes alone: a config may promise more than the file holds
            shapes = cls(model_config, board_size).state_dict()
        weights = hub.read_weights(folder, {name: tuple(t.shape) for name, t in shapes.items()})
        model = cls(model_config, board_size)
        model.load_state_dict(weights)
        return model.eval()

    def save_pretrained(
        self, save_directory: str | Path, *, model_card: str | None = None, **_: Any
    ) -> None:
        """Write `config.json`, `model.safetensors` and a model card (`README.md`) to a folder.

        Args:
            save_directory: made if missing; each file is replaced atomically.
            model_card: Markdown; by default a short card with the architecture.

        Raises:
            OSError: if the folder cannot be written.
        """
        hub.write_model(
            Path(save_directory), self.config, self.board_size, self.state_dict(), model_card
        )


def _ignore(module: str, state: State) -> None:
    """The hook of those who do not watch."""
