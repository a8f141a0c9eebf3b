"""Several processes that train one model.

Under `torchrun --nproc-per-node N -m hrm train …`, N processes train one model: each holds all of
it, computes its share of every batch, and sums gradients with the others. Process 0 alone writes,
prints and decides.
"""

import contextlib
import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from hrm.processes import rank, world_size


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
