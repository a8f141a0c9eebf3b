"""What goes into a segment of thought and what comes out, the same for every network."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor


class State(NamedTuple):
    """What a model carries from step to step and from segment to segment."""

    zH: Float[Tensor, "B S D"]
    zL: Float[Tensor, "B S D"] | None
    """None for a model with one module."""

    def detach(self) -> "State":
        """The same values, cut from the graph."""
        return State(self.zH.detach(), None if self.zL is None else self.zL.detach())

    def of(self, which: Bool[Tensor, "B"]) -> "State":  # noqa: F821
        """The state of some of the puzzles."""
        return State(self.zH[which], None if self.zL is None else self.zL[which])

    def split(self, count: int) -> "list[State]":
        """The states of so many puzzles at a time."""
        zH = self.zH.split(count)
        zL = [None] * len(zH) if self.zL is None else self.zL.split(count)
        return [State(*parts) for parts in zip(zH, zL, strict=True)]

    def renewed(
        self,
        which: Bool[Tensor, "B"] | Bool[Tensor, "B T"],  # noqa: F821
        initial: "State",
    ) -> "State":
        """The state, in which some puzzles, or some vectors, are at the beginning again."""
        new = which.view(len(which), -1, 1)
        zL = self.zL
        if zL is not None:
            assert initial.zL is not None
            zL = torch.where(new, initial.zL, zL)
        return State(torch.where(new, initial.zH, self.zH), zL)

    @staticmethod
    def join(states: "Sequence[State]") -> "State":
        """One state of all puzzles, in order."""
        zL = [state.zL for state in states if state.zL is not None]
        return State(torch.cat([state.zH for state in states]), torch.cat(zL) if zL else None)


OnUpdate = Callable[[str, State], None]
"""Called after each update with the name of the module that moved ("H" or "L") and the state."""


class Inputs(NamedTuple):
    """What a network is shown."""

    tokens: Integer[Tensor, "B S"] | Integer[Tensor, "B R C"]
    """The puzzles' codes, row by row: flat in the network's own shape, or as grids of any shape."""
    puzzle_ids: Integer[Tensor, "B"] | None = None  # noqa: F821
    """Of each puzzle its identifier, for networks that learn a vector for each; None: all have 0.
    """

    def of(self, which: Integer[Tensor, "b"] | Bool[Tensor, "B"]) -> "Inputs":  # noqa: F821
        """Some of the puzzles."""
        return Inputs(
            self.tokens[which], None if self.puzzle_ids is None else self.puzzle_ids[which]
        )

    def split(self, count: int) -> "list[Inputs]":
        """So many puzzles at a time."""
        tokens = self.tokens.split(count)
        ids = [None] * len(tokens) if self.puzzle_ids is None else self.puzzle_ids.split(count)
        return [Inputs(*parts) for parts in zip(tokens, ids, strict=True)]


class Output(NamedTuple):
    """What a network says after a segment."""

    logits: Float[Tensor, "B S V"]
    """Of each code of the answer, for each cell."""
    halt: Float[Tensor, "B 2"] | None = None
    """Of halting and of going on, where a network has such a head."""
