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
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hrm import checkpoints, distributed
from hrm.checkpoints import Progress
from hrm.config import RunConfig, TrainConfig
from hrm.data import Dataset
from hrm.errors import Diverged
from hrm.evaluation import cross_entropy, evaluate, to_tokens
from hrm.files import write_atomic
from hrm.hrm import HRM, State
from hrm.runs import METRICS

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
        torch.set_num_threads(train.threads)
        torch.manual_seed(train.seed)
        self.device = torch.device(train.device)
        self.model = (model or HRM(config.model, config.task.board_size)).to(self.device)
        self.average = copy.deepcopy(self.model) if train.ema else self.model
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

    def resume(self) -> list[str]:
        """Go on from the newest good checkpoint of the folder.

        Returns:
            A line for each damaged checkpoint that was passed over.

        Raises:
            ValueError: if there is none.
        """
        last = self.folder / "checkpoints" / "last"
        self.progress, complaints = checkpoints.load(last, self._models(), self.optimizer)
        self._write_metrics()
        return complaints

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
        last = self.folder / "checkpoints" / "last"
        checkpoints.save(
            last, self.config.model_dump(), self.progress, self._models(), self.optimizer
        )
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
            self.reporter.advance("train", min(part.stop, len(tokens)), len(tokens))
            self._stop_if_asked()
            if time.monotonic() - self._saved_at > train.checkpoint_minutes * 60:
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
        micro_tokens, micro_targets = (
            tokens.split(train.micro_batch),
            targets.split(train.micro_batch),
        )
        states = [self.model.initial_state(len(part)) for part in micro_tokens]
        total = 0.0
        for _ in range(train.train_segment_cnt):
            torch.manual_seed(_dropout_seed(train.seed, self.progress.updates))
            for i, (x, y) in enumerate(zip(micro_tokens, micro_targets, strict=True)):
                states[i], loss = self._backward(states[i], x, y, share=len(x) / len(tokens))
                total += loss
            if not math.isfinite(total):
                raise Diverged(self._divergence("the loss"))
            self._update()
        return total / train.train_segment_cnt

    def _backward(self, state: State, x: Tensor, y: Tensor, share: float) -> tuple[State, float]:
        with distributed.autocast(self.config.train):
            state, logits = self.segment(state, x)
            loss = cross_entropy(logits, y) * share
        loss.backward()
        return state.detach(), loss.item()

    def _update(self) -> None:
        train = self.config.train
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
            # Before the state that knows of it: killed in between, the epoch is simply redone.
            self.average.save_pretrained(self.folder / "checkpoints" / "best")
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        progress.seconds = progress.train_seconds = 0.0
        self.save()
        self._write_metrics()
        self.reporter.epoch(row)

    def _validate(self) -> dict[str, float]:
        short = self.config.model.infer_segment_cnt
        val, done = self.dataset.val, 0

        def on_batch(boards: int) -> None:
            nonlocal done
            done += boards
            self.reporter.advance("validate", done, len(val))
            self._stop_if_asked()

        with distributed.autocast(self.config.train):
            metrics = evaluate(self.average, val, [short, 4 * short], on_batch=on_batch)
        row = {}
        for count, suffix in ((short, ""), (4 * short, "_4x")):
            row |= metrics[count].as_dict(suffix)
            row[f"val_loss{suffix}"] = row.pop(f"loss{suffix}")
        return row

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            self.save()
            raise KeyboardInterrupt

    def _write_metrics(self) -> None:
        lines = [json.dumps(row) + "\n" for row in self.progress.history]
        write_atomic(self.folder / METRICS, "".join(lines))

    def _models(self) -> dict[str, HRM]:
        average = {"average": self.average} if self.average is not self.model else {}
        return {"model": self.model, **average}

    def _divergence(self, what: str) -> str:
        progress = self.progress
        return (
            f"{what} is not finite at update {progress.updates + 1} (epoch {progress.epoch},"
            f" batch {progress.batch + 1} of {self.batch_cnt}); {self.folder / 'checkpoints'}"
            " keeps the last good state; lower train.lr or set train.grad_clip=1"
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
    """Masks depend on the seed and the update alone, so a resumed run draws the same ones."""
    return int(np.random.SeedSequence((seed, _DROPOUT, update)).generate_state(1)[0])
