"""How fast everything is, as ratios measured in one run.

    python benchmarks/bench.py [--out bench.json]

Every figure stands beside its reference: the matrix products alone at the best rate that this
machine showed for their shapes, and a plain textbook implementation of the same mathematics
(`textbook.py`). Nothing else should run meanwhile.
"""

import argparse
import json
import math
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import startup
import torch
from peak import best_seconds, ideal_seconds
from rich.console import Console
from rich.table import Table
from segments import CASES
from textbook import Textbook

from hrm import HRM
from hrm.data.source import generate
from hrm.files import write_atomic
from hrm.inference.solving import solve_all
from hrm.models.batch import to_tokens
from hrm.models.segment import Inputs
from hrm.tasks import registry
from hrm.tasks.boardpath.boards import Boards

HERE = Path(__file__).parent
# At batch 64 and 20×20 the textbook's back-propagation through all steps needs over 24 GB.
SMALL_BATCH = {"boardpath-20x20": 16, "H-only bptt 20x20": 8}

console = Console(width=140)


def segments() -> list[dict[str, Any]]:
    """One row a case, mode and attention dropout: ours, the textbook's, and the products alone."""
    rows = []
    for case in CASES:
        for mode, dropout in (("train", 0.0), ("train", 0.1), ("evaluate", 0.0)):
            batch = SMALL_BATCH.get(case, 0)
            mine, theirs = (
                _segment(case, whose, mode, dropout, batch) for whose in ("ours", "textbook")
            )
            bf16 = _segment(case, "bf16", mode, dropout, batch) if mode == "train" else None
            ideal = mine["ideal"]
            per_board = mine["seconds"] / mine["boards"]
            flops = ideal["linear_flops"] + ideal["attention_flops"]
            rows.append(
                {
                    "case": case,
                    "mode": mode,
                    "sdpa_dropout": dropout,
                    "batch": mine["boards"],
                    "ms_per_board": 1000 * per_board,
                    "gflops": flops / per_board / 1e9,
                    "peak_gflops": flops / (ideal["linear"] + ideal["attention"]) / 1e9,
                    "of_peak": (ideal["linear"] + ideal["attention"]) / per_board,
                    "attention_share": ideal["attention"] / (ideal["linear"] + ideal["attention"]),
                    "textbook_ratio": theirs["seconds"] / theirs["boards"] / per_board,
                    "bf16_ratio": theirs["seconds"] / bf16["seconds"] if bf16 else None,
                    "memory_mb": mine["memory_mb"],
                    "textbook_memory_mb": theirs["memory_mb"],
                    "kernels": mine["kernels"],
                }
            )
            console.print(f"  {case}, {mode}, attention dropout {dropout}", style="dim")
    return rows


def largest_memory() -> float:
    """Peak MB of one training segment of 64 boards of 20×20."""
    return _segment("boardpath-20x20", "ours", "train", 0.1, 64)["memory_mb"]


def _segment(case: str, whose: str, mode: str, dropout: float, batch: int) -> dict[str, Any]:
    words = [case, whose, mode, str(dropout), str(batch)]
    output = subprocess.run(
        [sys.executable, str(HERE / "segments.py"), *words], capture_output=True, check=True
    )
    return json.loads(output.stdout)


def solving() -> dict[str, float]:
    """The bundled model at its own think time."""
    model = HRM.from_pretrained("boardpath-10x10")
    segment_cnt = model.config.infer_segment_cnt
    plain = Textbook(model.config, model.grid).eval()
    task = registry.default_task(10)
    boards = list(generate(task, 256, 0))

    @torch.inference_mode()
    def plainly(some: list[Boards]) -> None:
        tokens = to_tokens(np.stack(some), torch.device("cpu")).flatten(1)
        state = plain.initial_state(*tokens.shape)
        for _ in range(segment_cnt):
            state, _ = plain(state, tokens)

    ideal = ideal_seconds(model.config, model.grid, training=False)
    one = best_seconds(lambda: list(solve_all(boards[:1], model)), seconds=0.2)
    many, until_solved = (
        best_seconds(lambda u=u: list(solve_all(boards, model, until=u)), repeats=3) / len(boards)
        for u in ("fixed", "solved")
    )
    textbook_one = best_seconds(lambda: plainly(boards[:1]), seconds=0.2)
    textbook_many = min(
        best_seconds(lambda n=n: plainly(boards[:n]), repeats=3) / n for n in (16, 64, 256)
    )
    counter = iter(range(10**6))
    drawing = best_seconds(lambda: generate(task, 1000, next(counter)), seconds=0.3)
    return {
        "one_board_ms": one * 1000,
        "one_board_products_alone_ms": _one_board_ideal(model) * 1000,
        "one_board_textbook_ms": textbook_one * 1000,
        "boards_per_second": 1 / many,
        "boards_per_second_until_solved": 1 / until_solved,
        "boards_per_second_products_alone": 1 / segment_cnt / sum(
            ideal[kind] for kind in ("linear", "attention")
        ),
        "boards_per_second_textbook": 1 / textbook_many,
        "generated_boards_per_second": 1000 / drawing,
    }  # fmt: skip


