"""Where and with what arithmetic to compute: device, threads, precision."""

import contextlib
import os
from contextlib import AbstractContextManager

import torch

from hrm.config import TrainConfig


def resolve(train: TrainConfig) -> TrainConfig:
    """Replace every "choose for me" by a choice, once, so that a resumed run makes the same one.

    Raises:
        ValueError: if the device asked for is not there.
    """
    threads = train.threads or len(os.sched_getaffinity(0))
    return train.model_copy(
        update={
            "device": pick_device(train.device).type,
            "threads": threads,
            "micro_batch": min(train.micro_batch or train.batch_size, train.batch_size),
        }
    )


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; auto: CUDA, else MPS, else CPU.

    Raises:
        ValueError: if it is not available here.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, present in available.items() if present)
    if not available[name]:
        raise ValueError(f"train.device: {name} is not available here; use auto or cpu")
    return torch.device(name)


def autocast(train: TrainConfig) -> AbstractContextManager[object]:
    """The arithmetic of a run: bfloat16 autocast, or nothing for float32."""
    if train.precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(train.device, torch.bfloat16)
