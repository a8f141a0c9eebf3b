"""Time and memory of one training or evaluation segment, ours (also in bf16) or the textbook's.

    python benchmarks/segments.py CASE ours|bf16|textbook train|evaluate SDPA_DROPOUT BATCH

Prints one JSON object; `bench.py` runs it in a process of its own for each row of its table, so
that peak memory is that row's alone.
"""

import json
import resource
import sys
import time

import torch
from peak import ideal_seconds
from textbook import Textbook

from hrm import RunConfig, machine
from hrm.config.presets import preset
from hrm.data.source import generate
from hrm.models.batch import to_targets, to_tokens
from hrm.models.hrm import HRM
from hrm.models.losses import cross_entropy
from hrm.models.segment import Inputs
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.training.learner import Learner

CPU = torch.device("cpu")
_BASE = preset("specification-20x20")
CASES: dict[str, RunConfig] = {
    "boardpath-10x10": preset("specification"),
    "boardpath-20x20": _BASE,
    "H-only bptt 20x20": _BASE.derive(
        model__modules="H", model__d_model=360, model__grad_horizon="full"
    ),
    "demo": preset("demo"),
}
SECONDS = 2.0


def configured(case: str, sdpa_dropout: float, batch_size: int, precision: str) -> RunConfig:
    """The case with one segment to a batch and everything resolved."""
    config = CASES[case].derive(
        model__sdpa_dropout=sdpa_dropout,
        train__batch_size=batch_size or CASES[case].train.batch_size,
        train__train_segment_cnt=1,
        train__precision=precision,
    )
    return machine.resolve(config)


def ours(config: RunConfig, examples: Examples, training: bool):
    """A function that does one segment with this library."""
    grid = registry.make(config.task).grid
    model = HRM(config.model, grid)
    if training:
        learner = Learner(config.train, model.train(), 100)
        return lambda: learner.learn(examples, 0)
    model.eval()
    at_a_time = machine.puzzles_at_a_time(CPU, grid.cell_cnt)
    tokens = to_tokens(examples.inputs, CPU)

    @torch.inference_mode()
    def evaluate() -> None:
        for part in tokens.split(at_a_time):
            model(model.initial_state(len(part)), Inputs(part))

    return evaluate


def textbook(config: RunConfig, examples: Examples, training: bool):
    """The same, as the textbook does it."""
    model = Textbook(config.model, registry.make(config.task).grid).train(training)
    tokens = to_tokens(examples.inputs, CPU).flatten(1)
    targets = to_targets(examples.answers, CPU)
    train = config.train
    optimizer = torch.optim.AdamW(model.parameters(), lr=train.lr, weight_decay=train.weight_decay)

    def learn() -> None:
        _, logits = model(model.initial_state(*tokens.shape), tokens)
        cross_entropy(logits, targets).backward()
        optimizer.step()
        optimizer.zero_grad()

    @torch.no_grad()
    def evaluate() -> None:
        model(model.initial_state(*tokens.shape), tokens)

    return learn if training else evaluate


def measure(case: str, whose: str, mode: str, sdpa_dropout: float, batch_size: int) -> dict:
    """Best seconds of a segment, peak memory in MB, and a board's products alone (`peak.py`)."""
    config = configured(case, sdpa_dropout, batch_size, "bf16" if whose == "bf16" else "fp32")
    torch.set_num_threads(config.train.threads)
    torch.manual_seed(0)
    task = registry.make(config.task)
    boards = generate(task, config.train.batch_size, 0)
    make = textbook if whose == "textbook" else ours
    run = make(config, Examples(boards, task.answer(boards)), mode == "train")
    run()
    times, until = [], time.perf_counter() + SECONDS
    while len(times) < 2 or (time.perf_counter() < until and len(times) < 20):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    ideal = {}
    # In the same process and minute: how fast the machine is changes with its neighbours.
    if whose == "ours":
        ideal = ideal_seconds(config.model, task.grid, mode == "train")
    return {"seconds": min(times), "boards": len(boards), "memory_mb": memory, "ideal": ideal,
            "kernels": config.train.kernels}  # fmt: skip


if __name__ == "__main__":
    case, whose, mode, sdpa_dropout, batch = sys.argv[1:]
    print(json.dumps(measure(case, whose, mode, float(sdpa_dropout), int(batch))))
