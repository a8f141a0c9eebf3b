"""The machine that computes: device, threads, precision, kernels, and how much at a time."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from hrm import native
from hrm.config.schema import RunConfig
from hrm.config.train import TrainConfig
from hrm.models import kernels
from hrm.processes import world_size

CELLS_AT_A_TIME = 1600
"""On CPU: the intermediate results of a block for so many cells just fit the cache. This took a
segment of the specification's default run from 3.6 to 2.9 s (docs/performance.md)."""

_BF16 = {b"avx512_bf16", b"amx_bf16", b"bf16"}
"""Features of processors that have it, of x86 and of ARM."""

_SAMPLES, _SAMPLE_SECONDS = 10, 0.01
_ON_OTHER_DEVICES = 128
"""Puzzles at a time where there is no cache to fit."""


@dataclass(frozen=True)
class Machine:
    """What a run computes on and with; see the keys of the same names in `TrainConfig`."""

    device: torch.device
    threads: int
    precision: str
    fused: bool
    micro_batch: int

    @staticmethod
    def of(train: TrainConfig) -> "Machine":
        """The machine of a resolved training.

        Raises:
            ValueError: if something is still left to be chosen; see `resolve`.
        """
        open_keys = [key for key, value in LEFT_OPEN.items() if getattr(train, key) == value]
        if open_keys:
            raise ValueError(
                f"train.{open_keys[0]}: {getattr(train, open_keys[0])!r} is still to be chosen;"
                " pass the config through hrm.machine.resolve"
            )
        device = torch.device(train.device)
        fused = train.kernels == "fused"
        return Machine(device, train.threads, train.precision, fused, train.micro_batch)

    @contextlib.contextmanager
    def arithmetic(self) -> Iterator[None]:
        """While entered, this thread computes as the run does: precision and kernels."""
        with contextlib.ExitStack() as stack:
            if self.precision == "bf16":
                # Up to torch 2.10, a weight that a step without gradient had cast stayed cast, and
                # cut from the graph, for the steps with gradient: hence no cache.
                cast = torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)
                stack.enter_context(cast)
            stack.enter_context(kernels.use(self.fused))
            yield


LEFT_OPEN = {
    "device": "auto", "threads": 0, "micro_batch": 0, "precision": "auto", "kernels": "auto",
}  # fmt: skip
"""The values of settings that leave a choice to the machine."""


def resolve(config: RunConfig) -> RunConfig:
    """Replace every "choose for me" by a choice, once, so that a resumed run makes the same one.

    Raises:
        ValueError: if the device, compiler or kernels that it asks for are not there.
    """
    device = pick_device(config.train.device, "train.device")
    train = config.train.model_copy(update={"precision": _pick_precision(config.train, device)})
    _require_compiler(train, device)
    cells = max(part.shape[0] * part.shape[1] for part in config.task.parts())
    # In bf16, most of what a segment keeps for its backward pass takes half the memory.
    fitting = puzzles_at_a_time(device, cells) * (1 + (train.precision == "bf16"))
    micro_batch = train.micro_batch or (fitting if device.type == "cpu" else train.batch_size)
    choices = {
        "device": device.type,
        "threads": train.threads or default_threads(),
        "micro_batch": min(micro_batch, train.batch_size),
        "kernels": _pick_kernels(train, device),
    }
    return config.model_copy(update={"train": train.model_copy(update=choices)})


def has_bf16(device: torch.device) -> bool:
    """Whether products of bfloat16 are known to be computed in hardware there. Without it they took
    10 to 12 times as long as in float32 (docs/performance.md)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        return device.type == "cpu" and not _BF16.isdisjoint(native.processor().split())
    except OSError:
        return False


def slow_precision(train: TrainConfig) -> str | None:
    """What to know about the precision of a training on this machine, if anything."""
    if train.precision != "bf16" or has_bf16(pick_device(train.device, "train.device")):
        return None
    return (
        "train.precision: bf16 is not known to be in hardware here, and may take ten times as long"
        " as fp32; auto chooses"
    )


def puzzles_at_a_time(device: torch.device, cell_cnt: int) -> int:
    """How many puzzles of so many cells to compute at once: on CPU, what fits the cache."""
    return max(1, CELLS_AT_A_TIME // cell_cnt) if device.type == "cpu" else _ON_OTHER_DEVICES


def core_cnt() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Threads for this process: `OMP_NUM_THREADS` where it is set, else its share of the cores that
    nobody else is using."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    cores = core_cnt()
    # On cores that others use, threads wait for one another: with one of two cores taken,
    # `hrm train debug` took 26 to 74 s with two threads and 7 s with one.
    free = cores * (1 - min(1.0, _others_running() / (os.cpu_count() or 1)))
    return max(1, round(free) // world_size())


def _others_running() -> float:
    """How many other threads ran on the machine in these instants; 0: unknown."""
    counts = []
    for _ in range(_SAMPLES):
        try:
            running = Path("/proc/loadavg").read_text().split()[3].partition("/")[0]
        except (OSError, IndexError):
            return 0.0
        counts.append(int(running) - 1)
        time.sleep(_SAMPLE_SECONDS)
    return sum(counts) / len(counts)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """While entered, PyTorch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pick_device(name: str = "auto", key: str = "device") -> torch.device:
    """The device of that name; auto: CUDA, else MPS, else CPU.

    Args:
        name: see `TrainConfig.device`.
        key: what the user calls it.

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
        raise ValueError(f"{key}: {name} is not available here; use auto or cpu")
    return torch.device(name)


def _require_compiler(train: TrainConfig, device: torch.device) -> None:
    there = any(map(shutil.which, ("c++", "g++", "clang++")))
    if train.compile and device.type == "cpu" and not there:
        raise ValueError(
            "train.compile: torch.compile needs a C++ compiler on CPU, and there is none here;"
            " install g++ or set train.compile=false"
        )


def _pick_precision(train: TrainConfig, device: torch.device) -> str:
    if train.precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return train.precision


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
