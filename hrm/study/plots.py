"""The plots of a report. Colours are told apart also by the colour-blind (Okabe and Ito)."""

import math
from collections.abc import Callable

import numpy as np

from hrm.rendering.screenless import import_matplotlib
from hrm.study import labels
from hrm.study.definition import Row, Study
from hrm.study.findings import Finding, Finished
from hrm.study.schema import MEASURES
from hrm.study.statistics import Interval

import_matplotlib()
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: E402

BLUE, RED, GREEN, PINK, ORANGE, SKY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
)  # fmt: skip
_COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY)
MARKERS = "osD^vP"
GREY = "#666666"
VERDICT_COLOURS = {"supported": GREEN, "not supported": RED, "undecided": GREY}

Plot = Callable[[Study, Finished, list[Finding]], Figure]


def training_curves(study: Study, finished: Finished, findings: list[Finding]) -> Figure:
    """Board acc, acc4x and solved against epoch, a panel a row: seeds thin, their mean bold."""
    rows = _rows(study, finished)
    figure, panels = _grid(len(rows), columns=4, height=2.1)
    for row, panel in zip(rows, panels, strict=True):
        by_seed = finished.rows[row.name]
        # Solved lies just above board acc, so it is drawn broad and pale beneath.
        for key, colour, label, width, alpha in (
            ("solved", GREEN, "solved", 4.0, 0.35),
            ("board_acc", BLUE, "board acc", 1.6, 1.0),
            ("board_acc_4x", RED, "acc4x", 1.6, 1.0),
        ):
            curves = [[epoch[key] for epoch in r["epochs"]] for r in by_seed.values()]
            _seeds_and_mean(panel, curves, colour, label, width, alpha)
        panel.set_title(row.name, fontsize=9)
    _name_axes(figure, panels, "epoch", "share of validation boards")
    draw_legend(figure, panels[0])
    return figure


def refinement(study: Study, finished: Finished, findings: list[Finding]) -> Figure:
    """Test board acc and solved against inference segments, a panel a row."""
    rows = _rows(study, finished)
    figure, panels = _grid(len(rows), columns=4, height=2.1)
    for row, panel in zip(rows, panels, strict=True):
        results = finished.rows[row.name].values()
        for key, colour, label in (("solved", GREEN, "solved"), ("board_acc", BLUE, "board acc")):
            _seeds_and_mean(panel, [r["test"][key] for r in results], colour, label)
        trained = row.config.train.train_segment_cnt
        panel.axvline(trained, color=GREY, linewidth=0.8, linestyle=":", label="as trained")
        panel.set_title(row.name, fontsize=9)
        panel.set_xscale("log", base=2)
        panel.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    _name_axes(figure, panels, "inference segments", "share of test boards")
    draw_legend(figure, panels[0])
    return figure


