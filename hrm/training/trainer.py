"""A training run: epochs and batches, validation, metrics, checkpoints, and going on after a stop.

What happens within a batch is in `supervision.py`.
"""

import copy
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from hrm import distributed
from hrm.config.schema import RunConfig
from hrm.data.dataset import Batch, Dataset
from hrm.errors import Diverged, SavedAndStopped
from hrm.files import write_atomic
from hrm.inference.evaluation import evaluate, to_tokens
from hrm.models import kernels
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.tasks.boardpath.boards import Boards
from hrm.training import checkpoints
from hrm.training.checkpoints import Progress
from hrm.training.learner import Learner


class Reporter(Protocol):
    """Who wants to know how training goes."""

    def advance(self, epoch: int, phase: str, done: int, total: int) -> None:
        """`done` of `total` boards of the epoch's "train" or "validate" phase are through."""

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is finished; `row` is its line of `metrics.jsonl`."""


class Trainer:
    """One run: a learner, its boards, its position and its folder.

    Args:
        config: resolved (see `distributed.resolve`).
        dataset: the boards.
        folder: of the run; checkpoints and metrics go there.
        reporter: told of progress.
        should_stop: asked between updates; when it says yes, the run saves itself and raises
            `SavedAndStopped`.
        model: to start from (fine-tuning); by default a new one, drawn by `train.seed`.

    Raises:
        ValueError: if there are fewer validation boards than processes.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        folder: Path,
        reporter: Reporter,
        should_stop: Callable[[], bool] = lambda: False,
        model: HRM | None = None,
    ):
        self.config, self.dataset, self.folder = config, dataset, folder
        self.reporter, self.should_stop = reporter, should_stop
        _require_enough(dataset)
        torch.set_num_threads(config.train.threads)
        torch.manual_seed(config.train.seed)
        self.device = torch.device(config.train.device)
        self.model = (model or HRM(config.model, config.task.board_size)).to(self.device)
        self.batch_cnt = dataset.batch_cnt(config.train.batch_size)
        updates_an_epoch = self.batch_cnt * config.train.train_segment_cnt
        self.update_cnt = config.train.epoch_cnt * updates_an_epoch
        self.learner = Learner(config.train, self.model, self.update_cnt)
        self.best = copy.deepcopy(self.model)
        self.progress = Progress()
        self._saved_at = time.monotonic()

    def resume(self, accept_changes: bool = False) -> list[str]:
        """Go on from the newest good checkpoint of the folder.

        Args:
            accept_changes: go on even if config or boards are not those of the checkpoint.

        Returns:
            A line for each damaged checkpoint that was passed over.

        Raises:
            ValueError: if there is none, or it is of another run: with a line for each difference;
                if its best epoch was chosen by another measure, changes accepted or not.
        """
        checkpoint = checkpoints.read(self.folder / "checkpoints" / "last")
        if checkpoint.progress.best_loss is not None:
            runs.require_same_choice(self.folder, checkpoint.identity, self.config)
        if not accept_changes:
            runs.require_same(self.folder, checkpoint.identity, self._identity())
        checkpoint.restore(self._models(), self.learner.optimizers)
        self.progress = checkpoint.progress
        distributed.wait_for_all()  # they read what is written now
        # All that stands in the folder is written anew, whatever became of it since.
        self.save()
        self._write_metrics()
        if self.progress.best_loss is not None:
            self._write_model("best", self.best)
        return checkpoint.passed_over

    def run(self) -> None:
        """Train to the last epoch.

        Raises:
            Diverged: if the loss is no longer a number; the last good checkpoint stays.
            SavedAndStopped: if `should_stop` says so.
            OSError: if a checkpoint cannot be written; the one before stays.
        """
        if not self.progress.updates:
            self.save()
        while self.progress.epoch <= self.config.train.epoch_cnt:
            train = self.config.train
            self._train_epoch(
                self.dataset.batches(self.progress.epoch, train.seed, train.batch_size)
            )
            self._finish_epoch()

    def save(self) -> None:
        """Write the whole training state, and the model as `checkpoints/last`.

        Raises:
            Diverged: if a weight is not finite; what was saved before stays.
            OSError: if it cannot be written; what was saved before stays.
        """
        self._require_finite_weights()
        if distributed.is_main():
            last, optimizers = self.folder / "checkpoints" / "last", self.learner.optimizers
            checkpoints.save(last, self._identity(), self.progress, self._models(), optimizers)
            self._write_model("last", self.learner.average)
        self._saved_at = time.monotonic()

    def train_batch(self, tokens: Tensor, targets: Tensor) -> float:
        """Learn from one batch, ``(B, S)`` codes each; the loss (see `Learner.learn`)."""
        try:
            loss = self.learner.learn(tokens, targets, self.progress.updates)
        except Diverged as error:
            raise Diverged(self._last_good(str(error))) from None
        self.progress.updates += self.config.train.train_segment_cnt
        return loss

    def _train_epoch(self, batches: list[Batch]) -> None:
        progress = self.progress
        done = sum(len(inputs) for inputs, _ in batches[: progress.batch])
        self.model.train()
        for inputs, labels in batches[progress.batch :]:
            began = time.perf_counter()
            tokens, targets = (to_tokens(boards, self.device) for boards in (inputs, labels))
            progress.loss_sum += self.train_batch(tokens, targets) * len(tokens)
            progress.batch += 1
            progress.train_seconds += time.perf_counter() - began
            done += len(tokens)
            self._report("train", done, self.config.task.train_count)
            self._save_if_due()

    def _save_if_due(self) -> None:
        # All processes must come to the same decision: to stop if any was asked to, and to save
        # when the main one's clock says so.
        due = time.monotonic() - self._saved_at > self.config.train.checkpoint_minutes * 60
        stop, save = distributed.sum_numbers(self.should_stop(), due and distributed.is_main())
        if stop or save:
            self.save()
        if stop:
            raise SavedAndStopped

    def _finish_epoch(self) -> None:
        progress = self.progress
        self._require_finite_weights()
        began = time.perf_counter()
        row = {"epoch": progress.epoch, "updates": progress.updates}
        row |= {"train_loss": progress.loss_sum / self.config.task.train_count}
        row |= self._validate()
        if not all(map(math.isfinite, row.values())):
            raise Diverged(self._last_good("the validation loss is not finite"))
        seconds = progress.train_seconds + time.perf_counter() - began
        row |= {
            "lr": self.learner.learning_rate(progress.updates - 1),
            "seconds": round(seconds, 3),
            "boards_per_second": round(self.config.task.train_count / progress.train_seconds, 1),
        }
        progress.history.append(row)
        loss = runs.shortfall(row, self.config.train.best_by)
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_loss = loss
            self.best.load_state_dict(self.learner.average.state_dict())
            # Before the state that knows of it: killed in between, the epoch is simply redone.
            self._write_model("best", self.best)
        progress.epoch, progress.batch = progress.epoch + 1, 0
        progress.loss_sum = progress.train_seconds = 0.0
        self.save()
        self._write_metrics()
        if distributed.is_main():
            self.reporter.epoch(row)

    def _validate(self) -> dict[str, float]:
        short = self.config.model.infer_segment_cnt
        sets, done, batches = self.dataset.val_sets, 0, 0
        mine = [val[distributed.rank() :: distributed.world_size()] for val in sets]
        total, my_total = (sum(map(len, boards)) for boards in (sets, mine))

        def on_batch(boards: int) -> None:
            nonlocal done, batches
            done += boards
            self._report("validate", done, my_total)
            batches += 1
            self._save_if_due()

        fused = self.config.train.kernels == "fused"
        with distributed.autocast(self.config.train), kernels.use(fused):
            found = [
                evaluate(self.learner.average, boards, [short, 4 * short], on_batch=on_batch)
                for boards in mine
            ]
        for _ in range(self._most_batches(sets) - batches):
            self._save_if_due()  # as often as the main process, which has the most batches
        sums: dict[str, float] = defaultdict(float)
        for boards, metrics in zip(mine, found, strict=True):
            for count, suffix in ((short, ""), (4 * short, "_4x")):
                for name, value in metrics[count].as_dict(suffix).items():
                    sums[name.replace("loss", "val_loss")] += value * len(boards)
        return {name: distributed.sum_numbers(own)[0] / total for name, own in sums.items()}

    def _most_batches(self, sets: list[Boards]) -> int:
        """In which `evaluate` measures the main process's share of the validation boards."""
        shares = [val[:: distributed.world_size()] for val in sets]
        sizes = [distributed.boards_at_a_time(self.device, val.shape[1]) for val in sets]
        return sum(-(-len(share) // size) for share, size in zip(shares, sizes, strict=True))

    def _report(self, phase: str, done: int, total: int) -> None:
        if distributed.is_main():
            self.reporter.advance(self.progress.epoch, phase, done, total)

    def _write_metrics(self) -> None:
        if distributed.is_main():
            lines = [json.dumps(row) + "\n" for row in self.progress.history]
            write_atomic(self.folder / runs.METRICS, "".join(lines))

    def _write_model(self, name: str, model: HRM) -> None:
        if distributed.is_main():
            model.save_pretrained(self.folder / "checkpoints" / name)

    def _identity(self) -> dict[str, Any]:
        return {
            "config": self.config.model_dump(),
            "hashes": self.dataset.hashes,
            "processes": distributed.world_size(),
        }

    def _models(self) -> dict[str, HRM]:
        average = {"average": self.learner.average} if self.config.train.ema else {}
        return {"model": self.model, **average, "best": self.best}

    def _require_finite_weights(self) -> None:
        if not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise Diverged(self._last_good("a weight is not finite"))

    def _last_good(self, problem: str) -> str:
        batch = min(self.progress.batch + 1, self.batch_cnt)
        where = f"epoch {self.progress.epoch}, batch {batch} of {self.batch_cnt}"
        return (
            f"{problem} ({where}); the last good state stays in"
            f" {self.folder / 'checkpoints' / 'last'}; lower train.lr or set train.grad_clip=1"
        )


def _require_enough(dataset: Dataset) -> None:
    fewest = min(map(len, dataset.val_sets))
    if fewest < distributed.world_size():
        raise ValueError(
            f"task.val_count: {fewest} boards of a size cannot be shared by"
            f" {distributed.world_size()} processes; use more boards or fewer processes"
        )
