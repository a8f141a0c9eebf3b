"""Deep supervision: the model learns from the answer after every segment.

An update has these parts: think for one segment, compute the loss of the answers, go backward, let
the optimizers step. Then the state is cut from the graph, and the halting rule says which slots are
done.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hrm import distributed
from hrm.config.train import TrainConfig
from hrm.data.hashing import content_hash
from hrm.errors import Diverged
from hrm.inference import halting
from hrm.machine import Machine
from hrm.models import kernels
from hrm.models.losses import LOSSES
from hrm.models.network import Network
from hrm.models.published import PublishedNetwork
from hrm.models.segment import Output, State
from hrm.randomness import Purpose
from hrm.tasks.examples import Examples
from hrm.training import free_thought
from hrm.training.curriculum import cycles_at
from hrm.training.optimizers import learning_rate, make_optimizers
from hrm.training.slots import Part, Slots

_Found = TypeVar("_Found")


class Learner:
    """A model, its optimizers and, if asked for, the moving average of its weights.

    Args:
        config: resolved (see `machine.resolve`).
        model: to train, on its device.
        update_cnt: optimizer updates of the whole run, for the learning rate's schedule.

    Raises:
        ValueError: if the config is not resolved.
    """

    def __init__(self, config: TrainConfig, model: Network, update_cnt: int):
        self.config, self.model, self.update_cnt = config, model, update_cnt
        self.machine = Machine.of(config)
        self.rule = halting.fixed(config.train_segment_cnt)
        self.average = _average_of(model) if config.ema else model
        self._segment = _compiled(model) if config.compile else model
        self.optimizers = make_optimizers(config, model)
        self.noted: dict[str, float] = {}
        """Sums of what was noted during the last batch; see `metrics`."""

    @property
    def wanted(self) -> int:
        """Puzzles of a batch."""
        return self.config.batch_size

    @property
    def updates_a_batch(self) -> int:
        """Optimizer updates for each batch."""
        return self.config.train_segment_cnt

    def learn(self, examples: Examples, updates: int) -> float:
        """Learn from one batch, from the initial state until every slot is done.

        Args:
            examples: of the batch.
            updates: number of optimizer updates before this batch.

        Returns:
            The loss, averaged over the segments.

        Raises:
            Diverged: if the loss is not finite; that update is not made.
        """
        slots = Slots(self.model, examples, self.config.micro_batch)
        self._think_freely(slots, updates)
        losses: list[float] = []
        while not slots.done.all():
            losses.append(self.update(slots, updates + len(losses)))
            slots.advance(self.rule)
        return sum(losses) / len(losses)

    def update(self, slots: Slots, update: int) -> float:
        """One segment of thought about all slots, and one step of the optimizers.

        Args:
            slots: their states are replaced by the ones after the segment.
            update: number of this update, from 0.

        Returns:
            The loss of the segment.

        Raises:
            Diverged: if the loss is not finite; the update is not made.
        """
        cycles, seed = self.cycles(update), _dropout_seed(self.config.seed, update)
        losses = self._of_each_part(slots, lambda part: self._backward(part, cycles), seed)
        (loss,) = distributed.sum_numbers(sum(losses))
        if not math.isfinite(loss):
            name = content_hash(slots.examples.inputs)[:12]
            raise Diverged(f"the loss is not finite at update {update + 1}, puzzles {name}")
        self._step(update)
        return loss

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold besides models and optimizers."""
        return {}

    def restore(self, named: Mapping[str, Tensor]) -> None:
        """Go on with the `tensors` of a checkpoint."""

    def metrics(self, tally: Mapping[str, float]) -> dict[str, float]:
        """Of an epoch, from the sum of all `noted`."""
        return {}

    def learning_rate(self, update: int) -> float:
        """The learning rate of an update, counted from 0."""
        return learning_rate(self.config, update, self.update_cnt, self.config.lr)

    def cycles(self, update: int) -> int:
        """H cycles of an update's segment, counted from 0."""
        full = self.model.config.H_cycle_cnt
        return cycles_at(update / self.update_cnt, full) if self.config.depth_curriculum else full

    @torch.no_grad()
    def _think_freely(self, slots: Slots, update: int) -> None:
        """The segments before those that are learned from."""
        if not self.config.free_segment_cnt:
            return
        thought = free_thought.drawn(self.config, slots.examples, update)
        cycles = self.cycles(update)

        def think(part: Part) -> None:
            part.state, _ = self._segment(part.state, part.inputs, H_cycle_cnt=cycles)

        def think_held(part: Part) -> None:
            held = self.model.vectors_of(thought.cells[part.numbers]).to(part.state.zH.device)
            initial = self.model.initial_state(len(part.numbers), slots.examples.shape)
            for _ in range(cycles):
                state, _ = self._segment(part.state, part.inputs, H_cycle_cnt=1)
                part.state = state.renewed(held, initial)

        for segment in range(thought.segments):
            work = think_held if segment < thought.held_segments else think
            self._of_each_part(slots, work, _dropout_seed(self.config.seed, update, 1 + segment))

    def _of_each_part(
        self, slots: Slots, work: Callable[[Part], _Found], dropout_seed: int
    ) -> list[_Found]:
        found = []
        with self.machine.arithmetic(), _deterministic(self.config.compile):
            for part in slots.parts:
                with kernels.dropout_masks(dropout_seed, part.numbers):
                    found.append(work(part))
        return found

    def _backward(self, part: Part, cycles: int) -> float:
        state, output = self._segment(part.state, part.inputs, H_cycle_cnt=cycles)
        part.state = state.detach()
        loss = self.loss(part, output)
        loss.backward()
        return loss.item()

    def loss(self, part: Part, output: Output) -> Tensor:
        """What a part adds to the loss of a segment.

        Args:
            part: with its state after the segment, cut from the graph.
            output: of the segment.
        """
        return LOSSES[self.config.loss](output.logits, part.targets) * part.share

    def _step(self, update: int) -> None:
        distributed.sum_gradients(self.model.parameters())
        if isinstance(self.model, PublishedNetwork):
            distributed.sum_rows(self.model.embedding.puzzles.weights)
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        for optimizer in self.optimizers.values():
            peak = optimizer.defaults["lr"]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.config, update, self.update_cnt, peak)
            optimizer.step()
            optimizer.zero_grad()
        if self.config.ema:
            self._move_average(update + 1)

    @torch.no_grad()
    def _move_average(self, updates: int) -> None:
        # The first updates have more weight. Otherwise the random initial weights would stay in the
        # average for long: with 0.999, a third of them after 1,000 updates.
        first = (1 + updates) / (10 + updates) if self.config.ema_warmup else 1.0
        decay = min(self.config.ema, first)
        for average, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            average.lerp_(new, 1 - decay)


def _average_of(model: Network) -> Network:
    """A copy of a model for its moving average. Vectors of puzzle identifiers are not averaged, so
    both have the same ones."""
    average = copy.deepcopy(model)
    if isinstance(model, PublishedNetwork) and isinstance(average, PublishedNetwork):
        average.embedding.puzzles.weights = model.embedding.puzzles.weights
    return average


def _compiled(model: nn.Module) -> Callable[..., tuple[State, Output]]:
    """The model's segment, compiled so that a resumed run computes exactly the same numbers."""
    # With dynamic shapes, the code for a shape would depend on the shapes that came before it.
    return torch.compile(model, dynamic=False)


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    """While entered, and if wanted, PyTorch's operations give the same bits each time.

    Without it, compiled code adds to the embedding's gradient in the order in which threads finish.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(wanted or before, warn_only=wanted or warned)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


def _dropout_seed(seed: int, update: int, *segment: int) -> int:
    """Masks depend on seed, update and puzzle alone, so a resumed run draws the same ones; where
    segments come before an update, on their number too."""
    key = (seed, Purpose.DROPOUT, update, *segment)
    return int(np.random.SeedSequence(key).generate_state(1)[0])
