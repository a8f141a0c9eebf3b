"""How the vectors of a state lie: one for each cell or, with an axis of codes, for each cell and
interchangeable code; and which of them belong together."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from hrm.config.model import ModelConfig
from hrm.models.codes import rows_of
from hrm.tasks.grid import Grid, Shape

CODES = "codes"
"""The kind of group that the vectors of one cell make up."""


def axis_codes(config: ModelConfig, grid: Grid) -> tuple[int, ...]:
    """The codes that have a vector each in every cell; none: a cell has one vector.

    Raises:
        ValueError: if `code_axis` is asked for, and the puzzle has not one set of interchangeable
            codes.
    """
    sets = grid.structure.interchangeable
    if not config.code_axis:
        return ()
    if len(sets) != 1:
        raise ValueError(
            f"code_axis: needs a puzzle with one set of interchangeable codes, and this one has"
            f" {len(sets) or 'none'}; set model.code_axis=false"
        )
    return sets[0]


def group_kinds(config: ModelConfig, grid: Grid) -> tuple[str, ...]:
    """The kinds of groups over which a network mixes, in the order of their weights."""
    declared = tuple(grid.structure.groups) if config.local_mixing else ()
    return declared + (CODES,) * config.code_axis


def weight_rows(kinds: tuple[str, ...], grid: Grid) -> tuple[int, ...]:
    """For each kind of group, the row of its weights: kinds that are alike share one."""
    first_of = {kind: alike[0] for alike in grid.structure.alike for kind in alike}
    shared = [first_of.get(kind, kind) for kind in kinds]
    rows = {kind: row for row, kind in enumerate(dict.fromkeys(shared))}
    return tuple(rows[kind] for kind in shared)


@dataclass(frozen=True, eq=False)
class Layout:
    """Of a state ``(B, S · N, D)``: cell by cell, and in a cell code by code."""

    shape: Shape
    """Rows and columns."""
    code_cnt: int
    """Vectors of a cell (N)."""
    code_rows: Integer[Tensor, "V N"] | None
    """Of the embedding; see `codes.rows_of`. None: there is no axis of codes."""
    gather: Float[Tensor, "G S"]
    """Makes the mean of each group of cells, kind after kind."""
    spread: Float[Tensor, "S G"]
    """Gives each cell, for each kind, the mean of the groups that it belongs to."""
    group_cnts: tuple[int, ...]
    """Groups of each kind."""

    @property
    def cell_cnt(self) -> int:
        """Cells (S)."""
        return self.shape[0] * self.shape[1]

    def to(self, device: torch.device) -> "Layout":
        """The same on a device."""
        rows = None if self.code_rows is None else self.code_rows.to(device)
        gather, spread = self.gather.to(device), self.spread.to(device)
        return replace(self, code_rows=rows, gather=gather, spread=spread)

    def by_code(self, x: Float[Tensor, "B SN D"]) -> Float[Tensor, "BN S D"]:
        """Each code's cells as a grid of their own."""
        if self.code_cnt == 1:
            return x
        return x.unflatten(1, (-1, self.code_cnt)).transpose(1, 2).flatten(0, 1)

    def by_cell(self, x: Float[Tensor, "BN S D"]) -> Float[Tensor, "B SN D"]:
        """The way back from `by_code`."""
        if self.code_cnt == 1:
            return x
        return x.unflatten(0, (-1, self.code_cnt)).transpose(1, 2).flatten(1, 2)


def lay_out(config: ModelConfig, grid: Grid) -> Layout:
    """How a network's state lies on a grid.

    Raises:
        ValueError: see `axis_codes`.
    """
    kinds = grid.structure.groups if config.local_mixing else {}
    groups = [group for kind in kinds.values() for group in kind]
    member = torch.zeros(len(groups), grid.cell_cnt, device="cpu")
    for number, cells in enumerate(groups):
        member[number, list(cells)] = 1
    group_cnts = tuple(len(kind) for kind in kinds.values())
    shares = [part / part.sum(0).clamp(min=1) for part in member.split(list(group_cnts))]
    codes = axis_codes(config, grid)
    return Layout(
        shape=grid.shape,
        code_cnt=len(codes) or 1,
        code_rows=rows_of(grid.input_codes, codes) if codes else None,
        gather=member / member.sum(1, keepdim=True),
        spread=torch.cat([*shares, member[:0]]).T.contiguous(),
        group_cnts=group_cnts,
    )
