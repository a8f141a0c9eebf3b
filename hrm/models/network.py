"""What every network of the family has: a grid, sizes that it works on, a place on disk."""

from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor, nn

from hrm.config.networks import NetworkConfig
from hrm.models.pretrained import Pretrained
from hrm.models.segment import Inputs, OnUpdate, State
from hrm.tasks.grid import Grid, Shape, shape_words


class Network(nn.Module, Pretrained):
    """A network that thinks about a puzzle for one segment at a time.

    A member of the family is one file beside this one: it has `initial_state`, `forward` (a
    segment) and `answer`.
    """

    Config: ClassVar[type[NetworkConfig]]
    """Its settings."""
    any_size: ClassVar[str] = ""
    """How such a network could be made to take grids of any size, for an error message."""
    token_cnt: int = 0
    """Tokens of the state's sequence that stand in front of the cells."""

    config: Any
    grid: Grid
    task: dict[str, Any]
    embedding: Any
    head: Any
    q_head: Any
    H: Any
    L: Any

    def initial_state(self, batch_size: int, shape: Shape | None = None) -> State:
        """The state before any thinking, the same for all puzzles.

        Args:
            batch_size: puzzles (B).
            shape: rows and columns; by default the network's own.
        """
        raise NotImplementedError

    def forward(
        self,
        state: State,
        inputs: Inputs | Tensor,
        on_update: OnUpdate | None = None,
        H_cycle_cnt: int | None = None,
    ) -> Any:
        """Think for one segment.

        Args:
            state: from `initial_state`, or from the segment before (detach it when training).
            inputs: the puzzles; or their tokens alone, for the logits alone.
            on_update: called with the module's name and the state after each update.
            H_cycle_cnt: of this segment; by default the config's.

        Returns:
            The state after the segment, and the `Output` that is read out of it.

        Raises:
            ValueError: if the puzzles are not of a shape that the network works on (see
                `require_shape`), or not of the state's.
        """
        raise NotImplementedError

    def answer(self, state: State) -> Tensor:
        """The logits, ``(B, S, V)``, that are read out of any state."""
        raise NotImplementedError

    def on(self, grid: Grid) -> Self:
        """This network, with the same weights, on another grid of its kind of puzzle.

        Raises:
            ValueError: naming what ties it to its own grid, and the remedy.
        """
        self.require_shape(grid.shape)
        if grid.input_codes > self.grid.input_codes:
            raise ValueError(
                f"its cells have {grid.input_codes} codes, but the model knows"
                f" {self.grid.input_codes}; use a model that was trained on such puzzles"
            )
        return self

    @property
    def vectors_per_cell(self) -> int:
        """Vectors of the state for each cell."""
        return 1

    def vectors_of(self, cells: Bool[Tensor, "B S"]) -> Bool[Tensor, "B T"]:
        """Which of the state's vectors are those of some cells."""
        return F.pad(cells.repeat_interleave(self.vectors_per_cell, dim=1), (self.token_cnt, 0))

    def require_shape(self, shape: Shape) -> None:
        """Refuse grids whose shape the network knows nothing of.

        Raises:
            ValueError: naming what ties it to its own shape, and the remedy.
        """
        tie = self.config.tied_to_size_by
        if shape != self.grid.shape and tie:
            other, own = shape_words(shape), shape_words(self.grid.shape)
            raise ValueError(
                f"boards are {other}, but this model works on {own} boards only, because of its"
                f" {tie}{self.any_size}"
            )

    def shape_of(self, tokens: Tensor, state: State) -> Shape:
        """Rows and columns of the puzzles, checked.

        Raises:
            ValueError: if the network does not work on them, or the state is of others.
        """
        if torch.compiler.is_exporting() and tokens.ndim == 3:
            return tokens.shape[1], tokens.shape[2]  # of any size, see `exchange.onnx`
        # Whole numbers also where PyTorch traces, and would make sizes part of the graph.
        rows, columns = self.grid.shape if tokens.ndim == 2 else tokens.shape[1:]
        shape = int(rows), int(columns)
        self.require_shape(shape)
        cells = tokens.shape[1:].numel()
        if cells != shape[0] * shape[1]:
            raise ValueError(
                f"{cells} cells, but this model's grids are {shape_words(self.grid.shape)}; give"
                " grids of another shape as (batch, rows, columns)"
            )
        of_state = (state.zH.shape[1] - self.token_cnt) // self.vectors_per_cell
        if of_state != cells:
            raise ValueError(
                f"a state for grids of {of_state} cells, but grids of {cells};"
                f" begin with initial_state(batch_size, {shape})"
            )
        return shape

    @property
    def parameter_cnt(self) -> int:
        """Trainable parameters; vectors of puzzle identifiers are not counted."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def do_nothing(module: str, state: State) -> None:
    """For `on_update`, where nobody looks on."""
