"""The forest plot: the effect that each hypothesis rests on, in every study that tests it."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence

from hrm.study.comparison import Compared
from hrm.study.definition import Hypothesis
from hrm.study.findings import Finding
from hrm.study.plots import (
    GREY,
    MARKERS,
    VERDICT_COLOURS,
    Axes,
    Figure,
    draw_interval,
    draw_legend,
    dress,
)
from hrm.study.schema import MEASURES

_CLAIM = 64
"""Characters in a line of a claim."""
_LINE, _GAP = 0.17, 0.16
"""Inches of an interval, and between hypotheses."""


def forest(compared: Sequence[Compared], names: Sequence[str]) -> Figure:
    """A band for each hypothesis, in it an interval for each study that has it.

    Args:
        compared: see `comparison.compare`; hypotheses without a difference are left out.
        names: of the studies, in order; each has a marker.
    """
    bands = [(one.hypothesis, _with_difference(one.findings)) for one in compared]
    bands = [(hypothesis, found) for hypothesis, found in bands if found]
    claims = [_claim(hypothesis) for hypothesis, _ in bands]
    heights = [
        max(len(found), claim.count("\n") + 1) * _LINE + _GAP
        for (_, found), claim in zip(bands, claims, strict=True)
    ]
    figure = Figure(figsize=(9.6, sum(heights) + 1.1), layout="constrained")
    panel = figure.subplots()
    panel.axvline(0, color=GREY, linewidth=0.8)
    markers = dict(zip(names, itertools.cycle(MARKERS), strict=False))
    top, middles = 0.0, []
    for number, ((hypothesis, found), height) in enumerate(zip(bands, heights, strict=True)):
        if number % 2:
            panel.axhspan(top, top + height, color="#f4f4f4", zorder=0)
        middles.append(top + height / 2)
        _draw_band(panel, middles[-1], hypothesis, found, markers)
        top += height
    panel.set_yticks(middles, claims, fontsize=7.5)
    panel.set_ylim(top, 0)
    panel.set_xlabel("difference a − b, mean and 95 % interval over seeds; hollow: exploratory")
    dress(panel)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    for name, marker in markers.items():
        panel.plot([], [], marker, color=GREY, label=name, markersize=5)
    for verdict, colour in VERDICT_COLOURS.items():
        panel.plot([], [], "-", color=colour, label=verdict, linewidth=2)
    draw_legend(figure, panel)
    return figure


def _with_difference(found: Mapping[str, Finding]) -> dict[str, Finding]:
    return {name: f for name, f in found.items() if f.difference and f.difference.count}


def _claim(hypothesis: Hypothesis) -> str:
    words = f"{hypothesis.name}: {hypothesis.claim} ({MEASURES[hypothesis.measure]})"
    return "\n".join(textwrap.wrap(words, _CLAIM))


def _draw_band(
    panel: Axes,
    middle: float,
    hypothesis: Hypothesis,
    found: Mapping[str, Finding],
    markers: Mapping[str, str],
) -> None:
    for place, (name, finding) in enumerate(found.items()):
        assert finding.difference
        height = middle + (place - (len(found) - 1) / 2) * _LINE
        draw_interval(
            panel,
            height,
            finding.difference,
            VERDICT_COLOURS[finding.verdict],
            bold=True,
            hollow=hypothesis.exploratory,
            marker=markers[name],
        )
