"""Curves as PNG, by matplotlib: what thinking buys, and accuracy against size and difficulty.

Thin upright lines are 95 % intervals over puzzles.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hrm.files import write_atomic
from hrm.intervals import wilson
from hrm.rendering.screenless import import_matplotlib
from hrm.tasks.grid import Shape, shape_words

COLOURS = ("#374151", "#0f766e", "#1d5fd6", "#cc5500", "#c0187a", "#8a6d00", "#7c3aed", "#64748b")
MARKERS = "osD^vPX*"
FEWEST = 5
"""Puzzles of a bin of difficulties that are worth a point."""


class Outcome(Protocol):
    """What one way of thinking buys under one limit; see `inference.curve.Outcome`."""

    @property
    def way(self) -> str: ...
    @property
    def max_segments(self) -> int: ...
    @property
    def segments(self) -> float: ...
    @property
    def flops(self) -> float: ...
    @property
    def board_acc(self) -> float: ...
    @property
    def solved(self) -> float: ...


def require_matplotlib() -> None:
    """Refuse to begin long work whose picture could not be drawn.

    Raises:
        ValueError: saying how to install it.
    """
    try:
        import_matplotlib()
    except ImportError:
        raise ValueError(
            "Matplotlib is needed for pictures of curves and is not installed; in your clone:"
            " pip install -e '.[study]'"
        ) from None


def save_tradeoff(path: Path, outcomes: Sequence[Outcome], count: int, title: str) -> None:
    """Solved and board acc against the segments allowed and against the operations spent.

    Args:
        path: of the picture, PNG unless its ending says PDF or SVG.
        outcomes: of `curve.compare`.
        count: of the puzzles that they are about.
        title: such as the model and the boards.

    Raises:
        OSError: if the file cannot be written.
    """
    figure, panels = _figure(2, 2, (10.5, 9.0), title)
    columns = (
        ("max_segments", 1, "segments that an attempt may take"),
        ("flops", 1e9, "operations spent on a puzzle (GFLOP, mean)"),
    )
    for row, (share, name) in enumerate((("solved", "solved"), ("board_acc", "board acc"))):
        for column, (cost, unit, words) in enumerate(columns):
            panel = panels[row][column]
            for i, way in enumerate(dict.fromkeys(o.way for o in outcomes)):
                own = [o for o in outcomes if o.way == way]
                label = f"{way}: {own[-1].segments:.3g} segments on average, at the longest limit"
                _line(
                    panel, i,
                    [getattr(o, cost) / unit for o in own], [getattr(o, share) for o in own],
                    [count] * len(own), label if row == column == 0 else None,
                )  # fmt: skip
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
            panel.set_xlabel(words)
            panel.set_ylabel(name)
    words = "upright lines: 95 % intervals over puzzles"
    figure.legend(loc="outside lower center", ncols=1, frameon=False, title=words)
    _save(figure, path)


def save_sizes(
    path: Path,
    solved: dict[Shape, dict[int, NDArray[np.bool_]]],
    difficulties: dict[Shape, NDArray[np.int64]],
    difficulty_words: str,
    title: str,
) -> None:
    """Solved puzzles against their size, and against their difficulty.

    Args:
        path: of the picture, PNG unless its ending says PDF or SVG.
        solved: of each puzzle, by shape and segment count.
        difficulties: by shape, of each puzzle; empty: there is no such thing.
        difficulty_words: what it counts.
        title: such as the model.

    Raises:
        OSError: if the file cannot be written.
    """
    columns = 1 + bool(difficulties)
    figure, (panels,) = _figure(1, columns, (5.25 * columns, 4.6), title)
    shapes = sorted(solved)
    counts = sorted(solved[shapes[0]])
    sides = [rows for rows, _ in shapes]
    for i, count in enumerate(counts):
        shares = [float(solved[shape][count].mean()) for shape in shapes]
        numbers = [len(solved[shape][count]) for shape in shapes]
        _line(panels[0], i, sides, shares, numbers, f"{count} segment{'s' * (count > 1)}")
    panels[0].set_xlabel("rows of the grid")
    panels[0].set_xticks(sides)
    for i, shape in enumerate(difficulties):
        bins = by_difficulty(solved[shape][counts[-1]], difficulties[shape])
        _line(panels[1], i, *bins, shape_words(shape))
    for panel in panels[1:]:
        panel.set_xlabel(f"{difficulty_words} ({counts[-1]} segments)")
    for panel in panels:
        panel.set_ylabel("solved")
        panel.set_ylim(-0.03, 1.03)
        panel.legend(frameon=False)
    _save(figure, path)


def by_difficulty(
    solved: NDArray[np.bool_], difficulty: NDArray[np.int64], width: int = 8
) -> tuple[list[float], list[float], list[int]]:
    """Bins of difficulties, `width` of them each: their middles, the share of solved puzzles, and
    the number of puzzles.

    Bins of fewer than `FEWEST` puzzles are left out.
    """
    middles, shares, counts = [], [], []
    for bin in range(int(difficulty.max()) // width + 1):
        inside = (difficulty - 1) // width == bin
        if inside.sum() >= FEWEST:
            middles.append(bin * width + (width + 1) / 2)
            shares.append(float(solved[inside].mean()))
            counts.append(int(inside.sum()))
    return middles, shares, counts


def _figure(rows: int, columns: int, size: tuple[float, float], title: str) -> tuple[Any, Any]:
    # No pyplot: it would look for a screen.
    import_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title)
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _line(
    panel: Any,
    number: int,
    x: Sequence[float],
    shares: Sequence[float],
    counts: Sequence[int],
    label: str | None,
) -> None:
    """Shares, each of so many puzzles."""
    style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
    # Later ones are smaller, so that those beneath them show.
    size = max(4.5, 11 - number)
    intervals = [wilson(share, count) for share, count in zip(shares, counts, strict=True)]
    if intervals:
        panel.vlines(x, *zip(*intervals, strict=True), color=style["color"], lw=1.2, alpha=0.6)
    panel.plot(x, shares, label=label, markersize=size, linewidth=1.6, alpha=0.85, **style)


def _save(figure: Any, path: Path) -> None:
    content = BytesIO()
    figure.savefig(content, format=path.suffix.lower().lstrip(".") or "png", dpi=110)
    write_atomic(path, content.getvalue())
