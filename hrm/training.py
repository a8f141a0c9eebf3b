"""Training with deep supervision: every segment of thought is graded and learned from at once.

For each batch the state starts anew; then, for each of `train_segment_cnt` segments: think, mean
cross-entropy over all cells, backward, one AdamW update, and the state is cut from the graph.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hrm import checkpoints, distributed, runs
from hrm.checkpoints import Progress
from hrm.config import RunConfig, TrainConfig
from hrm.data import Dataset, content_hash
from hrm.errors import Diverged
from hrm.evaluation import cross_entropy, evaluate, to_boards, to_tokens
from hrm.files import write_atomic
from hrm.hrm import HRM, State

# What a random stream is for; `data.py` has its own, see there.
_DROPOUT = 5


class Reporter(Protocol):
    """Who wants to know how training goes."""

    def advance(self, phase: str, done: int, total: int) -> None:
        """`done` of `total` boards of this epoch's "train" or "validate" phase are through."""

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is finished; `row` is its line of `metrics.jsonl`."""


class Trainer:
    """One run: model, optimizer, position and folder.

    Args:
        config: resolved (see `distributed.resolve`).
        dataset: the boards.
        folder: of the run; checkpoints and metrics go there.
        reporter: told of progress.
        should_stop: asked between updates; when it says yes, the run saves itself and raises
            `KeyboardInterrupt`.
        model: to start from (fine-tuning); by default a new one, drawn by `train.seed`.
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
        train = config.train
        if len(dataset.val) < distributed.world_size():
            raise ValueError(
                f"task.val_count: {len(dataset.val)} boards cannot be shared by"
                f" {distributed.world_size()} processes; use more boards or fewer processes"
            )
        torch.set_num_threads(train.threads)
        torch.manual_seed(train.seed)
        self.device = torch.device(train.device)
        self.model = (model or HRM(config.model, config.task.board_size)).to(self.device)
        self.average = copy.deepcopy(self.model) if train.ema else self.model
        self.best = copy.deepcopy(self.model)
        self.segment = torch.compile(self.model) if train.compile else self.model
        self.optimizer = torch.optim.AdamW(
            [p for p in self.model.parameters() if p.requires_grad],
            lr=train.lr,
            weight_decay=train.weight_decay,
            fused=True,
        )
        self.progress = Progress()
        self._saved_at = time.monotonic()

    @property
    def batch_cnt(self) -> int:
        """Batches of an epoch, the last and perhaps smaller one included."""
        return math.ceil(self.config.task.train_count / self.config.train.batch_size)

    def resume(self, accept_changes: bool = False) -> list[str]:
        """Go on from the newest good checkpoint of the folder.

        Args:
            accept_changes: go on even if config or boards are not those of the checkpoint.

        Returns:
            A line for each damaged checkpoint that was passed over.

        Raises:
            ValueError: if there is none, or it is of another run: with a line for each difference.
        """
        checkpoint = checkpoints.read(self.folder / "checkpoints" / "last")
        if not accept_changes:
            runs.require_same(self.folder, checkpoint.identity, self._identity())
        checkpoint.restore(self._models(), self.optimizer)
        self.progress = checkpoint.progress
        # What follows from the state is written anew, whatever became of it since.
        self._write_metrics()
        if self.progress.best_loss is not None:
            self._write_best()
        return checkpoint.passed_over

    def run(self) -> None:
        """Train to the last epoch.

        Raises:
            Diverged: if the loss is no longer a number; the last good checkpoint stays.
            KeyboardInterrupt: if `should_stop` says so; everything is saved.
            OSError: if a checkpoint cannot be written.
        """
        progress = self.progress
        if not progress.history and not progress.updates:
            self.save()
        while progress.epoch <= self.config.train.epoch_cnt:
            inputs, labels = self.dataset.train.epoch(progress.epoch, self.config.train.seed)
            self._train_epoch(to_tokens(inputs, self.device), to_tokens(labels, self.device))
            self._finish_epoch()

    def save(self) -> None:
        """Write the whole training state, and the model as `checkpoints/last`.

        Raises:
            Diverged: if a weight is not finite; what was saved before stays.
            OSError: if it cannot be written; what was saved before stays.
        """
        if not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise Diverged(self._divergence("a weight"))
        if distributed.is_main():
            last = self.folder / "checkpoints" / "last"
            checkpoints.save(last, self._identity(), self.progress, self._models(), self.optimizer)
            self.average.save_pretrained(last)
        self._saved_at = time.monotonic()

    def _train_epoch(self, tokens: Tensor, targets: Tensor) -> None:
        train, progress = self.config.train, self.progress
        self.model.train()
        while progress.batch < self.batch_cnt:
            began = time.perf_counter()
            part = slice(progress.batch * train.batch_size, (progress.batch + 1) * train.batch_size)
            loss = self.train_batch(tokens[part], targets[part])
            progress.loss_sum += loss * len(tokens[part])
            progress.batch += 1
            seconds = time.perf_counter() - began
            progress.train_seconds += seconds
            progress.seconds += seconds
            self._report("train", min(part.stop, len(tokens)), len(tokens))
            if self._should_stop():
                self.save()
                raise KeyboardInterrupt
            if self._agreed(time.monotonic() - self._saved_at > train.checkpoint_minutes * 60):
                self.save()

    def train_batch(self, tokens: Tensor, targets: Tensor) -> float:
        """One batch: `train_segment_cnt` segments, an update after each.

        Args:
            tokens, targets: ``(B, S)`` input and label codes.

        Returns:
            The loss, averaged over the segments.

        Raises:
            Diverged: if it is not finite.
        """
        train = self.config.train
        parts = self._own_parts(tokens, targets)
        states = [self.model.initial_state(len(x)) for x, _, _ in parts]
        total = 0.0
        for _ in range(train.train_segment_cnt):
            torch.manual_seed(_dropout_seed(train.seed, self.progress.updates))
            loss = 0.0
            for i, (x, y, share) in enumerate(parts):
                states[i], part_loss = self._backward(states[i], x, y, share)
                loss += part_loss
            (loss,) = distributed.sum_numbers(loss)
            if not math.isfinite(loss):
                raise Diverged(self._divergence("the loss", tokens))
            self._update()
            total += loss
        return total / train.train_segment_cnt

    def _own_parts(self, tokens: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor, float]]:
        """This process's micro-batches, each with its share of the whole batch."""
        mine = slice(distributed.rank(), None, distributed.world_size())
        x, y = tokens[mine], targets[mine]
        if not len(x):
            # A batch with fewer boards than processes: without weight, but with all gradients.
            return [(tokens[:1], targets[:1], 0.0)]
        size = self.config.train.micro_batch
        return [
            (a, b, len(a) / len(tokens)) for a, b in zip(x.split(size), y.split(size), strict=True)
        ]

    def _backward(self, state: State, x: Tensor, y: Tensor, share: float) -> tuple[State, float]:
        with distributed.autocast(self.config.train):
            state, logits = self.segment(state, x)
            loss = cross_entropy(logits, y) * share
        loss.backward()
        return state.detach(), loss.item()

    def _update(self) -> None:
        train = self.config.train
        distributed.sum_gradients(self.model.parameters())
        if train.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), train.grad_clip)
        self.optimizer.param_groups[0]["lr"] = self._learning_rate_of(self.progress.updates)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.updates += 1
        if train.ema:
            self._move_average()

    def _learning_rate_of(self, update: int) -> float:
        train = self.config.train
        total = train.epoch_cnt * self.batch_cnt * train.train_segment_cnt
        return learning_rate(train, update, total)

    @torch.no_grad()
    def _move_average(self) -> None:
        # The first updates count for more, or the random start would linger in the average.
        updates = self.progress.updates
        decay = min(self.config.train.ema, (1 + updates) / (10 + updates))
        for average, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            average.lerp_(new, 1 - decay)

    def _finish_epoch(self) -> None:
        progress = self.progress
        began = time.perf_counter()
        row = {"epoch": progress.epoch, "updates": progress.updates}
        row |= {"train_loss": progress.loss_sum / self.config.task.train_count}
        row |= self._validate()
        progress.seconds += time.perf_counter() - began
        row |= {
            "lr": self._learning_rate_of(progress.updates - 1),
            "seconds": round(progress.seconds, 3),
            "boards_per_second": round(self.config.task.train_count / progress.train_seconds, 1),
        }
        progress.history.append(row)
        if progress.best_loss is None or row["val_loss"] < progress.best_loss:
            progress.best_loss = row["val_loss"]
            self.best.load_state_dict(self.average.state_dict())
            # Before the state that knows of it: killed in between, the epoch is simply redone.
            self._write_best()
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        progress.seconds = progress.train_seconds = 0.0
        self.save()
        self._write_metrics()
        if distributed.is_main():
            self.reporter.epoch(row)

    def _validate(self) -> dict[str, float]:
        short = self.config.model.infer_segment_cnt
        val, done = self.dataset.val, 0
        mine = val[distributed.rank() :: distributed.world_size()]

        def on_batch(boards: int) -> None:
            nonlocal done
            done += boards
            self._report("validate", done, len(mine))
            # Processes cannot agree here, each being at a board of its own.
            if distributed.world_size() == 1 and self.should_stop():
                self.save()
                raise KeyboardInterrupt

        with distributed.autocast(self.config.train):
            metrics = evaluate(self.average, mine, [short, 4 * short], on_batch=on_batch)
        row: dict[str, float] = {}
        for count, suffix in ((short, ""), (4 * short, "_4x")):
            for name, value in metrics[count].as_dict(suffix).items():
                (total,) = distributed.sum_numbers(value * len(mine))
                row[name.replace("loss", "val_loss")] = total / len(val)
        return row

    def _report(self, phase: str, done: int, total: int) -> None:
        if distributed.is_main():
            self.reporter.advance(phase, done, total)

    def _should_stop(self) -> bool:
        """Whether any process was asked to stop; all get the same answer."""
        return distributed.sum_numbers(self.should_stop())[0] > 0

    def _agreed(self, decision: bool) -> bool:
        """What the main process decides, told to all."""
        return distributed.sum_numbers(decision and distributed.is_main())[0] > 0

    def _write_metrics(self) -> None:
        if distributed.is_main():
            lines = [json.dumps(row) + "\n" for row in self.progress.history]
            write_atomic(self.folder / runs.METRICS, "".join(lines))

    def _write_best(self) -> None:
        if distributed.is_main():
            self.best.save_pretrained(self.folder / "checkpoints" / "best")

    def _identity(self) -> dict[str, Any]:
        return {"config": self.config.model_dump(), "hashes": self.dataset.hashes}

    def _models(self) -> dict[str, HRM]:
        average = {"average": self.average} if self.average is not self.model else {}
        return {"model": self.model, **average, "best": self.best}

    def _divergence(self, what: str, tokens: Tensor | None = None) -> str:
        progress = self.progress
        where = f"update {progress.updates + 1}, epoch {progress.epoch}, batch {progress.batch + 1}"
        if tokens is not None:
            where += f" of {self.batch_cnt}, boards {content_hash(to_boards(tokens))[:12]}"
        return (
            f"{what} is not finite at {where}; the last good state stays in"
            f" {self.folder / 'checkpoints' / 'last'}; lower train.lr or set train.grad_clip=1"
        )


def learning_rate(train: TrainConfig, update: int, total: int) -> float:
    """Of an update, counted from 0: linear warm-up, then constant or half a cosine down to 0.

    Args:
        train: peak rate, warm-up and schedule.
        update: which.
        total: updates of the whole run.
    """
    if update < train.warmup_steps:
        return train.lr * (update + 1) / train.warmup_steps
    if train.lr_schedule == "constant":
        return train.lr
    done = (update - train.warmup_steps) / max(1, total - train.warmup_steps)
    return train.lr * (1 + math.cos(math.pi * min(1.0, done))) / 2


def _dropout_seed(seed: int, update: int) -> int:
    """Masks depend on seed, update and process alone, so a resumed run draws the same ones."""
    key = (seed, _DROPOUT, update, distributed.rank())
    return int(np.random.SeedSequence(key).generate_state(1)[0])
