"""Paired t-tests and Holm's method, against worked examples and the verdicts themselves."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_study_statistics import result_of, short_study

from hrm.study.correction import corrected, holm, p_value
from hrm.study.definition import load_study
from hrm.study.findings import Finished, judge_all
from hrm.study.schema import Expectation
from hrm.study.statistics import judge, t_interval
from hrm.study.tables import verdict_table

MARGIN = 0.05


def test_p_of_three_seeds_worked_by_hand():
    # Mean 0.2, standard error 0.1 / √3, so t = 2 √3. With two degrees of freedom the two tails
    # beyond t hold 1 − t / √(2 + t²), which is 1 − 2 √3 / √14 = 0.0742.
    interval = t_interval([0.1, 0.2, 0.3])
    assert p_value(interval, "higher", MARGIN) == pytest.approx(1 - 2 * math.sqrt(3 / 14))
    # Against a margin of 0.5 the distance is 0.3, t = 3 √3, and 1 − 3 √3 / √29 = 0.0351.
    assert p_value(interval, "not_higher", 0.5) == pytest.approx(1 - 3 * math.sqrt(3 / 29))
    # Within ±0.5 it has to keep clear of both ends, and the nearer one decides.
    assert p_value(interval, "equal", 0.5) == pytest.approx(1 - 3 * math.sqrt(3 / 29))


def test_holm_s_method_worked_by_hand():
    # In order 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


@given(
    st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=8),
    st.sampled_from(get_args(Expectation)),
)
def test_p_is_below_a_twentieth_where_the_verdict_is_decided(values, expect):
    interval = t_interval(values)
    p = p_value(interval, expect, MARGIN)
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (judge(interval, expect, MARGIN) != "undecided")


def test_a_verdict_that_the_number_of_hypotheses_explains_is_undecided(tmp_path):
    short_study(tmp_path, 4)
    three_more = "".join(f"  {n}: {{claim: c, compare: more, expect: equal}}\n" for n in (3, 4, 5))
    with open(tmp_path / "s.yaml", "a") as file:
        file.write(three_more)
    study = load_study(tmp_path / "s.yaml")
    # Mean 0.06, standard error 0.04 / √5, so t = 3.354; p = 0.0285 by a table of 4 degrees.
    differences = [0.02, 0.06, 0.10, 0.02, 0.10]
    results = {
        f"{row}-seed{seed}": result_of(row, seed, 0.3 + more if row == "a" else 0.3, 0.0)
        for row in "ab"
        for seed, more in enumerate(differences)
    }
    findings = judge_all(study, Finished(results))
    left = corrected(findings, study.margin)
    assert left.keys() == {"1", "3", "4", "5"}  # and not the one about robustness
    assert findings[0].verdict == "supported" and left["1"].p == pytest.approx(0.0285, abs=1e-4)
    assert left["1"].verdict == "undecided"
    table = verdict_table(study, findings)
    assert dict(zip(table.header, table.rows[0], strict=True))["Holm"] == "undecided: p = 0.114"
    assert "all 4 that are tested" in table.note
    few = {name: result for name, result in results.items() if result["seed"] < 2}
    assert not corrected(judge_all(study, Finished(few)), study.margin)
