"""Slots: each holds an example that the model is thinking about, with its state.

Every optimizer update is one segment of thought about all slots. A halting rule says which slots
are done. With `halting.fixed` all are done at once, and the next batch takes their place. Where the
network says when it is done, each slot is filled anew when its own example is done.
"""

from collections.abc import Mapping
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

    def advance(
        self,
        rule: Rule,
        halt: NDArray[np.float32] | None = None,
        least: NDArray[np.int64] | None = None,
    ) -> NDArray[np.bool_]:
        """Count a segment and return ``(B,)`` which slots are done now.

        Args:
            rule: says so.
            halt: for the rule; see `Moment`.
            least: likewise.
        """
        self.segments += 1
        self.done = rule(Moment(self.segments, halt=halt, least=least))
        return self.done

    def fill(self, model: Network, examples: Examples) -> None:
        """Begin with new examples in the slots that are done.

        Args:
            model: whose states they are.
            examples: as many as there are such slots, in order.
        """
        where, device = np.flatnonzero(self.done), next(model.parameters()).device
        self.examples = _replaced(self.examples, where, examples)
        inputs = to_inputs(self.examples.inputs, self.examples.puzzle_ids, device)
        targets = to_targets(self.examples.answers, device)
        for part in self.parts:
            new = torch.from_numpy(self.done)[part.numbers].to(device)
            initial = model.initial_state(len(part.numbers), self.examples.shape)
            part.state = part.state.renewed(new, initial).detach()
            part.inputs, part.targets = inputs.of(part.numbers), targets[part.numbers]
        self.segments[where], self.done[where] = 0, False

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a checkpoint must hold, of the slots of all processes."""
        examples = self.examples
        named = {"inputs": examples.inputs, "answers": examples.answers}
        named |= {"segments": self.segments, "done": self.done}
        if examples.puzzle_ids is not None:
            named["puzzle_ids"] = examples.puzzle_ids
        found = {name: torch.from_numpy(array.copy()) for name, array in named.items()}
        numbers = torch.cat([part.numbers for part in self.parts])
        state = State.join([part.state for part in self.parts])
        for name, own in zip(("zH", "zL"), state, strict=True):
            if own is not None:
                found[name] = distributed.gather_rows(numbers, own, len(examples))
        return found

    @staticmethod
    def restored(model: Network, named: Mapping[str, Tensor], micro_batch: int) -> "Slots":
        """The slots whose `tensors` these are.

        Raises:
            KeyError: if one is missing.
        """
        arrays = {name: tensor.numpy() for name, tensor in named.items() if name[0] != "z"}
        examples = Examples(
            arrays["inputs"], arrays["answers"], puzzle_ids=arrays.get("puzzle_ids")
        )
        slots = Slots(model, examples, micro_batch)
        slots.segments, slots.done = arrays["segments"], arrays["done"]
        device = next(model.parameters()).device
        for part in slots.parts:
            zL = named["zL"][part.numbers].to(device) if "zL" in named else None
            part.state = State(named["zH"][part.numbers].to(device), zL)
        return slots


def _replaced(old: Examples, where: NDArray[np.int64], new: Examples) -> Examples:
    """Examples of which some are others now."""
    arrays = []
    for name in ("inputs", "answers", "puzzle_ids"):
        before, after = getattr(old, name), getattr(new, name)
        if before is not None:
            before = before.copy()
            before[where] = after
        arrays.append(before)
    return Examples(arrays[0], arrays[1], puzzle_ids=arrays[2])


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
