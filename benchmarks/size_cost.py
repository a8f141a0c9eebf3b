"""What a segment of thought costs on boards of several sizes, and how fast that grows.

    python benchmarks/size_cost.py boardpath-20x20 runs/any-size --sizes 20 40 64 96 128

Each row of the table is a model: the milliseconds of one segment about one board, on one thread,
and the exponent. Time grows with the number of cells to that power (a line through the logarithms,
by least squares): 1 where each cell costs the same on any board; 2 where each looks at all others.
"""

import argparse
import math
from time import perf_counter

import numpy as np
import torch

import hrm
from hrm.cli import errors_as_exit_codes
from hrm.inference.models import task_of, thinking_mode
from hrm.models.network import Network
from hrm.models.segment import Inputs

SIZES = (20, 40, 64, 96, 128)
SECONDS = 1.0
"""For so long a measurement is repeated. The shortest time counts."""


def seconds_a_segment(model: Network, size: int) -> float:
    """The time of one segment about one board of `size`×`size`."""
    model = model.on(task_of(model).of_shape((size, size)).grid)
    inputs = Inputs(torch.ones((1, size, size), dtype=torch.long))
    least, begun = math.inf, perf_counter()
    with thinking_mode(model):
        while least == math.inf or perf_counter() - begun < SECONDS:
            before = perf_counter()
            model(model.initial_state(1, (size, size)), inputs)
            least = min(least, perf_counter() - before)
    return least


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """The power of the number of cells with which time grows."""
    slope, _ = np.polyfit(np.log(np.square(sizes)), np.log(seconds), 1)
    return float(slope)


def row(name: str, sizes: list[int]) -> str:
    """The Markdown row of a model."""
    model = hrm.from_pretrained(name)
    seconds = [seconds_a_segment(model, size) for size in sizes]
    cells = [f"`{name}`", *(f"{1000 * one:.3g}" for one in seconds)]
    return f"| {' | '.join(cells)} | {exponent(sizes, seconds):.2f} |"


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description="The cost of a segment by size of the board.")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N")
    given = parser.parse_args()
    with errors_as_exit_codes():
        torch.set_num_threads(1)
        titles = ["ms a segment", *(f"{size}×{size}" for size in given.sizes), "exponent"]
        print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
        for name in given.models:
            print(row(name, given.sizes), flush=True)


if __name__ == "__main__":
    main()
