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

from hrm.config.schema import RunConfig, TrainConfig
from hrm.models import kernels
from hrm.processes import rank, world_size
from hrm.training.optimizers import require_optimizer

CELLS_AT_A_TIME = 1600
"""On CPU: what a block makes of so many cells just fits the cache."""


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


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if world_size() > 1:
        dist.barrier()


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


def resolve(config: RunConfig) -> RunConfig:
    """Replace every "choose for me" by a choice, once, so that a resumed run makes the same one.

    Raises:
        ValueError: if the device, compiler, optimizer or kernels that it asks for are not there.
    """
    train = config.train
    device = pick_device(train.device)
    _require_compiler(train, device)
    require_optimizer(train)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # In bf16, most of what a segment leaves behind takes half the room.
    fitting = boards_at_a_time(device, config.task.board_size) * (1 + (train.precision == "bf16"))
    micro_batch = train.micro_batch or (fitting if device.type == "cpu" else train.batch_size)
    choices = {
        "device": device.type,
        "threads": train.threads or max(1, (cores or 1) // world_size()),
        "micro_batch": min(micro_batch, train.batch_size),
        "kernels": _pick_kernels(train, device),
    }
    return config.model_copy(update={"train": train.model_copy(update=choices)})


def boards_at_a_time(device: torch.device, board_size: int) -> int:
    """How many boards to compute at once where nobody says: on CPU, what fits the cache."""
    return max(1, CELLS_AT_A_TIME // board_size**2) if device.type == "cpu" else 128


def _require_compiler(train: TrainConfig, device: torch.device) -> None:
    there = any(map(shutil.which, ("c++", "g++", "clang++")))
    if train.compile and device.type == "cpu" and not there:
        raise ValueError(
            "train.compile: torch.compile needs a C++ compiler on CPU, and there is none here;"
            " install g++ or set train.compile=false"
        )


def _pick_kernels(train: TrainConfig, device: torch.device) -> str:
    """Fused kernels where they apply and can be had, unless others are asked for."""
    apply = device.type == "cpu" and not train.compile
    products = torch.bfloat16 if train.precision == "bf16" else torch.float32
    if train.kernels == "auto":
        return "fused" if apply and kernels.available(products) else "plain"
    if train.kernels == "fused" and not apply:
        raise ValueError(
            "train.kernels: fused ones are for CPUs, without compile; use auto or plain"
        )
    if train.kernels == "fused" and not kernels.available(products):
        raise ValueError(
            "train.kernels: fused ones need Linux and a C compiler that works:"
            f" {kernels.why_plain(products)}; use auto or plain"
        )
    return train.kernels


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
    # Up to torch 2.10, a weight that a step without gradient had cast stayed cast, and cut from the
    # graph, for the steps with gradient: hence no cache.
    return torch.autocast(train.device, torch.bfloat16, cache_enabled=False)
