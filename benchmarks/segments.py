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
from torch import Tensor

from hrm import distributed
from hrm.config.presets import PRESETS
from hrm.config.schema import RunConfig
from hrm.data.dataset import generate
from hrm.inference.evaluation import cross_entropy, to_tokens
from hrm.models.hrm import HRM
from hrm.tasks.boardpath.boards import label
from hrm.training.learner import Learner

_BASE = PRESETS["boardpath-20x20"][1]
CASES: dict[str, RunConfig] = {
    "boardpath-10x10": PRESETS["boardpath-10x10"][1],
    "boardpath-20x20": _BASE,
    "H-only bptt 20x20": _BASE.derive(
        model__modules="H", model__d_model=360, model__grad_horizon="full"
    ),
    "demo": PRESETS["demo"][1],
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
    return distributed.resolve(config)


def ours(config: RunConfig, tokens: Tensor, targets: Tensor, training: bool):
    """A function that does one segment with this library."""
    model = HRM(config.model, config.task.board_size)
    if training:
        learner = Learner(config.train, model.train(), 100)
        return lambda: learner.learn(tokens, targets, 0)
    model.eval()
    at_a_time = distributed.boards_at_a_time(torch.device("cpu"), config.task.board_size)

    @torch.inference_mode()
    def evaluate() -> None:
        for part in tokens.split(at_a_time):
            model(model.initial_state(len(part)), part)

    return evaluate


def textbook(config: RunConfig, tokens: Tensor, targets: Tensor, training: bool):
    """The same, as the textbook does it."""
    model = Textbook(config.model, config.task.board_size).train(training)
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
    boards = generate(config.task.board_size, 0.3, config.train.batch_size, 0)
    tokens, targets = (to_tokens(b, torch.device("cpu")) for b in (boards, label(boards)))
    make = textbook if whose == "textbook" else ours
    run = make(config, tokens, targets, mode == "train")
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
        ideal = ideal_seconds(config.model, config.task.board_size, mode == "train")
    return {"seconds": min(times), "boards": len(boards), "memory_mb": memory, "ideal": ideal,
            "kernels": config.train.kernels}  # fmt: skip


if __name__ == "__main__":
    case, whose, mode, sdpa_dropout, batch = sys.argv[1:]
    print(json.dumps(measure(case, whose, mode, float(sdpa_dropout), int(batch))))
