"""What a number of seeds can decide, by the spread between the seeds that are there."""

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
"""Of the distribution of a spread, each of the same probability: shares are then within 0.001 of
those of a hundred times as many."""
_PLAUSIBLE = 100
"""True spreads that are averaged over."""
_SMALLEST = 1e-9
"""In place of no spread at all."""


@dataclass(frozen=True)
class Power:
    """What to expect of a hypothesis; shares are of studies, all with the same number of seeds."""

    seeds: int
    """That are there."""
    found: float
    """Their mean difference."""
    spread: float
    """Their standard deviation."""
    half: float
    """Expected half-width of the 95 % interval."""
    if_none: float
    """Decided, if the true difference is 0."""
    if_margin: float
    """Decided, if it is the margin, on the side where the claim has it or denies it."""
    if_found: float
    """Decided, if it is the one found."""
    if_found_unsure: float
    """The same, averaged over what the true spread may be, as so few seeds tell it."""


def expected_half(spread: float, seeds: int) -> float:
    """The half-width to expect of a 95 % t-interval.

    Args:
        spread: the true standard deviation over seeds.
        seeds: of the study; two at least.
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
    """How many studies support a claim, and how many find it not supported; the rest is undecided.

    The mean over seeds is normal, its estimated spread is that of a chi distribution, and the two
    are independent; their ratio is Student's noncentral t. A verdict may need both ends of the
    interval, so the spread is taken in slices and the mean is exact in each.

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
        """The probability of a mean below a limit, slice by slice."""
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
    """Spreads that so many seeds show of a true one of 1, each of the same probability."""
    from scipy.stats import chi2

    middles = (np.arange(count) + 0.5) / count
    return np.sqrt(chi2.ppf(middles, seeds - 1) / (seeds - 1))


def power(hypothesis: Hypothesis, values: Sequence[float], seeds: int, margin: float) -> Power:
    """What to expect of a hypothesis.

    Args:
        hypothesis: with a comparison.
        values: its differences so far, one a seed; two at least.
        seeds: of the study that is planned; two at least.
        margin: the study's.
    """
    expect = hypothesis.expect
    assert expect
    found, spread = mean(values), stdev(values)

    def decided(difference: float, spread: float) -> float:
        return sum(verdict_shares(difference, spread, seeds, expect, margin))

    # The found spread over the true one is distributed alike for every true one; so is its inverse.
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
    """By the name of each hypothesis that is tested, or None where there are fewer than two seeds.

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
    """Print what the study's number of seeds can decide; nothing where no spread is known yet.

    Args:
        study: that is planned.
        results: those that are there, by run name.
    """
    console = Console(markup=False, highlight=False)
    finished = Finished(results)
    if not finished.rows or not study.hypotheses or len(study.seeds) < 2:
        return
    if find_spec("scipy") is None:
        console.print("What so many seeds can decide needs SciPy: pip install 'hrm-lab[study]'")
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
        f"What {len(study.seeds)} seeds can decide, by the spread between the {min(there)} or more"
        " that there are: the half-width of the 95 % interval to expect, and in what share of"
        f" studies a true difference of 0, of the margin {margin} and of the size found is decided."
        " Unsure: of the size found, averaged over what the true spread may be.",
        table,
        sep="\n",
    )


def _cells(power: Power | None) -> list[str]:
    if power is None:
        return [NONE] * 7
    shares = (power.if_none, power.if_margin, power.if_found, power.if_found_unsure)
    figures = [number(power.found, signed=True), number(power.spread), number(power.half)]
    return [*figures, *(f"{100 * share:.0f} %" for share in shares)]
