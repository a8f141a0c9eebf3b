"""Where and with what arithmetic to compute: device, threads, precision, and several processes.

Under `torchrun --nproc-per-node N -m hrm train …`, N processes train one model: each holds all of
it, computes its share of every batch, and sums gradients with the others. Process 0 alone writes,
prints and decides.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
import torch.distributed as dist
from torch import Tensor

from hrm.config import TrainConfig


def rank() -> int:
    """This process's number, from 0; 0 without torchrun."""
    return int(os.environ.get("RANK", 0))


def world_size() -> int:
    """Processes that train together; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_main() -> bool:
    """Whether this is the process that writes, prints and decides."""
    return rank() == 0


@contextlib.contextmanager
def process_group(device: str):
    """While entered, the processes of a torchrun can sum tensors; alone, nothing happens."""
    if world_size() == 1:
        yield
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace every gradient by its sum over the processes, in one exchange."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def sum_numbers(*numbers: float) -> list[float]:
    """Each number summed over the processes, in float64."""
    if world_size() == 1:
        return list(numbers)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    total = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return total.tolist()


def resolve(train: TrainConfig) -> TrainConfig:
    """Replace every "choose for me" by a choice, once, so that a resumed run makes the same one.

    Raises:
        ValueError: if the device, or the compiler, that it asks for is not there.
    """
    device = pick_device(train.device).type
    if train.compile and device == "cpu" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise ValueError(
            "train.compile: torch.compile needs a C++ compiler on CPU, and there is none here;"
            " install g++ or set train.compile=false"
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return train.model_copy(
        update={
            "device": device,
            "threads": train.threads or max(1, (cores or 1) // world_size()),
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
