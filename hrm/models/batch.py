"""Between grids of codes, as tasks have them, and tensors of tokens, as networks have them."""

import numpy as np
import torch
from jaxtyping import Int64, Integer
from numpy.typing import NDArray
from torch import Tensor

from hrm.models.segment import Inputs
from hrm.tasks.grid import IGNORE, Cells, Shape

NOT_GRADED = -100
"""What losses pass over, as in PyTorch."""


def to_tokens(cells: Cells, device: torch.device) -> Int64[Tensor, "B R C"]:
    """``(B, R, C)`` codes as tokens of the same shape."""
    return torch.from_numpy(cells.astype(np.int64)).to(device)


def to_inputs(cells: Cells, puzzle_ids: NDArray[np.int64] | None, device: torch.device) -> Inputs:
    """``(B, R, C)`` codes, and the puzzles' identifiers where they have some, for a network."""
    ids = None if puzzle_ids is None else torch.from_numpy(puzzle_ids).to(device)
    return Inputs(to_tokens(cells, device), ids)


def to_targets(answers: Cells, device: torch.device) -> Int64[Tensor, "B S"]:
    """``(B, R, C)`` codes of answers, row by row; `NOT_GRADED` for `IGNORE`."""
    targets = answers.reshape(len(answers), -1).astype(np.int64)
    targets[targets == IGNORE] = NOT_GRADED
    return torch.from_numpy(targets).to(device)


def to_cells(tokens: Integer[Tensor, "B ..."], shape: Shape) -> Cells:
    """Tokens, flat or as grids, as ``(B, R, C)`` codes."""
    return tokens.cpu().numpy().astype(np.uint8).reshape(len(tokens), *shape)