def operations(study: Study, finished: Finished, findings: list[Finding]) -> Figure:
    """Board acc and solved at the best epoch against the operations of the training."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    first, second = [*study.axes, "", ""][:2]
    colours, markers = (_styles(study, a, s) for a, s in ((first, _COLOURS), (second, MARKERS)))
    for panel, measure in zip(panels, ("board_acc", "solved"), strict=True):
        points = []
        for row in _rows(study, finished):
            cost, found = _operations(finished, row) / 1e12, finished.figure(row.name, measure)
            colour = colours.get(row.values.get(first, ""), GREY)
            marker = markers.get(row.values.get(second, ""), "o")
            if not math.isnan(found.low):
                span = [found.low, found.high]
                panel.plot([cost, cost], span, color=colour, linewidth=0.8, alpha=0.6)
            panel.plot(cost, found.mean, marker, color=colour, markersize=6.5, zorder=5,
                       fillstyle="none" if row.control else "full")  # fmt: skip
            points.append((row.name, cost, found.mean))
        _operations_axis(panel, [cost for _, cost, _ in points])
        panel.set_ylim(0, 1)
        panel.set_ylabel(f"{MEASURES[measure]}, best epoch")
        dress(panel)
        _label_points(figure, panel, points)
    for value, colour in colours.items():
        panels[0].plot([], [], "o", color=colour, label=value)
    for value, marker in markers.items():
        panels[0].plot([], [], marker, color=GREY, label=f"{second} {value}")
    if any(row.control for row in study.rows):
        panels[0].plot([], [], "o", color=GREY, fillstyle="none", label="control")
    draw_legend(figure, panels[0])
    return figure


def differences(study: Study, finished: Finished, findings: list[Finding]) -> Figure:
    """The difference that each hypothesis rests on, its pairs, and the margin."""
    shown = [(finding, finding.difference) for finding in findings if finding.difference]
    lines = sum(len(finding.pairs) + 1.6 for finding, _ in shown)
    figure = Figure(figsize=(8.4, 0.24 * lines + 1), layout="constrained")
    panel = figure.subplots()
    panel.axvspan(-study.margin, study.margin, color="#eeeeee", zorder=0)
    panel.axvline(0, color=GREY, linewidth=0.8)
    place, ticks, names = 0.0, [], []
    for finding, pooled in shown:
        hypothesis, colour = finding.hypothesis, VERDICT_COLOURS[finding.verdict]
        hollow = hypothesis.exploratory
        draw_interval(panel, place, pooled, colour, bold=True, hollow=hollow)
        ticks.append(place)
        names.append(f"{hypothesis.name} ({MEASURES[hypothesis.measure]})")
        verdict = f"{finding.verdict}{' (exploratory)' if hollow else ''}"
        panel.annotate(verdict, (1.01, place), xycoords=("axes fraction", "data"),
                       color=colour, fontsize=8, va="center")  # fmt: skip
        for pair, interval in finding.pairs.items():
            place += 1
            draw_interval(panel, place, interval, colour, bold=False)
            ticks.append(place)
            names.append(" − ".join(pair))
        place += 1.6
    panel.set_yticks(ticks, names, fontsize=7.5)
    bold = {f"{f.hypothesis.name} ({MEASURES[f.hypothesis.measure]})" for f, _ in shown}
    for label in panel.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in bold else "normal")
    panel.set_ylim(place - 0.6, -1)
    panel.set_xlabel(f"a − b, mean and 95 % interval over seeds; shaded: ±{study.margin:g}")
    dress(panel)
    panel.grid(axis="y", visible=False)
    return figure


PLOTS: dict[str, tuple[str, str, Plot]] = {
    "differences": ("What each verdict rests on", "Verdicts", differences),
    "operations": ("Accuracy against training operations", "All rows", operations),
    "training-curves": ("Training curves", "All rows", training_curves),
    "refinement": (
        "Refinement: accuracy against inference segments",
        "Test set and other epochs",
        refinement,
    ),
}
"""File name, heading, the table that it goes with, and function of each plot."""


def _seeds_and_mean(
    panel: Axes,
    curves: list[list[float]],
    colour: str,
    label: str,
    width: float = 1.6,
    alpha: float = 1.0,
) -> None:
    """A thin curve a seed and their mean, counted from 1."""
    places = range(1, len(curves[0]) + 1)
    for curve in curves:
        panel.plot(places, curve, color=colour, alpha=0.3 * alpha, linewidth=0.7)
    mean = np.mean(curves, axis=0)
    panel.plot(places, mean, color=colour, linewidth=width, alpha=alpha, label=label)


def _rows(study: Study, finished: Finished) -> list[Row]:
    return [row for row in study.rows if row.name in finished.rows]


def _operations(finished: Finished, row: Row) -> float:
    return next(iter(finished.rows[row.name].values()))["operations"]["training"]


def _styles(study: Study, axis: str, styles) -> dict[str, str]:
    values = dict.fromkeys(row.values[axis] for row in study.rows if axis in row.values)
    return {value: styles[i % len(styles)] for i, value in enumerate(values)}


def draw_interval(
    panel: Axes,
    place: float,
    interval: Interval,
    colour: str,
    bold: bool,
    hollow: bool = False,
    marker: str = "",
) -> None:
    """A mean with its interval, as a line at a height of the panel."""
    if math.isnan(interval.mean):
        return
    if not math.isnan(interval.low):
        span = [interval.low, interval.high]
        panel.plot(span, [place, place], color=colour, linewidth=2.2 if bold else 1)
    default, size = ("D", 6) if bold else ("o", 3.5)
    panel.plot(interval.mean, place, marker or default, color=colour, markersize=size,
               markerfacecolor="white" if hollow else colour)  # fmt: skip


def _label_points(figure: Figure, panel: Axes, points: list[tuple[str, float, float]]) -> None:
    """Names beside points; see `labels`."""
    figure.draw_without_rendering()  # settles where data is on the page
    on_page = [panel.transData.transform((x, y)) * 72 / figure.dpi for _, x, y in points]
    named = [labels.Point(name, *at) for (name, _, _), at in zip(points, on_page, strict=True)]
    for point, (name, x, y), height in zip(named, points, labels.heights(named), strict=True):
        line = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.5, "relpos": (0, 0.5)}
        panel.annotate(
            name,
            (x, y),
            xytext=(labels.GAP, height - point.y),
            textcoords="offset points",
            va="center",
            fontsize=labels.SIZE,
            arrowprops=line if abs(height - point.y) > labels.GAP else None,
            bbox={"boxstyle": "square,pad=0.05", "color": "white", "alpha": 0.75, "linewidth": 0},
        )


def _operations_axis(panel: Axes, costs: list[float]) -> None:
    """Logarithmic, with round numbers, and room for the names beside the points."""
    low, high = math.log10(min(costs)), math.log10(max(costs))
    width = max(high - low, 0.3)
    panel.set_xscale("log")
    panel.set_xlim(10 ** (low - 0.1 * width), 10 ** (high + 0.45 * width))
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("operations of the training (TFLOP)")


def _grid(count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    columns = min(columns, count)
    lines = -(-count // columns)
    size = (max(2.3 * columns, 4), height * lines + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flatten()
    for panel in panels[count:]:
        panel.remove()
    for panel in panels[:count]:
        panel.set_ylim(0, 1)
        panel.tick_params(labelsize=7)
        dress(panel)
    return figure, list(panels[:count])


def dress(panel: Axes) -> None:
    """The look of all panels: a pale grid, and no frame on the right and above."""
    panel.grid(color="#e6e6e6", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _name_axes(figure: Figure, panels: list[Axes], x: str, y: str) -> None:
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def draw_legend(figure: Figure, panel: Axes) -> None:
    """What is named in a panel, above the figure."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False,
                  fontsize=8)  # fmt: skip
