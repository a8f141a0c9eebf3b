"""Training runs in forked children that can be killed; used by the tests of reliability.

`make soak` sets HRM_SOAK=1 and with it the long version of those tests.
"""

import hashlib
import json
import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path

from helpers import tiny, trainer_of

from hrm.models import tensors
from hrm.runs import launch
from hrm.training import checkpoints

SOAK = bool(os.environ.get("HRM_SOAK"))

SETTINGS = {
    "model__dropout": 0.2,
    "train__ema": 0.9,
    "train__lr_schedule": "cosine",
    "task__stream": True,
    "train__checkpoint_minutes": 0.0,  # a checkpoint after every batch
}

# The server imports torch once and forks; a child is there in a fraction of a second.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["hrm.training.trainer", "helpers"])


def start(function, *arguments) -> BaseProcess:
    child = _CONTEXT.Process(target=function, args=arguments, daemon=True)
    child.start()
    return child


def train(folder: str, die_at: int | None = None) -> None:
    """Begin or go on with the run in `folder`; if asked to, die at that file operation."""
    if die_at is not None:
        _die_at(die_at)
    trainer = trainer_of(tiny(**SETTINGS), Path(folder))
    with launch._locked_by_main(Path(folder)):  # as `hrm train` does
        if checkpoints.exist(Path(folder) / "checkpoints/last"):
            trainer.resume()
        trainer.run()


def _die_at(count: int) -> None:
    """Make the process end, as if killed, in front of its count-th flush or rename."""
    countdown = iter(range(count, -1, -1))

    def mortal(operation):
        return lambda *arguments: operation(*arguments) if next(countdown) else os._exit(9)

    os.fsync, os.replace = mortal(os.fsync), mortal(os.replace)


def outcome(folder: Path) -> str:
    """A digest of all that a finished run leaves, times aside: weights, optimizer, metrics."""
    sha = hashlib.sha256()
    checkpoint = checkpoints.read(folder / "checkpoints/last")
    named = dict(checkpoint.named)
    for kind in ("best", "last"):
        weights, _ = tensors.read(folder / f"checkpoints/{kind}/model.safetensors")
        named |= {f"file {kind} {name}": tensor for name, tensor in weights.items()}
    for name in sorted(named):
        sha.update(name.encode() + named[name].numpy().tobytes())
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == checkpoint.progress.history
    for row in checkpoint.progress.history:
        kept = {k: v for k, v in row.items() if k not in ("seconds", "boards_per_second")}
        sha.update(json.dumps(kept).encode())
    return sha.hexdigest()
