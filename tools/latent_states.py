"""Draw what a model's state looks like while it thinks about one puzzle.

    python tools/latent_states.py docs/how-it-thinks.png

Each cell of the puzzle has a vector in the H state. The picture shows its first three principal
components as red, green and blue, after some of the updates, above the answer that the head reads
out of the same state. One projection serves all panels, so that a colour means the same in each.

It also prints, for each of these updates, two numbers about the vectors; see `measure`. Needs
Matplotlib: pip install -e '.[study]'.
"""

import argparse
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hrm import HRM, State
from hrm.canvas import PAPER, Canvas
from hrm.cli import errors_as_exit_codes
from hrm.data.source import generate
from hrm.files import write_atomic
from hrm.inference.models import task_of, thinking_mode
from hrm.models.batch import to_cells, to_tokens
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task

UPDATES = (1, 2, 3, 6, 12, 24)
OUTERMOST = 0.01
"""The share of values at either end of a component that may be cut off: one cell far from the
others must not make them all grey."""
SIDE = 12
"""Pixels on a side of a cell in the lower panels."""


class Moment(NamedTuple):
    """The state and the answer after one update."""

    state: NDArray[np.floating]
    """``(S, D)`` the H state, a vector a cell."""
    answer: Cells
    """``(R, C)`` codes."""


def moments(model: HRM, puzzle: Cells, update_cnt: int) -> list[Moment]:
    """The moments before the first update and after each of `update_cnt` updates of H.

    Args:
        model: to look into.
        puzzle: ``(R, C)`` codes of a shape that the model works on.
        update_cnt: of the module that answers.
    """
    found: list[Moment] = []

    def add(module: str, state: State) -> None:
        if module == "H":
            cells = to_cells(model.answer(state).argmax(-1), puzzle.shape)
            found.append(Moment(state.zH[0].clone().numpy(), cells[0]))

    tokens = to_tokens(puzzle[None], torch.device("cpu"))
    with thinking_mode(model):
        state = model.initial_state(1, puzzle.shape)
        add("H", state)
        while len(found) <= update_cnt:
            state, _ = model(state, tokens, add)
    return found


def components(states: list[NDArray[np.floating]]) -> tuple[list[NDArray[np.floating]], float]:
    """The first three principal components of all states together.

    Args:
        states: ``(S, D)`` each.

    Returns:
        For each state ``(S, 3)`` values, and the share of the variance that they hold.
    """
    every = np.concatenate(states)
    centred = every - every.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    share = float((sizes[:3] ** 2).sum() / (sizes**2).sum())
    return np.split(centred @ axes[:3].T, len(states)), share


def to_colours(values: list[NDArray[np.floating]]) -> list[NDArray[np.floating]]:
    """Components as red, green and blue in [0, 1], on one scale for all states."""
    low, high = np.quantile(np.concatenate(values), [OUTERMOST, 1 - OUTERMOST], axis=0)
    return [np.clip((value - low) / (high - low), 0, 1) for value in values]


def measure(task: Task, puzzle: Cells, label: Cells, before: Moment, now: Moment) -> list[str]:
    """What the table says of one update.

    Returns:
        How far the cells' vectors moved in this update, as a share of their length; and among the
        open cells, the share of the vectors' variance that lies between the cells that the label
        changes and the others. 1 would mean that these two kinds are all that the vectors tell.
    """
    moved = np.linalg.norm(now.state - before.state, axis=1).mean()
    open_cells = task.open_cells(puzzle[None])[0].ravel()
    vectors, changed = now.state[open_cells], (label != puzzle).ravel()[open_cells]
    centred = vectors - vectors.mean(axis=0)
    kinds = (centred[changed], centred[~changed])
    between = sum(len(kind) * (kind.mean(axis=0) ** 2).sum() for kind in kinds)
    length = np.linalg.norm(now.state, axis=1).mean()
    return [f"{moved / length:.2f}", f"{between / (centred**2).sum():.2f}"]


def draw(
    task: Task, puzzle: Cells, shown: dict[int, Moment], colours: list[NDArray[np.floating]]
) -> bytes:
    """The picture as PNG: a column for each moment, its colours above its answer."""
    figure = Figure(figsize=(2.4 * len(shown), 5), layout="constrained")
    panels = figure.subplots(2, len(shown), squeeze=False)
    for column, (update, moment) in enumerate(shown.items()):
        panels[0, column].imshow(colours[column].reshape(*puzzle.shape, 3))
        panels[0, column].set_title(f"update {update}", fontsize=11)
        canvas = Canvas(puzzle.shape[1] * SIDE, puzzle.shape[0] * SIDE, PAPER)
        task.draw_answer(canvas, 0, 0, SIDE, puzzle, moment.answer)
        panels[1, column].imshow(canvas.picture())
    for panel in panels.flat:
        panel.axis("off")
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()


def main() -> None:
    """Read the arguments, draw, and print the table."""
    parser = argparse.ArgumentParser(description="Draw the state of a model while it thinks.")
    parser.add_argument("out", type=Path, help="PNG to write")
    parser.add_argument("--model", default="boardpath-20x20")
    parser.add_argument("--seed", type=int, default=7, help="of the puzzle")
    arguments = parser.parse_args()
    with errors_as_exit_codes():
        model = HRM.from_pretrained(arguments.model)
        task = task_of(model)
        puzzle = generate(task, 1, arguments.seed)[0]
        label = task.answer(puzzle[None])[0]
        found = moments(model, puzzle, max(UPDATES))
        shown = {n: found[n] for n in UPDATES}
        values, share = components([moment.state for moment in shown.values()])
        write_atomic(arguments.out, draw(task, puzzle, shown, to_colours(values)))
        print(f"the three components hold {share:.2f} of the variance")
        print("update  moved  path apart  wrong cells")
        for n in UPDATES:
            moved, apart = measure(task, puzzle, label, found[n - 1], found[n])
            wrong = int((found[n].answer != label).sum())
            print(f"{n:6}  {moved:>5}  {apart:>10}  {wrong:11}")


if __name__ == "__main__":
    main()
