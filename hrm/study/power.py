"""What a number of seeds can decide, estimated from the spread between the seeds so far."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import mean, stdev

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hrm.study.definition import Hypothesis, Study
from hrm.study.findings import Finished
from hrm.study.results import Result
from hrm.study.schema import Expectation
from hrm.study.statistics import FEWEST_SEEDS
from hrm.study.tables import NONE, number

_SLICES = 1_000
"""Equally likely parts of the distribution of a spread. With so many, shares are within 0.001 of
those with a hundred times as many."""
_PLAUSIBLE = 100
"""Number of possible true spreads to average over."""
_SMALLEST = 1e-9
"""Used instead of a spread of 0."""


@dataclass(frozen=True)
class Power:
    """What to expect for a hypothesis.

    The last four are shares of imagined studies with the planned number of seeds: those that decide
    the hypothesis, either way.
    """

    seeds: int
    """Number of seeds so far."""
    found: float
    """Their mean difference."""
    spread: float
    """Their standard deviation."""
    half: float
    """Expected half-width of the 95 % interval."""
    if_none: float
    """If the true difference is 0."""
    if_margin: float
    """If the true difference is the margin, with the sign that matters for the claim."""
    if_found: float
    """If the true difference is the one found so far."""
    if_found_unsure: float
    """The same, averaged over what the true spread may be: few seeds do not tell it exactly."""


def expected_half(spread: float, seeds: int) -> float:
    """The half-width to expect of a 95 % t-interval.

    Args:
        spread: the true standard deviation over seeds.
        seeds: of the study; two or more.
    """
    from scipy.stats import t

    # A standard deviation over few seeds is on average too small by this factor.
    shrink = math.sqrt(2 / (seeds - 1)) * math.exp(
        math.lgamma(seeds / 2) - math.lgamma((seeds - 1) / 2)
    )
    return float(t.ppf(0.975, seeds - 1)) * spread * shrink / math.sqrt(seeds)


def verdict_shares(
    difference: float, spread: float, seeds: int, expect: Expectation, margin: float
) -> tuple[float, float]:
    """The share of studies that support a claim, and the share that find it not supported.

    All other studies leave it undecided. The mean over seeds is normal, its estimated spread has a
    chi distribution, and the two are independent; their ratio is Student's noncentral t. A verdict
    may need both ends of the interval. So the spread is divided into slices, and for each slice the
    probability is computed exactly.

    Args:
        difference: the true one.
        spread: the true standard deviation over seeds.
        seeds: of each study.
        expect: as in `statistics.judge`.
        margin: the same.
    """
    if seeds < FEWEST_SEEDS:
        return 0.0, 0.0
    from scipy.stats import norm, t

    if expect == "lower":
        difference = -difference
    error = max(spread, _SMALLEST) / math.sqrt(seeds)
    half = t.ppf(0.975, seeds - 1) * error * _found_spreads(seeds, _SLICES)

    def below(limit: np.ndarray) -> np.ndarray:
        """The probability that the mean is below a limit, for each slice."""
        return norm.cdf((limit - difference) / error)

    inside, outside = margin - half, np.maximum(half, margin - half)
    supported, refuted = {
        "higher": (1 - below(half), below(np.minimum(half, inside))),
        "lower": (1 - below(half), below(np.minimum(half, inside))),
        "equal": (np.maximum(below(inside) - below(-inside), 0),
                  1 - below(outside) + below(-outside)),
        "not_higher": (below(inside), 1 - below(outside)),
    }[expect]  # fmt: skip
    return float(supported.mean()), float(refuted.mean())


@functools.cache
def _found_spreads(seeds: int, count: int) -> np.ndarray:
    """Equally likely spreads between `seeds` seeds, if the true spread is 1."""
    from scipy.stats import chi2

    middles = (np.arange(count) + 0.5) / count
    return np.sqrt(chi2.ppf(middles, seeds - 1) / (seeds - 1))


def power(hypothesis: Hypothesis, values: Sequence[float], seeds: int, margin: float) -> Power:
    """What to expect for a hypothesis.

    Args:
        hypothesis: with a comparison.
        values: its differences so far, one a seed; two or more.
        seeds: of the study that is planned; two or more.
        margin: the study's.
    """
    expect = hypothesis.expect
    assert expect
    found, spread = mean(values), stdev(values)

    def decided(difference: float, spread: float) -> float:
        return sum(verdict_shares(difference, spread, seeds, expect, margin))

    # The ratio of found to true spread has the same distribution for every true spread. So does its
    # inverse, which gives the true spreads that are possible with the found one.
    plausible = spread / _found_spreads(len(values), _PLAUSIBLE)
    return Power(
        seeds=len(values),
        found=found,
        spread=spread,
        half=expected_half(spread, seeds),
        if_none=decided(0.0, spread),
        if_margin=decided(-margin if expect == "lower" else margin, spread),
        if_found=decided(found, spread),
        if_found_unsure=mean(decided(found, true_spread) for true_spread in plausible),
    )


def powers(study: Study, finished: Finished) -> dict[str, Power | None]:
    """What to expect, by the name of the hypothesis; None where there are fewer than two seeds.

    Args:
        study: that is planned, with its number of seeds.
        finished: the results so far.
    """
    expected: dict[str, Power | None] = {}
    for hypothesis in study.hypotheses:
        if hypothesis.expect:
            values = finished.differences(hypothesis.pairs, hypothesis.measure)
            known = len(values) > 1
            expected[hypothesis.name] = (
                power(hypothesis, values, len(study.seeds), study.margin) if known else None
            )
    return expected


def show_power(study: Study, results: dict[str, Result]) -> None:
    """Print what the study's number of seeds can decide; nothing if no spread is known yet.

    Args:
        study: that is planned.
        results: the results so far, by run name.
    """
    console = Console(markup=False, highlight=False)
    finished = Finished(results)
    if not finished.rows or not study.hypotheses or len(study.seeds) < 2:
        return
    if find_spec("scipy") is None:
        console.print(
            "What a number of seeds can decide is computed with SciPy, which is not installed; in"
            " your clone: pip install -e '.[study]'"
        )
        return
    expected = powers(study, finished)
    there = [found.seeds for found in expected.values() if found]
    if not there:
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("hypothesis")
    margin = f"{study.margin:g}"
    for title in ("found", "spread", "half-width", "0", margin, "found", "unsure"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, found in expected.items():
        table.add_row(name, *_cells(found))
    console.print(
        f"What {len(study.seeds)} seeds can decide, estimated from the spread between {min(there)}"
        " or more seeds so far: the expected half-width of the 95 % interval, and the share of"
        f" studies that decide a true difference of 0, of the margin {margin}, and of the size"
        " found. Unsure: the same for the size found, averaged over what the true spread may be.",
        table,
        sep="\n",
    )


def _cells(power: Power | None) -> list[str]:
    if power is None:
        return [NONE] * 7
    shares = (power.if_none, power.if_margin, power.if_found, power.if_found_unsure)
    figures = [number(power.found, signed=True), number(power.spread), number(power.half)]
    return [*figures, *(f"{100 * share:.0f} %" for share in shares)]
