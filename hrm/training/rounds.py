"""What a run is shown, batch by batch: an epoch after the other, or one endless row of puzzles."""

import math

import numpy as np

from hrm import distributed
from hrm.config.schema import RunConfig
from hrm.data.sets import Dataset
from hrm.tasks.examples import Examples
from hrm.training.checkpoints import Progress
from hrm.training.halting_learner import HaltingLearner
from hrm.training.learner import Learner


class Batches:
    """Whole batches, which are thought about for a fixed time.

    Args:
        config: of the run.
        dataset: its puzzles.
    """

    learner: type[Learner] = Learner
    """What learns from them."""

    def __init__(self, config: RunConfig, dataset: Dataset):
        self.train, self.dataset = config.train, dataset
        self.batch_cnt = dataset.batch_cnt(config.train.batch_size)
        """Of an epoch, at most."""
        self.update_cnt = self.train.epoch_cnt * self.batch_cnt * self.train.train_segment_cnt
        """Optimizer updates of the run."""
        self._batches: list[Examples] = []

    def begin(self, epoch: int) -> list[int]:
        """Begin an epoch, counted from 1, and return how many puzzles each batch is."""
        self._batches = self.dataset.batches(epoch, self.train.seed, self.train.batch_size)
        return list(map(len, self._batches))

    def draw(self, progress: Progress, wanted: int) -> Examples:
        """The next batch; `wanted` is of no importance."""
        return self._batches[progress.batch]


class EndlessRow(Batches):
    """As many puzzles an update as are wanted, from all epochs' puzzles in one row.

    Raises:
        ValueError: if an epoch has fewer puzzles than a batch, or a batch fewer than processes.
    """

    learner = HaltingLearner

    def __init__(self, config: RunConfig, dataset: Dataset):
        super().__init__(config, dataset)
        self._count, size = config.task.train_count, config.train.batch_size
        if not distributed.world_size() <= size <= self._count:
            raise ValueError(
                f"train.batch_size: {size} places cannot be filled by {self._count} puzzles and"
                f" {distributed.world_size()} processes; give one up to task.train_count"
            )
        self.batch_cnt = self.train.epoch_updates or math.ceil(self._count / size)
        self.update_cnt = self._updates_until(self.train.epoch_cnt)
        self._epoch, self._examples = 0, dataset.val

    def begin(self, epoch: int) -> list[int]:
        """As many updates as the puzzles are whole batches; what is left goes to the next epoch."""
        updates = self._updates_until(epoch) - self._updates_until(epoch - 1)
        return [self.train.batch_size] * updates

    def draw(self, progress: Progress, wanted: int) -> Examples:
        """The next puzzles of the row."""
        parts, left = [], wanted
        while left or not parts:
            epoch, start = divmod(progress.drawn, self._count)
            found = self._of_epoch(1 + epoch).take(slice(start, start + left))
            parts.append(found)
            left, progress.drawn = left - len(found), progress.drawn + len(found)
        return _joined(parts)

    def _updates_until(self, epoch: int) -> int:
        if self.train.epoch_updates:
            return epoch * self.train.epoch_updates
        return epoch * self._count // self.train.batch_size

    def _of_epoch(self, epoch: int) -> Examples:
        if epoch != self._epoch:
            self._epoch = epoch
            self._examples = self.dataset.train.epoch(epoch, self.train.seed)
        return self._examples


def rounds_of(config: RunConfig, dataset: Dataset) -> Batches:
    """What a run is shown, by its way of halting."""
    return (EndlessRow if config.train.halt == "learned" else Batches)(config, dataset)


def _joined(parts: list[Examples]) -> Examples:
    if len(parts) == 1:
        return parts[0]
    ids = [part.puzzle_ids for part in parts if part.puzzle_ids is not None]
    return Examples(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.answers for part in parts]),
        puzzle_ids=np.concatenate(ids) if ids else None,
    )
