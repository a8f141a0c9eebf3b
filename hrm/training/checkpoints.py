"""The whole state of a training run in one file, replaced atomically, with the one before kept.

`checkpoints/last/training.safetensors` holds the weights, their moving average, the optimizers'
state and, as JSON in its header, the position in the data, the metrics so far and the resolved
config. All of it is in one file, so no part can be older than another, and its checksum shows
damage. Random states are not saved: every random number is a function of the seed and the position.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from hrm.models import tensors

FORMAT_VERSION = 2
CURRENT, PREVIOUS = "training.safetensors", "training.previous.safetensors"
_NEW = f"{CURRENT}.new"


@dataclass
class Progress:
    """The position of a run, and its metrics so far."""

    epoch: int = 1
    """The current epoch, counted from 1."""
    batch: int = 0
    """Batches of that epoch that are done."""
    updates: int = 0
    """Optimizer updates since the start."""
    loss_sum: float = 0.0
    """Over the epoch's boards so far: each board's loss, averaged over segments."""
    train_seconds: float = 0.0
    """Spent in the epoch's training so far."""
    best_loss: float | None = None
    """Lowest validation loss of a finished epoch; 1 - board acc with `train.best_by: board_acc`."""
    drawn: int = 0
    """Puzzles drawn since the start, with `train.halt: learned`."""
    tally: dict[str, float] = field(default_factory=dict)
    """What the learner noted in the epoch so far, summed."""
    history: list[dict[str, float]] = field(default_factory=list)
    """The metrics of each finished epoch, as in `metrics.jsonl`."""


def save(
    folder: Path,
    identity: dict[str, Any],
    progress: Progress,
    models: Mapping[str, nn.Module],
    optimizers: Mapping[str, Optimizer],
    slots: Mapping[str, Tensor],
) -> None:
    """Write the training state to `folder`; the state before stays beside it.

    Args:
        folder: such as ``checkpoints/last``.
        identity: what the run is (its resolved config, the hashes of its boards).
        progress: position and metrics.
        models: modules by name.
        optimizers: by name, of one parameter group each.
        slots: puzzles in thought, where they outlast a batch.

    Raises:
        OSError: if it cannot be written; the old state is then still there.
    """
    named = {
        f"{name}/{key}": tensor
        for name, model in models.items()
        for key, tensor in model.state_dict().items()
    }
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            named |= {f"{name}/{index}/{key}": tensor for key, tensor in state.items()}
    named |= {f"slots/{name}": tensor for name, tensor in slots.items()}
    content = {"format_version": FORMAT_VERSION, **identity, "progress": asdict(progress)}
    current = folder / CURRENT
    new = folder / _NEW
    tensors.write(new, named, json.dumps(content))
    if current.exists():
        os.replace(current, folder / PREVIOUS)
    os.replace(new, current)


@dataclass(frozen=True)
class Checkpoint:
    """A training state that was read and is not damaged."""

    progress: Progress
    identity: dict[str, Any]
    """The config and the hashes of the run, as they were given to `save`."""
    named: dict[str, Tensor]
    damaged: list[str]
    """A line for each damaged file that was skipped and is newer than this one."""

    @property
    def slots(self) -> dict[str, Tensor]:
        """Puzzles in thought, where they outlast a batch."""
        return _below(self.named, "slots")

    def restore(self, models: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> None:
        """Load the state into the models and the optimizers.

        Raises:
            ValueError: if the state belongs to other models.
        """
        try:
            for name, model in models.items():
                model.load_state_dict(_below(self.named, name))
            for name, optimizer in optimizers.items():
                _restore_optimizer(optimizer, _below(self.named, name))
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(f"the checkpoint is of another model: {error}") from None


def exist(folder: Path) -> bool:
    """Whether `folder` holds a training state, good or damaged."""
    return any((folder / name).exists() for name in (CURRENT, _NEW, PREVIOUS))


def read(folder: Path) -> Checkpoint:
    """The newest undamaged training state of a folder.

    Raises:
        ValueError: if there is none, with a line for each damaged file.
    """
    complaints: list[str] = []
    for name in (CURRENT, _NEW, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            named, text = tensors.read(folder / name)
            progress, identity = _parse(folder / name, text)
        except ValueError as error:
            complaints.append(str(error))
            continue
        return Checkpoint(progress, identity, named, complaints)
    raise ValueError("\n".join([*complaints, f"{folder}: no good checkpoint to resume from"]))


def _parse(path: Path, text: str) -> tuple[Progress, dict[str, Any]]:
    try:
        content = json.loads(text)
        version = content.pop("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(
                f"{path}: written in format {version}, but this version of hrm reads"
                f" {FORMAT_VERSION}; go on with the version in versions.json"
            )
        progress = Progress(**content.pop("progress"))
        counts = (progress.epoch, progress.batch, progress.updates, progress.drawn)
        numbers = (progress.loss_sum, progress.train_seconds, progress.best_loss or 0.0)
        numbers += tuple(progress.tally.values())
        if not all(type(count) is int and count >= 0 for count in counts):
            raise TypeError
        if not all(isinstance(number, int | float) for number in numbers):
            raise TypeError
        if not all(isinstance(row, dict) for row in progress.history):
            raise TypeError
        return progress, content
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
        raise ValueError(f"{path}: damaged: not a training state") from None


def _below(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {key.removeprefix(start): t for key, t in named.items() if key.startswith(start)}


def _restore_optimizer(optimizer: Optimizer, named: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in named.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = tensor
    parameters = optimizer.param_groups[0]["params"]
    for index, values in state.items():
        # Counters have no axes; everything else has the parameter's shape.
        shapes = {tensor.shape for tensor in values.values() if tensor.ndim}
        if not 0 <= index < len(parameters) or shapes != {parameters[index].shape}:
            raise ValueError(f"optimizer state {index} does not fit its parameter")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
