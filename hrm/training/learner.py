"""Deep supervision: every segment of thought is graded, and learned from at once.

For each batch the state starts anew; then, for each of `train_segment_cnt` segments: think, mean
cross-entropy over all cells, backward, one update, and the state is cut from the graph.
"""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hrm import distributed
from hrm.config.schema import TrainConfig
from hrm.data.dataset import content_hash
from hrm.errors import Diverged
from hrm.inference.evaluation import cross_entropy, to_boards
from hrm.models import kernels
from hrm.models.hrm import HRM, State
from hrm.training.curriculum import cycles_at
from hrm.training.optimizers import make_optimizers

# What a random stream is for; `data.py` has its own, see there.
_DROPOUT = 5


class Learner:
    """A model, its optimizers and, if asked for, the moving average of its weights.

    Args:
        config: resolved (see `distributed.resolve`).
        model: to train, on its device.
        update_cnt: optimizer updates of the whole run, for the learning rate's schedule.
    """

    def __init__(self, config: TrainConfig, model: HRM, update_cnt: int):
        self.config, self.model, self.update_cnt = config, model, update_cnt
        self.average = copy.deepcopy(model) if config.ema else model
        self._segment = _compiled(model) if config.compile else model
        self.optimizers = make_optimizers(config, model)

    def learn(self, tokens: Tensor, targets: Tensor, updates: int) -> float:
        """One batch: `train_segment_cnt` segments, an update after each.

        Args:
            tokens: ``(B, S)`` input codes.
            targets: ``(B, S)`` label codes.
            updates: made so far.

        Returns:
            The loss, averaged over the segments.

        Raises:
            Diverged: if it is not finite; that update is not made.
        """
        parts = [
            (numbers, tokens[numbers], targets[numbers], share)
            for numbers, share in self._own_parts(len(tokens))
        ]
        size = math.isqrt(tokens.shape[1])
        states = [self.model.initial_state(len(x), size) for _, x, _, _ in parts]
        total = 0.0
        for update in range(updates, updates + self.config.train_segment_cnt):
            seed, loss = _dropout_seed(self.config.seed, update), 0.0
            cycles = self.cycles(update)
            for i, (numbers, x, y, share) in enumerate(parts):
                with kernels.use(self.config.kernels == "fused"):
                    kernels.seed_dropout(seed, numbers)
                    states[i], part_loss = self._backward(states[i], x, y, share, cycles)
                loss += part_loss
            (loss,) = distributed.sum_numbers(loss)
            if not math.isfinite(loss):
                boards = content_hash(to_boards(tokens))[:12]
                raise Diverged(f"the loss is not finite at update {update + 1}, boards {boards}")
            self._update(update)
            total += loss
        return total / self.config.train_segment_cnt

    def learning_rate(self, update: int) -> float:
        """Of an update, from 0: linear warm-up, then constant or half a cosine down to 0."""
        config = self.config
        if update < config.warmup_steps:
            return config.lr * (update + 1) / config.warmup_steps
        if config.lr_schedule == "constant":
            return config.lr
        after = max(1, self.update_cnt - config.warmup_steps)
        done = min(1.0, (update - config.warmup_steps) / after)
        return config.lr * (1 + math.cos(math.pi * done)) / 2

    def cycles(self, update: int) -> int:
        """H cycles of an update's segment, counted from 0."""
        full = self.model.config.H_cycle_cnt
        return cycles_at(update / self.update_cnt, full) if self.config.depth_curriculum else full

    def _own_parts(self, board_cnt: int) -> list[tuple[Tensor, float]]:
        """This process's micro-batches: numbers within the batch, and share of the batch's loss."""
        mine = torch.arange(distributed.rank(), board_cnt, distributed.world_size())
        if not len(mine):
            # A batch with fewer boards than processes: without weight, but with all gradients.
            return [(torch.tensor([0]), 0.0)]
        return [(part, len(part) / board_cnt) for part in mine.split(self.config.micro_batch)]

    def _backward(
        self, state: State, x: Tensor, y: Tensor, share: float, cycles: int
    ) -> tuple[State, float]:
        with distributed.autocast(self.config):
            state, logits = self._segment(state, x, H_cycle_cnt=cycles)
            loss = cross_entropy(logits, y) * share
        loss.backward()
        return state.detach(), loss.item()

    def _update(self, update: int) -> None:
        distributed.sum_gradients(self.model.parameters())
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.learning_rate(update)
            optimizer.step()
            optimizer.zero_grad()
        if self.config.ema:
            self._move_average(update + 1)

    @torch.no_grad()
    def _move_average(self, updates: int) -> None:
        # The first updates count for more, or the random start would linger in the average.
        decay = min(self.config.ema, (1 + updates) / (10 + updates))
        for average, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            average.lerp_(new, 1 - decay)


def _compiled(model: HRM) -> Callable[..., tuple[State, Tensor]]:
    """The model's segment, compiled so that a resumed run computes the very same numbers."""
    # Else the threads add to the embedding's gradient in whatever order they come.
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else the code for a shape depends on the shapes that came before it.
    return torch.compile(model, dynamic=False)


def _dropout_seed(seed: int, update: int) -> int:
    """Masks depend on seed, update and board alone, so a resumed run draws the same ones."""
    key = (seed, _DROPOUT, update)
    return int(np.random.SeedSequence(key).generate_state(1)[0])
