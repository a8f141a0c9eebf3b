"""Verdicts that allow for the number of hypotheses: paired t-tests over seeds, by Holm's method."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hrm.study.findings import Finding
from hrm.study.schema import Expectation
from hrm.study.statistics import FEWEST_SEEDS, Interval, Verdict, judge

LEVEL = 0.05
"""The probability that one or more of the study's decided verdicts is decided by chance."""
_SMALLEST = 1e-12
"""Used instead of a standard error of 0."""


@dataclass(frozen=True)
class Corrected:
    """A verdict after the correction."""

    p: float
    """The p-value of the verdict alone."""
    adjusted: float
    """The p-value among all verdicts."""
    verdict: Verdict
    """The same as without correction, or undecided."""


def p_value(interval: Interval, expect: Expectation, margin: float) -> float:
    """The p-value of a verdict, as a paired t-test: below 0.05 where `judge` decides.

    The verdict asks whether a 95 % interval lies on one side of a limit, or between two. Each is a
    one-sided test at 2.5 %, so p is twice its tail. For an undecided claim, p is the smaller one of
    its two possible verdicts.

    Args:
        interval: of the differences a − b, from three seeds or more.
        expect: as in `judge`.
        margin: as in `judge`.
    """
    from scipy.stats import t

    degrees = interval.count - 1
    error = max(interval.half / float(t.ppf(0.975, degrees)), _SMALLEST)
    middle = -interval.mean if expect == "lower" else interval.mean

    def clear(distance: float) -> float:
        """The p-value of a mean that lies that far on the right side of a limit."""
        return min(1.0, 2 * float(t.sf(distance / error, degrees)))

    below_margin, above_zero = clear(margin - middle), clear(middle)
    supported, refuted = {
        "higher": (above_zero, below_margin),
        "lower": (above_zero, below_margin),
        "equal": (max(below_margin, clear(middle + margin)), min(above_zero, clear(-middle))),
        "not_higher": (below_margin, above_zero),
    }[expect]
    return supported if supported < LEVEL else min(supported, refuted)


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted p-values, by Holm's method.

    If claims are accepted whose adjusted p-value is below a level, the probability that one or more
    of them is wrong is at most that level. The smallest p-value is multiplied by the number of
    values, the next one by one less, and so on. No adjusted value is less than one before it.
    """
    adjusted = [1.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def corrected(findings: Sequence[Finding], margin: float) -> Mapping[str, Corrected]:
    """The corrected verdicts by the name of the hypothesis, all of them as one family.

    Hypotheses with fewer than three seeds are left out.

    Args:
        findings: of a study, exploratory ones included.
        margin: the study's.
    """
    tested = {}
    for finding in findings:
        interval, expect = finding.difference, finding.hypothesis.expect
        if interval and expect and interval.count >= FEWEST_SEEDS and not math.isnan(interval.low):
            tested[finding.hypothesis.name] = (
                p_value(interval, expect, margin),
                judge(interval, expect, margin),
            )
    adjusted = holm([p for p, _ in tested.values()])
    return {
        name: Corrected(p, among_all, verdict if among_all < LEVEL else "undecided")
        for (name, (p, verdict)), among_all in zip(tested.items(), adjusted, strict=True)
    }
