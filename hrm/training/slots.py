"""Slots: each holds an example that the model is thinking about, with its state.

Every optimizer update is one segment of thought about all slots. A halting rule says which slots
are done. With `halting.fixed` all are done at once, and the next batch fills them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm import distributed
from hrm.inference.halting import Moment, Rule
from hrm.models.batch import to_inputs, to_targets
from hrm.models.network import Network
from hrm.models.segment import Inputs, State
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE


@dataclass
class Part:
    """The slots that are computed together: a micro-batch."""

    numbers: Tensor
    """``(b,)`` of each example within the whole batch."""
    share: float
    """Of the batch's loss."""
    inputs: Inputs
    targets: Tensor
    """``(b, S)``."""
    state: State


class Slots:
    """A batch in thought.

    Args:
        model: whose states they are, on its device.
        examples: of the batch; this process takes its share of them.
        micro_batch: examples computed at a time.
    """

    def __init__(self, model: Network, examples: Examples, micro_batch: int):
        self.examples = examples
        self.parts: list[Part] = []
        device = next(model.parameters()).device
        inputs = to_inputs(examples.inputs, examples.puzzle_ids, device)
        targets = to_targets(examples.answers, device)
        for numbers, share in _own_parts(examples, micro_batch):
            state = model.initial_state(len(numbers), examples.shape)
            self.parts.append(Part(numbers, share, inputs.of(numbers), targets[numbers], state))
        self.segments = np.zeros(len(examples), dtype=np.int64)
        self.done = np.zeros(len(examples), dtype=bool)

    def advance(self, rule: Rule) -> NDArray[np.bool_]:
        """Count a segment and return ``(B,)`` which slots are done now."""
        self.segments += 1
        self.done = rule(Moment(self.segments))
        return self.done


def _own_parts(examples: Examples, micro_batch: int) -> list[tuple[Tensor, float]]:
    """This process's micro-batches: numbers within the batch, and share of the batch's loss, which
    is a mean over all graded cells."""
    mine = torch.arange(distributed.rank(), len(examples), distributed.world_size())
    if not len(mine):
        # A batch with fewer examples than processes. This process computes one without weight:
        # the others wait for its gradients.
        return [(torch.tensor([0]), 0.0)]
    graded = (examples.answers != IGNORE).sum(axis=(1, 2))
    total = int(graded.sum())
    return [(part, int(graded[part].sum()) / total) for part in mine.split(micro_batch)]
