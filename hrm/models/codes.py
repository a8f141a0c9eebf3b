"""In and out of a state with an axis of interchangeable codes.

Nothing here tells one such code from another: relabel the puzzle, and the state and the logits are
relabelled with it. Codes that stand apart, such as "open" or "wall", have weights of their own.
"""

import math

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

_GIVEN, _OTHER = 0, 1
"""Rows of the embedding: the cell shows this very code; it shows another of the set."""


class CodeEmbedding(nn.Module):
    """Tokens to a vector for each cell and code of the axis, scaled by √D as `InputEmbedding`.

    Args:
        apart: codes of a cell of the puzzle that are not on the axis.
        cell_cnt: cells of a grid (S).
        d_model: width (D).
        use_abs_pos: add a learned vector for each cell.
    """

    def __init__(self, apart: int, cell_cnt: int, d_model: int, use_abs_pos: bool):
        super().__init__()
        self.tokens = nn.Embedding(2 + apart, d_model)
        self.positions = nn.Embedding(cell_cnt, d_model) if use_abs_pos else None
        self.scale = math.sqrt(d_model)
        for table in filter(None, (self.tokens, self.positions)):
            nn.init.normal_(table.weight, std=1 / self.scale)

    def forward(
        self, tokens: Integer[Tensor, "B S"], rows: Integer[Tensor, "V N"]
    ) -> Float[Tensor, "B SN D"]:
        """Embed puzzles.

        Args:
            tokens: codes.
            rows: of the table, for each code of a cell and each code of the axis; see `rows_of`.
        """
        x = self.tokens(rows[tokens])
        if self.positions is not None:
            x = x + self.positions.weight[:, None]
        return (x * self.scale).flatten(1, 2)


def rows_of(code_cnt: int, codes: tuple[int, ...]) -> Integer[Tensor, "V N"]:
    """Which row of the embedding each code of a cell (V) shows to each code of the axis (N)."""
    rows = torch.full((code_cnt, len(codes)), _OTHER, device="cpu")
    for number, code in enumerate(codes):
        rows[code, number] = _GIVEN
    for number, code in enumerate(_apart(code_cnt, codes)):
        rows[code] = 2 + number
    return rows


class CodeHead(nn.Module):
    """Logits: of a code of the axis from its own vector, of any other from the mean of the cell's.

    Args:
        d_model: width (D).
        apart: codes of a cell of the answer that are not on the axis.
        bias: add a bias.
    """

    def __init__(self, d_model: int, apart: int, bias: bool):
        super().__init__()
        self.own = nn.Linear(d_model, 1, bias=bias)
        self.apart = nn.Linear(d_model, apart, bias=bias) if apart else None

    def forward(
        self, state: Float[Tensor, "B SN D"], codes: tuple[int, ...]
    ) -> Float[Tensor, "B S V"]:
        cells = state.unflatten(1, (-1, len(codes)))
        own = self.own(cells).squeeze(-1)
        if self.apart is None:
            return own
        logits = torch.cat([own, self.apart(cells.mean(dim=2))], dim=-1)
        order = [*codes, *_apart(logits.shape[-1], codes)]
        return logits[..., sorted(range(len(order)), key=order.__getitem__)]


def _apart(code_cnt: int, codes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(code for code in range(code_cnt) if code not in codes)
