"""Find out why a model fails on boards that are larger than those it learned from.

    python tools/larger_boards.py docs/larger-boards.png boardpath-20x20 runs/any-size

For each model: boards solved against segments, size by size; then, on boards of one size, what is
solved by length of the path and by density of walls, and where along the path wrong cells lie. A
network with attention is also tried with attention changed, without training: its logits scaled up
with the logarithm of the number of cells, or its sight restricted to the offsets that it saw in
training.

The same numbers are printed. Needs Matplotlib: pip install -e '.[study]'.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hrm import HRM
from hrm.cli import errors_as_exit_codes
from hrm.data.source import held_out
from hrm.files import write_atomic
from hrm.inference.models import task_of, thinking_mode
from hrm.intervals import wilson
from hrm.machine import puzzles_at_a_time
from hrm.models.batch import to_cells, to_inputs
from hrm.models.layers import SDPAttention
from hrm.rendering.plots import COLOURS
from hrm.tasks.boardpath.boards import PATH, START, WALL, shortest_lengths
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Shape
from hrm.tasks.paths import distances

BIN_CNT = 5
"""Of path lengths and densities, each with as many boards."""
PART_CNT = 10
"""Of a path from START to END."""
_SHARES = (-0.03, 1.03)
"""From none to all, with a margin."""


@dataclass(frozen=True)
class Change:
    """Of attention, at inference only."""

    learned_cells: int
    """Cells of the boards that the model has learned from."""
    scaled: bool = False
    """Logits times log(cells) / log(learned cells)."""
    window: int | None = None
    """Rows and columns further away than this are not seen."""


@dataclass(frozen=True, eq=False)
class Course:
    """What became of each board, segment by segment."""

    examples: Examples
    solved: NDArray[np.bool_]
    """``(segments, B)``."""
    wrong: NDArray[np.bool_]
    """``(B, R, C)`` cells that differ from the label in the end."""


@contextmanager
def changed_attention(model: HRM, change: Change | None) -> Iterator[None]:
    """Attend otherwise while this lasts; None: as always."""
    if change is None:
        yield
        return
    layers = [m for m in model.modules() if isinstance(m, SDPAttention)]
    for layer in layers:
        layer.forward = lambda x, layout, layer=layer: _attend(layer, x, layout.shape, change)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _attend(layer: SDPAttention, x: Tensor, shape: Shape, change: Change) -> Tensor:
    batch, cells, width = x.shape
    heads = layer.qkv(x).view(batch, cells, 3, layer.head_cnt, width // layer.head_cnt)
    queries, keys, values = heads.permute(2, 0, 3, 1, 4)
    if layer.rope is not None:
        queries, keys = layer.rope(queries, shape), layer.rope(keys, shape)
    if change.scaled:
        queries = queries * (math.log(cells) / math.log(change.learned_cells))
    mask = None if change.window is None else _near(shape, change.window)
    mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    return layer.out(mixed.transpose(1, 2).reshape(batch, cells, width))


def _near(shape: Shape, window: int) -> Tensor:
    """``(S, S)`` which cells are no more than `window` rows and columns apart."""
    rows, columns = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    apart = [(axis.flatten()[:, None] - axis.flatten()).abs() for axis in (rows, columns)]
    return torch.maximum(*apart) <= window


def follow(model: HRM, size: int, count: int, segment_cnt: int) -> Course:
    """Think about the first held-out boards of a size.

    Args:
        model: of board paths.
        size: rows and columns.
        count: of boards.
        segment_cnt: to think for.
    """
    task = task_of(model).of_shape((size, size))
    network, examples = model.on(task.grid), held_out(task, count)
    batch = puzzles_at_a_time(torch.device("cpu"), size * size)
    solved, wrong = [], []
    for start in range(0, count, batch):
        part = examples.take(slice(start, start + batch))
        inputs, rows = to_inputs(part.inputs, part.puzzle_ids, torch.device("cpu")), []
        answers = part.inputs
        with thinking_mode(network):
            state = network.initial_state(len(part), part.shape)
            for _ in range(segment_cnt):
                state, output = network(state, inputs)
                answers = to_cells(output.logits.argmax(-1), part.shape)
                rows.append(task.solves(part, answers))
        solved.append(np.stack(rows))
        wrong.append(answers != part.answers)
    return Course(examples, np.concatenate(solved, axis=1), np.concatenate(wrong))


def in_bins(
    values: NDArray[np.floating], solved: NDArray[np.bool_]
) -> tuple[list[float], list[float]]:
    """Boards sorted by a value into bins of equal numbers: the mean of each bin and its share
    solved."""
    parts = np.array_split(np.argsort(values, kind="stable"), BIN_CNT)
    return [float(values[p].mean()) for p in parts], [float(solved[p].mean()) for p in parts]


def wrong_along_path(course: Course) -> list[float]:
    """Of boards that are not solved, the share of path cells that are wrong, by the part of the way
    from START to END; NaN where there is none."""
    boards, labels = course.examples.inputs, course.examples.answers
    from_start = distances(boards != WALL, boards == START)
    part = from_start * PART_CNT // shortest_lengths(boards)[:, None, None]
    asked = (labels == PATH) & ~course.solved[-1][:, None, None]
    cells = [asked & (part == p) for p in range(PART_CNT)]
    return [float(course.wrong[some].mean()) if some.any() else math.nan for some in cells]


def draw(found: dict[str, dict[int, Course]], detail: int) -> bytes:
    """The picture as PNG.

    Args:
        found: by model and size.
        detail: the size that the lower panels are about.
    """
    columns = max(3, len(found))
    figure = Figure(figsize=(4.2 * columns, 8), layout="constrained")
    upper, lower = figure.subplots(2, columns, squeeze=False)
    for panel, (name, courses) in zip(upper, found.items(), strict=False):
        _draw_against_segments(panel, name, courses)
    _draw_details(lower, {name: courses[detail] for name, courses in found.items()})
    for panel in lower[:3]:
        panel.set_xlabel(f"{panel.get_xlabel()} ({detail}×{detail})")
    lines, labels = lower[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=len(found), frameon=False)
    for panel in [*upper[len(found) :], *lower[3:]]:
        panel.axis("off")
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()


def _draw_against_segments(panel: Axes, name: str, courses: dict[int, Course]) -> None:
    """Solved boards of each size, with 95 % intervals."""
    for (size, course), colour in zip(courses.items(), cycle(COLOURS), strict=False):
        share, count = course.solved.mean(axis=1), course.solved.shape[1]
        segments = np.arange(1, len(share) + 1)
        low, high = zip(*(wilson(float(s), count) for s in share), strict=True)
        panel.plot(segments, share, color=colour, label=f"{size}×{size}")
        panel.fill_between(segments, low, high, color=colour, alpha=0.15, linewidth=0)
    panel.set(title=name.replace(", ", ",\n"), xlabel="segments", ylabel="solved")
    panel.set_ylim(*_SHARES)
    panel.legend(frameon=False)


def _draw_details(panels: Sequence[Axes], courses: dict[str, Course]) -> None:
    """Solved boards by length of the path and density of walls, and wrong cells along the path."""
    middles = (np.arange(PART_CNT) + 0.5) / PART_CNT
    for (name, course), colour in zip(courses.items(), cycle(COLOURS), strict=False):
        boards, solved = course.examples.inputs, course.solved[-1]
        lengths = shortest_lengths(boards).astype(float)
        density = (boards == WALL).mean(axis=(1, 2))
        lines = (
            in_bins(lengths, solved),
            in_bins(density, solved),
            (middles, wrong_along_path(course)),
        )
        for panel, line in zip(panels, lines, strict=False):
            panel.plot(*line, color=colour, marker="o", label=name)
    words = ("length of the shortest path", "share of walls", "part of the way from START to END")
    for panel, label in zip(panels, words, strict=False):
        panel.set(xlabel=label, ylabel="solved", ylim=_SHARES)
    panels[2].set_ylabel("path cells that are wrong, where not solved")


def variants(model: HRM) -> dict[str, Change | None]:
    """The model as it is and, where it has attention, with attention changed; by name."""
    if not model.config.attention:
        return {"": None}
    side = model.grid.shape[0]
    return {
        "": None,
        ", attention scaled": Change(side * side, scaled=True),
        ", attention within its reach": Change(side * side, window=side - 1),
    }


def told(course: Course) -> str:
    """Shares solved after 1, 2, 4, … segments, and at any time."""
    shares = [f"{share:.2f}" for share in course.solved.mean(axis=1)]
    marks = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= len(shares)]
    after = "  ".join(f"{n}: {shares[n - 1]}" for n in marks)
    return f"{after}  at any time: {course.solved.any(axis=0).mean():.2f}"


def main() -> None:
    """Read the arguments, think, print and draw."""
    parser = argparse.ArgumentParser(description="Why larger boards fail.")
    parser.add_argument("out", type=Path, help="PNG to write")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--sizes", default="20,28,40", help="boards to think about")
    parser.add_argument("--count", type=int, default=100, help="boards of each size")
    parser.add_argument("--segments", type=int, default=16)
    given = parser.parse_args()
    with errors_as_exit_codes():
        sizes, found = [int(word) for word in given.sizes.split(",")], {}
        for name in given.models:
            model = HRM.from_pretrained(name)
            for words, change in variants(model).items():
                with changed_attention(model, change):
                    courses = {s: follow(model, s, given.count, given.segments) for s in sizes}
                found[Path(name).name + words] = courses
                for size, course in courses.items():
                    print(f"{Path(name).name}{words}, {size}×{size}: {told(course)}", flush=True)
        write_atomic(given.out, draw(found, sizes[-1]))


if __name__ == "__main__":
    main()
