"""A training segment of a narrow network, fused and plain: the recipe `record-sudoku`.

    python benchmarks/narrow.py

Prints one JSON object: seconds of a segment (forward, backward and update of a batch), the share of
the best matrix products of this machine, and the share of the bandwidth of its memory that reading
and writing what a step leaves behind would take.
"""

import json

import torch
from peak import best_seconds

from hrm import HRM, machine
from hrm.config.presets import preset
from hrm.data.source import generate
from hrm.models.operations import training_flops
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.training.learner import Learner

WAYS = {
    "plain": {"train__kernels": "plain"},
    "fused": {"train__kernels": "fused"},
    "bf16": {"train__kernels": "fused", "train__precision": "bf16"},
}
# What a step writes and reads again on the way back: the input and output of both sublayers.
ARRAYS_A_STEP = 6


def measure() -> dict[str, float]:
    """Seconds of each way, in turn, and what they are to the ceilings."""
    base = preset("record-sudoku").derive(train__train_segment_cnt=1)
    task = registry.make(base.task)
    puzzles = generate(task, base.train.batch_size, 0)
    examples = Examples(puzzles, task.answer(puzzles))
    seconds: dict[str, float] = {}
    for name, changes in WAYS.items():
        config = machine.resolve(base.derive(**changes))
        torch.set_num_threads(config.train.threads)
        torch.manual_seed(0)
        learner = Learner(config.train, HRM(config.model, task.grid).train(), 1000)
        seconds[name] = best_seconds(lambda learner=learner: learner.learn(examples, 0), seconds=1)
    flops = sum(training_flops(base.model, task.grid, len(puzzles)).values())
    state = len(puzzles) * task.grid.cell_cnt * 9 * base.model.d_model * 4
    return {
        "threads": torch.get_num_threads(),
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "fused_ratio": seconds["plain"] / seconds["fused"],
        "bf16_ratio": seconds["plain"] / seconds["bf16"],
        "gflops": flops / seconds["fused"] / 1e9,
        "of_peak": flops / seconds["fused"] / _peak_flops(),
        "of_bandwidth": ARRAYS_A_STEP * base.model.step_cnt * state / seconds["fused"]
        / _bandwidth(),
    }  # fmt: skip


def _peak_flops() -> float:
    a, b = torch.randn(2, 2048, 2048)
    return 2 * 2048**3 / best_seconds(lambda: a @ b, seconds=0.2)


def _bandwidth() -> float:
    """Bytes a second, read and written, of copying what no cache holds."""
    source, target = torch.empty(2, 2**26)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), seconds=0.2)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
