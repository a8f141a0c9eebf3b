"""Curves as PNG, by matplotlib: what thinking buys, and accuracy against size and path length."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hrm.files import write_atomic
from hrm.rendering.screenless import import_matplotlib

if TYPE_CHECKING:
    from hrm.inference.evaluation import Scores
    from hrm.inference.tradeoff import Outcome

COLOURS = ("#374151", "#0f766e", "#1d5fd6", "#cc5500", "#c0187a", "#8a6d00", "#7c3aed", "#64748b")
MARKERS = "osD^vPX*"
FEWEST = 5
"""Boards of a bin of path lengths that are worth a point."""


def require_matplotlib() -> None:
    """Refuse to begin long work whose picture could not be drawn.

    Raises:
        ValueError: saying how to install it.
    """
    try:
        import_matplotlib()
    except ImportError:
        raise ValueError(
            "matplotlib draws the curves and is not installed; pip install 'hrm-lab[study]'"
        ) from None


def save_tradeoff(path: Path, outcomes: Sequence["Outcome"], title: str) -> None:
    """Solved and board acc against the segments allowed and against the operations spent.

    Args:
        path: of the picture, PNG unless its ending says PDF or SVG.
        outcomes: of `tradeoff.compare`.
        title: such as the model and the boards.

    Raises:
        OSError: if the file cannot be written.
    """
    figure, panels = _figure(2, 2, (10.5, 9.0), title)
    columns = (
        ("max_segments", 1, "segments that an attempt may take"),
        ("flops", 1e9, "operations spent on a board (GFLOP, mean)"),
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
                    label if row == column == 0 else None,
                )  # fmt: skip
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
            panel.set_xlabel(words)
            panel.set_ylabel(name)
    figure.legend(loc="outside lower center", ncols=1, frameon=False)
    _save(figure, path)


def save_sizes(
    path: Path,
    scores: dict[int, dict[int, "Scores"]],
    lengths: dict[int, NDArray[np.int32]],
    title: str,
) -> None:
    """Solved boards against their size, and against the length of their shortest path.

    Args:
        path: of the picture, PNG unless its ending says PDF or SVG.
        scores: by size and segment count.
        lengths: by size, steps from START to END of each board.
        title: such as the model.

    Raises:
        OSError: if the file cannot be written.
    """
    figure, ((by_size, by_length),) = _figure(1, 2, (10.5, 4.6), title)
    sizes = sorted(scores)
    counts = sorted(scores[sizes[0]])
    for i, count in enumerate(counts):
        shares = [float(scores[size][count].solved.mean()) for size in sizes]
        _line(by_size, i, sizes, shares, f"{count} segments")
    by_size.set_xlabel("cells on a side of the board")
    by_size.set_xticks(sizes)
    for i, size in enumerate(sizes):
        middles, shares = by_path_length(scores[size][counts[-1]].solved, lengths[size])
        _line(by_length, i, middles, shares, f"{size}×{size}")
    by_length.set_xlabel(f"steps of the shortest path ({counts[-1]} segments)")
    for panel in (by_size, by_length):
        panel.set_ylabel("solved")
        panel.set_ylim(-0.03, 1.03)
        panel.legend(frameon=False)
    _save(figure, path)


def by_path_length(
    solved: NDArray[np.bool_], lengths: NDArray[np.int32], width: int = 8
) -> tuple[list[float], list[float]]:
    """Bins of path lengths, `width` steps each: their middles, and the share of solved boards.

    Bins of fewer than `FEWEST` boards are left out.
    """
    middles, shares = [], []
    for bin in range(int(lengths.max()) // width + 1):
        inside = (lengths - 1) // width == bin
        if inside.sum() >= FEWEST:
            middles.append(bin * width + (width + 1) / 2)
            shares.append(float(solved[inside].mean()))
    return middles, shares


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


def _line(panel: Any, number: int, x: Sequence[float], y: Sequence[float], label: str | None):
    style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
    # Later ones are smaller, so that those beneath them show.
    size = max(4.5, 11 - number)
    panel.plot(x, y, label=label, markersize=size, linewidth=1.6, alpha=0.85, **style)


def _save(figure: Any, path: Path) -> None:
    content = BytesIO()
    figure.savefig(content, format=path.suffix.lower().lstrip(".") or "png", dpi=110)
    write_atomic(path, content.getvalue())
