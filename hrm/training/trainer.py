"""A training run: epochs and batches, validation, metrics, checkpoints, and resuming.

What happens within a batch is in `learner.py`.
"""

import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

import torch

from hrm import distributed, machine
from hrm.config.schema import RunConfig
from hrm.data.sets import Dataset
from hrm.errors import Diverged, SavedAndStopped
from hrm.inference.evaluation import LONG, Scores, score
from hrm.models.network import Network
from hrm.models.networks import make_network
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.training import checkpoints
from hrm.training.checkpoints import Progress
from hrm.training.identity import require_same, require_same_choice
from hrm.training.metrics import to_be_lowest, write_metrics
from hrm.training.rounds import rounds_of


class Reporter(Protocol):
    """Receives the progress of a training."""

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """`done` of `total` puzzles of the epoch's "train" or "validate" phase are done."""

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is finished; `row` is its line of `metrics.jsonl`."""


class Trainer:
    """One run: a learner, its puzzles, its position and its folder.

    Args:
        config: what to train; it is resolved if it is not yet (see `machine.resolve`).
        dataset: the puzzles.
        folder: of the run; checkpoints and metrics go there.
        reporter: receives the progress.
        should_stop: called between updates; when it returns True, the run saves itself and raises
            `SavedAndStopped`.
        model: to start from (fine-tuning); by default a new one, drawn by `train.seed`.

    Raises:
        ValueError: if there are fewer validation puzzles than processes, or the config cannot be
            used here.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        folder: Path,
        reporter: Reporter,
        should_stop: Callable[[], bool] = lambda: False,
        model: Network | None = None,
    ):
        self.config = config = machine.resolve(config)
        self.dataset, self.folder = dataset, folder
        self.reporter, self.should_stop = reporter, should_stop
        _require_enough(dataset)
        torch.manual_seed(config.train.seed)
        self.task = registry.make(config.task)
        self.model = model or make_network(
            config.model, self.task.grid, registry.describe(config.task)
        )
        self.model = self.model.to(config.train.device)
        self.rounds = rounds_of(config, dataset)
        self.update_cnt = self.rounds.update_cnt
        self.learner = self.rounds.learner(config.train, self.model, self.update_cnt)
        self.best = copy.deepcopy(self.model)
        self.progress = Progress()
        self.identity = {
            "config": config.model_dump(),
            "hashes": dataset.hashes,
            "processes": distributed.world_size(),
        }
        self._saved_at = time.monotonic()

    def resume(self, accept_changes: bool = False) -> list[str]:
        """Continue from the newest undamaged checkpoint of the folder.

        Args:
            accept_changes: continue even if config or puzzles are not those of the checkpoint.

        Returns:
            A line for each damaged checkpoint that was skipped.

        Raises:
            ValueError: if there is no checkpoint; if it belongs to another run, with a line for
                each difference; if its best epoch was chosen by another measure, even with
                `accept_changes`.
        """
        checkpoint = checkpoints.read(self.folder / "checkpoints" / "last")
        if checkpoint.progress.best_loss is not None:
            require_same_choice(self.folder, checkpoint.identity, self.config)
        if not accept_changes:
            require_same(self.folder, checkpoint.identity, self.identity)
        checkpoint.restore(self._models(), self.learner.optimizers)
        self.learner.restore(checkpoint.slots)
        self.progress = checkpoint.progress
        distributed.wait_for_all()  # all have read the checkpoint before it is written again
        # Everything in the folder is written anew, in case a file was lost or damaged.
        self.save()
        self._write_metrics()
        if self.progress.best_loss is not None:
            self._write_model("best", self.best)
        return checkpoint.damaged

    def run(self) -> None:
        """Train to the last epoch.

        Raises:
            Diverged: if the loss is not finite; the last good checkpoint stays.
            SavedAndStopped: if `should_stop` returned True.
            OSError: if a checkpoint cannot be written; the one before stays.
        """
        train = self.config.train
        with machine.threads(train.threads):
            if not self.progress.updates:
                self.save()
            while self.progress.epoch <= train.epoch_cnt:
                shown = self._train_epoch()
                self._finish_epoch(shown)

    def save(self) -> None:
        """Write the whole training state, and the model as `checkpoints/last`.

        Raises:
            Diverged: if a weight is not finite; what was saved before stays.
            OSError: if it cannot be written; what was saved before stays.
        """
        self._require_finite_weights()
        slots = self.learner.tensors()
        if distributed.is_main():
            last, optimizers = self.folder / "checkpoints" / "last", self.learner.optimizers
            models = self._models()
            checkpoints.save(last, self.identity, self.progress, models, optimizers, slots)
            self._write_model("last", self.learner.average)
        self._saved_at = time.monotonic()

    def train_batch(self, batch: Examples) -> float:
        """Learn from one batch and return its loss (see `Learner.learn`)."""
        try:
            loss = self.learner.learn(batch, self.progress.updates)
        except Diverged as error:
            raise Diverged(self._last_good(str(error))) from None
        self.progress.updates += self.learner.updates_a_batch
        for name, value in self.learner.noted.items():
            self.progress.tally[name] = self.progress.tally.get(name, 0.0) + value
        return loss

    def _train_epoch(self) -> int:
        """Train on what is left of the epoch, and return how many puzzles all of it shows."""
        progress = self.progress
        sizes = self.rounds.begin(progress.epoch)
        done = sum(sizes[: progress.batch])
        self.model.train()
        for size in sizes[progress.batch :]:
            began = time.perf_counter()
            batch = self.rounds.draw(progress, self.learner.wanted)
            progress.loss_sum += self.train_batch(batch) * size
            progress.batch += 1
            progress.train_seconds += time.perf_counter() - began
            done += size
            self._report("train", done, sum(sizes))
            self._save_if_due()
        return sum(sizes)

    def _save_if_due(self, busy: bool = False) -> bool:
        """Save if it is time, and stop if asked to.

        Args:
            busy: whether this process has more to do.

        Returns:
            Whether any process has more to do.
        """
        # All processes must decide alike: stop if any of them was asked to, and save when the clock
        # of the main process says so.
        due = time.monotonic() - self._saved_at > self.config.train.checkpoint_minutes * 60
        asked = (self.should_stop(), due and distributed.is_main(), busy)
        stop, save, someone_busy = distributed.sum_numbers(*asked)
        if stop or save:
            self.save()
        if stop:
            raise SavedAndStopped
        return bool(someone_busy)

    def _finish_epoch(self, shown: int) -> None:
        progress = self.progress
        self._require_finite_weights()
        began = time.perf_counter()
        row = {"epoch": progress.epoch, "updates": progress.updates}
        row |= {"train_loss": progress.loss_sum / shown, **self.learner.metrics(progress.tally)}
        row |= self._validate()
        if not all(map(math.isfinite, row.values())):
            raise Diverged(self._last_good("the validation loss is not finite"))
        seconds = progress.train_seconds + time.perf_counter() - began
        row |= {
            "lr": self.learner.learning_rate(progress.updates - 1),
            "seconds": round(seconds, 3),
            "boards_per_second": round(shown / progress.train_seconds, 1),
        }
        progress.history.append(row)
        loss = to_be_lowest(row, self.config.train.best_by)
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_loss = loss
            self.best.load_state_dict(self.learner.average.state_dict())
            # Written before the training state: if the process is killed in between, the epoch is
            # done again.
            self._write_model("best", self.best)
        progress.epoch, progress.batch = progress.epoch + 1, 0
        progress.loss_sum = progress.train_seconds = 0.0
        progress.tally = {}
        self.save()
        self._write_metrics()
        if distributed.is_main():
            self.reporter.epoch(row)

    def _validate(self) -> dict[str, float]:
        """Means over all validation puzzles, after the model's own think time and after longer."""
        short = self.config.model.infer_segment_cnt
        sums: dict[str, float] = defaultdict(float)
        for found in self._scored_in_step([short, LONG * short]):
            for count, suffix in ((short, ""), (LONG * short, "_4x")):
                for name, value in found[count].means.as_dict(suffix).items():
                    sums[name.replace("loss", "val_loss")] += value * len(found[count].exact)
        total = sum(map(len, self.dataset.val_sets))
        return {name: distributed.sum_numbers(own)[0] / total for name, own in sums.items()}

    def _scored_in_step(self, counts: list[int]) -> Iterator[dict[int, Scores]]:
        """The scores of this process's validation puzzles, a batch at a time.

        After each batch all processes exchange whether to stop. A process that has finished keeps
        exchanging until all have.
        """
        every = slice(distributed.rank(), None, distributed.world_size())
        mine = [val.take(every) for val in self.dataset.val_sets]
        done, total = 0, sum(map(len, mine))
        with self.learner.machine.arithmetic():
            batches = chain(*(score(self.learner.average, self.task, v, counts) for v in mine))
            found = next(batches, None)
            while self._save_if_due(busy=found is not None):
                if found is not None:
                    yield found
                    done += len(found[counts[0]].exact)
                    self._report("validate", done, total)
                found = next(batches, None)

    def _report(self, phase: str, done: int, total: int) -> None:
        if distributed.is_main():
            self.reporter.advance(self.progress.epoch, phase, done, total)

    def _write_metrics(self) -> None:
        if distributed.is_main():
            write_metrics(self.folder, self.progress.history)

    def _write_model(self, name: str, model: Network) -> None:
        if distributed.is_main():
            model.save_pretrained(self.folder / "checkpoints" / name)

    def _models(self) -> dict[str, Network]:
        average = {"average": self.learner.average} if self.config.train.ema else {}
        return {"model": self.model, **average, "best": self.best}

    def _require_finite_weights(self) -> None:
        if not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise Diverged(self._last_good("a weight is not finite"))

    def _last_good(self, problem: str) -> str:
        batch = min(self.progress.batch + 1, self.rounds.batch_cnt)
        where = f"epoch {self.progress.epoch}, batch {batch} of {self.rounds.batch_cnt}"
        return (
            f"{problem} ({where}); the last good state stays in"
            f" {self.folder / 'checkpoints' / 'last'}; lower train.lr or set train.grad_clip=1"
        )


def _require_enough(dataset: Dataset) -> None:
    fewest = min(map(len, dataset.val_sets))
    if fewest < distributed.world_size():
        raise ValueError(
            f"task.val_count: {fewest} puzzles of a size cannot be shared by"
            f" {distributed.world_size()} processes; use more or fewer processes"
        )
