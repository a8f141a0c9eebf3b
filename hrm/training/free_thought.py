"""Thought before that which is learned from: for how long, and which cells are held meanwhile.

In small puzzles every cell is told all that it needs within some dozens of updates. In large ones
the news takes far longer, and a cell that never had to wait drifts to an answer of its own. Cells
that are held at the initial state bring the same news late, so the others learn to wait.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from hrm.config.train import TrainConfig
from hrm.randomness import Numbers, Purpose
from hrm.tasks.examples import Examples


class FreeThought(NamedTuple):
    """About a batch."""

    segments: int
    """Before those that are learned from."""
    held_segments: int
    """In so many of them, the first ones, cells are held."""
    cells: Bool[Tensor, "B S"]
    """Which."""


def drawn(config: TrainConfig, examples: Examples, update: int) -> FreeThought:
    """What the seed says about a batch.

    Args:
        config: of the training.
        examples: of the batch.
        update: number of optimizer updates before this batch.
    """
    numbers = Numbers(config.seed, Purpose.FREE_SEGMENTS, update)
    segments = int(numbers.below(config.free_segment_cnt + 1))
    held_segments = int(numbers.below(segments + 1)) if config.held_cells else 0
    shares = config.held_cells * numbers.uniform((len(examples), 1))
    cells = numbers.uniform((len(examples), int(np.prod(examples.shape)))) < shares
    return FreeThought(segments, held_segments, torch.from_numpy(cells))
