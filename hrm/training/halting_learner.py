"""Training as HRM and TRM are published: the network learns when to halt, slots fill one by one.

Every update is one segment about all slots. Then each slot that is done takes the next puzzle. The
loss of a segment is, a mean over the slots:

    cross-entropy of the answer, a mean over the puzzle's graded cells
    + ½ · binary cross-entropy of what halting is worth, against: is the answer right?
    + ½ · binary cross-entropy of what going on is worth, against the better of both values after
      the next segment (Q-learning; only networks with `q_continue`)
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hrm import distributed
from hrm.config.train import TrainConfig
from hrm.inference import halting
from hrm.models.batch import NOT_GRADED
from hrm.models.losses import LOSSES_EACH
from hrm.models.network import Network
from hrm.models.segment import Output
from hrm.randomness import Numbers, Purpose
from hrm.tasks.examples import Examples
from hrm.training.learner import Learner
from hrm.training.slots import Part, Slots

_HALT_WEIGHT = 0.5
_FOUND = ("halt", "continue", "cell_acc", "exact", "graded")
"""What is noted of each slot after a segment."""


class HaltingLearner(Learner):
    """A learner whose network says when it is done; see `Learner` for the arguments."""

    def __init__(self, config: TrainConfig, model: Network, update_cnt: int):
        super().__init__(config, model, update_cnt)
        self.q_continue: bool = model.config.q_continue
        by_network = halting.learned(self.q_continue)
        self.rule = halting.explored(by_network, config.train_segment_cnt)
        self.slots: Slots | None = None
        self._found = np.zeros((0, len(_FOUND)))
        self._losses: dict[str, float] = {}

    @property
    def wanted(self) -> int:
        """Puzzles to draw for the next update: one for each slot, or for each that is free."""
        if self.config.keep_drawn and self.slots is not None:
            return int(self.slots.done.sum())
        return self.config.batch_size if self.slots is None else len(self.slots.done)

    @property
    def updates_a_batch(self) -> int:
        """One: the next batch fills what has become free by then."""
        return 1

    def learn(self, examples: Examples, updates: int) -> float:
        """One update about what is in the slots, after the free ones have taken new examples.

        Args:
            examples: one for each slot, of which those for busy slots are dropped; or, with
                `keep_drawn`, one for each free slot.
            updates: number of optimizer updates before this one.

        Returns:
            The loss of the segment.

        Raises:
            Diverged: if the loss is not finite; the update is not made.
        """
        slots = self._filled(examples)
        self._found, self._losses = np.zeros((len(slots.done), len(_FOUND))), defaultdict(float)
        loss = self.update(slots, updates)
        flat = distributed.sum_numbers(*self._found.flatten(), *self._losses.values())
        found = np.array(flat[: self._found.size]).reshape(self._found.shape)
        self._losses = dict(zip(self._losses, flat[self._found.size :], strict=True))
        halt = found[:, :2].astype(np.float32)
        slots.advance(self.rule, halt=halt, least=self._least(len(slots.done), updates))
        self.noted = self._note(slots, found)
        return loss

    def loss(self, part: Part, output: Output) -> Tensor:
        """What a part adds to the loss of a segment; see `Learner.loss`."""
        assert self.slots is not None and output.halt is not None
        cells = self._correctness(part, output)
        answers = LOSSES_EACH[self.config.loss](output.logits, part.targets).sum()
        halts = _binary(output.halt[:, 0], cells["exact"])
        losses = {"lm_loss": answers, "q_halt_loss": halts}
        if self.q_continue:
            losses["q_continue_loss"] = _binary(output.halt[:, 1], self._worth_of_going_on(part))
        for name, loss in losses.items():
            self._losses[name] += loss.item()
        whole = answers + _HALT_WEIGHT * sum(list(losses.values())[1:])
        return whole * (1 / len(self.slots.done))

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold besides models and optimizers: the slots."""
        return {} if self.slots is None else self.slots.tensors()

    def restore(self, named: Mapping[str, Tensor]) -> None:
        """Go on with the slots of a checkpoint.

        Raises:
            KeyError: if they are not complete.
        """
        if named:
            self.slots = Slots.restored(self.model, named, self.config.micro_batch)

    def metrics(self, tally: Mapping[str, float]) -> dict[str, float]:
        """Of an epoch, from the sum of all `noted`: means over the puzzles that were done in it,
        and losses of a puzzle and segment. Without such puzzles, there are no means."""
        losses = {name: tally[name] / tally["slots"] for name in tally if name.endswith("_loss")}
        means = ("cell_acc", "board_acc", "q_halt_acc", "segments") if tally["count"] else ()
        found = losses | {name: tally[name] / tally["count"] for name in means}
        return {f"train_{name}": value for name, value in found.items()}

    def _filled(self, examples: Examples) -> Slots:
        if self.slots is None:
            self.slots = Slots(self.model, examples, self.config.micro_batch)
            return self.slots
        free = np.flatnonzero(self.slots.done)
        every = len(examples) == len(self.slots.done)
        self.slots.fill(self.model, examples.take(free) if every else examples)
        return self.slots

    def _least(self, count: int, update: int) -> NDArray[np.int64]:
        """Segments that each slot's puzzle has to be thought about: now and then 2 to the most."""
        most = self.config.train_segment_cnt
        if most < 2:
            return np.zeros(count, dtype=np.int64)
        numbers = Numbers(self.config.seed, Purpose.EXPLORATION, update)
        explored = numbers.uniform(count) < self.config.exploration
        return explored * (2 + numbers.below(most - 1, count))

    @torch.no_grad()
    def _correctness(self, part: Part, output: Output) -> dict[str, Tensor]:
        """Of each puzzle of a part: noted for the rule and the metrics."""
        graded = part.targets != NOT_GRADED
        right = ((output.logits.argmax(-1) == part.targets) & graded).sum(dim=1)
        counts = graded.sum(dim=1)
        assert output.halt is not None
        columns = {"halt": output.halt[:, 0], "continue": output.halt[:, 1]}
        columns |= {"cell_acc": right / counts.clamp(min=1), "exact": right == counts}
        columns["graded"] = counts > 0
        found = torch.stack([columns[name].double() for name in _FOUND], dim=1)
        self._found[part.numbers.numpy()] = found.cpu().numpy()
        return columns

    @torch.no_grad()
    def _worth_of_going_on(self, part: Part) -> Tensor:
        """The better of both values after the next segment; that of halting, where it must halt."""
        assert self.slots is not None
        _, output = self._segment(part.state, part.inputs)
        assert output.halt is not None
        halt, go_on = output.halt.unbind(dim=1)
        segments = torch.from_numpy(self.slots.segments)[part.numbers] + 1
        last = (segments >= self.config.train_segment_cnt).to(halt.device)
        return torch.where(last, halt, torch.maximum(halt, go_on)).sigmoid()

    def _note(self, slots: Slots, found: NDArray[np.float64]) -> dict[str, float]:
        """Sums over the slots that are done now, and of the losses."""
        halt, _, cell_acc, exact, graded = found.T
        counted = slots.done & (graded > 0)
        sums: dict[str, Any] = {
            "count": counted.sum(),
            "cell_acc": cell_acc[counted].sum(),
            "board_acc": exact[counted].sum(),
            "q_halt_acc": ((halt >= 0) == exact)[counted].sum(),
            "segments": slots.segments[counted].sum(),
            "slots": len(slots.done),
            **self._losses,
        }
        return {name: float(value) for name, value in sums.items()}


def _binary(values: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(values, targets.to(values.dtype), reduction="sum")
