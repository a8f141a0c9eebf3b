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


def sum_rows(table: Tensor) -> None:
    """The same for a table whose gradient is sparse: only the rows that have one are exchanged."""
    if world_size() == 1 or table.grad is None:
        return
    own = table.grad.coalesce()
    counts = [0.0] * world_size()
    counts[rank()] = float(own.values().shape[0])
    counts = [int(count) for count in sum_numbers(*counts)]
    mine = slice(sum(counts[: rank()]), sum(counts[: rank() + 1]))
    rows = torch.zeros(sum(counts), dtype=torch.int64, device=table.device)
    values = torch.zeros(sum(counts), table.shape[1], device=table.device)
    rows[mine], values[mine] = own.indices()[0], own.values()
    dist.all_reduce(rows)
    dist.all_reduce(values)
    table.grad = torch.sparse_coo_tensor(rows[None], values, table.shape).coalesce()


def gather_rows(numbers: Tensor, rows: Tensor, count: int) -> Tensor:
    """All rows of a tensor of which each process has some.

    Args:
        numbers: ``(n,)`` of this process's rows.
        rows: ``(n, …)`` these rows.
        count: of all rows; no two processes have the same one.
    """
    every = rows.new_zeros(count, *rows.shape[1:])
    every[numbers] = rows
    if world_size() > 1:
        dist.all_reduce(every)
    return every


def sum_numbers(*numbers: float) -> list[float]:
    """Each number summed over the processes, in float64."""
    if world_size() == 1:
        return list(numbers)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    total = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return total.tolist()