def _one_board_ideal(model: HRM) -> float:
    """The linear layers of one board (100 rows) alone."""
    width, config = model.config.d_model, model.config
    inner = int(config.expansion * width * 2 / 3)
    x, hidden = torch.randn(100, width), torch.randn(100, inner)
    weights = [torch.randn(n, width) for n in (3 * width, width, 2 * inner)]
    down = torch.randn(width, inner)

    def products() -> None:
        for weight in weights:
            torch.nn.functional.linear(x, weight)
        torch.nn.functional.linear(hidden, down)

    return best_seconds(products) * config.step_cnt * config.infer_segment_cnt


def growth() -> dict[str, dict[str, float]]:
    """Seconds a board of one evaluation segment, against board size and against width."""
    demo = CASES["demo"].model
    found: dict[str, dict[str, float]] = {"board_size": {}, "d_model": {}}
    for size in (10, 14, 20, 28):
        found["board_size"][str(size)] = _one_segment(HRM(demo, size), size)
    for width in (64, 128, 256, 512):
        model = HRM(demo.model_copy(update={"d_model": width}), 10)
        found["d_model"][str(width)] = _one_segment(model, 10)
    return found


def _one_segment(model: HRM, size: int) -> float:
    boards = max(1, 1600 // size**2)
    puzzles = generate(registry.default_task(size), boards, 0)
    inputs, shape = Inputs(to_tokens(puzzles, torch.device("cpu"))), (size, size)
    model.eval()
    with torch.inference_mode():
        return best_seconds(lambda: model(model.initial_state(boards, shape), inputs)) / boards


def exponent(times: dict[str, float]) -> float:
    """The power of the axis with which time grows, from its ends."""
    axis = [float(key) for key in times]
    seconds = list(times.values())
    return math.log(seconds[-1] / seconds[0]) / math.log(axis[-1] / axis[0])


def show(results: dict[str, Any]) -> None:
    """Print everything as tables."""
    table = Table(title=results["machine"], title_justify="left")
    titles = ("case", "mode", "dropout", "batch", "ms/board", "GFLOP/s", "peak", "of peak",
              "attention", "× textbook", "in bf16", "MB", "textbook MB")  # fmt: skip
    for title in titles:
        table.add_column(title, justify="left" if title in ("case", "mode") else "right")
    for row in results["segments"]:
        table.add_row(
            row["case"], row["mode"], f"{row['sdpa_dropout']}", f"{row['batch']}",
            f"{row['ms_per_board']:.1f}", f"{row['gflops']:.0f}", f"{row['peak_gflops']:.0f}",
            f"{row['of_peak']:.0%}", f"{row['attention_share']:.0%}",
            f"{row['textbook_ratio']:.2f}",
            f"{row['bf16_ratio']:.2f}" if row["bf16_ratio"] else "", f"{row['memory_mb']:.0f}",
            f"{row['textbook_memory_mb']:.0f}",
        )  # fmt: skip
    console.print(table)
    for title in ("solving", "startup"):
        table = Table(title=title, title_justify="left", show_header=False)
        for name, value in results[title].items():
            table.add_row(name, f"{value:,.3f}" if value < 10 else f"{value:,.0f}")
        console.print(table)
    for axis, times in results["growth"].items():
        steps = ", ".join(f"{key}: {1000 * value:.2f} ms" for key, value in times.items())
        console.print(f"a board against {axis}: {steps}; exponent {exponent(times):.2f}")
    console.print(
        f"20×20, batch 64, training: {results['memory_mb_20x20_batch_64']:.0f} MB at peak"
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="How fast everything is, as ratios.")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    results = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch"
        f" {torch.__version__}, fp32",
        "startup": startup.measure(),
        "solving": solving(),
        "growth": growth(),
        "segments": segments(),
        "memory_mb_20x20_batch_64": largest_memory(),
    }
    show(results)
    write_atomic(arguments.out, json.dumps(results, indent=2) + "\n")
    console.print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
