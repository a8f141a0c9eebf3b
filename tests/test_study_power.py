"""What a number of seeds can decide, against studies that are simulated."""

import math
from typing import get_args

import numpy as np
import pytest
from scipy.stats import nct
from test_study_statistics import result_of, short_study

from hrm.study.definition import Hypothesis
from hrm.study.findings import Finished
from hrm.study.power import expected_half, power, powers, show_power, verdict_shares
from hrm.study.schema import Expectation
from hrm.study.statistics import Interval, judge

MARGIN = 0.05
# Of Student's t at 97.5 %, from a table, by the number of seeds.
CRITICAL = {3: 4.302653, 5: 2.776445, 8: 2.364624}
STUDY_CNT = 20_000


def simulated(difference: float, spread: float, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and half-widths of many studies."""
    random = np.random.default_rng(seeds)
    values = random.normal(difference, spread, (STUDY_CNT, seeds))
    half = CRITICAL[seeds] * values.std(axis=1, ddof=1) / math.sqrt(seeds)
    return values.mean(axis=1), half


@pytest.mark.parametrize("seeds", CRITICAL)
def test_the_half_width_to_expect_is_the_mean_of_simulated_ones(seeds):
    _, halves = simulated(0.1, 0.04, seeds)
    assert expected_half(0.04, seeds) == pytest.approx(halves.mean(), rel=0.02)


@pytest.mark.parametrize("seeds", CRITICAL)
@pytest.mark.parametrize("difference", [-0.07, 0.0, 0.02, 0.05])
@pytest.mark.parametrize("spread", [0.01, 0.04, 0.15])
def test_shares_of_verdicts_are_those_of_simulated_studies(seeds, difference, spread):
    middles, halves = (part[:4000] for part in simulated(difference, spread, seeds))
    for expect in get_args(Expectation):
        verdicts = [
            judge(Interval(middle, middle - half, middle + half, seeds), expect, MARGIN)
            for middle, half in zip(middles, halves, strict=True)
        ]
        supported, refuted = verdict_shares(difference, spread, seeds, expect, MARGIN)
        # Three standard errors of a share of 4,000 studies are 0.024 at most.
        assert supported == pytest.approx(verdicts.count("supported") / 4000, abs=0.024)
        assert refuted == pytest.approx(verdicts.count("not supported") / 4000, abs=0.024)


@pytest.mark.parametrize("seeds", CRITICAL)
@pytest.mark.parametrize("effect", [0.0, 0.5, 2.0])
def test_one_end_of_the_interval_alone_is_the_noncentral_t(seeds, effect):
    supported, _ = verdict_shares(effect * 0.04, 0.04, seeds, "higher", MARGIN)
    exact = nct.sf(CRITICAL[seeds], seeds - 1, effect * math.sqrt(seeds))
    assert supported == pytest.approx(float(exact), abs=0.001)


def test_two_seeds_decide_nothing_and_no_spread_decides_all():
    assert verdict_shares(0.3, 0.01, 2, "higher", MARGIN) == (0, 0)
    assert verdict_shares(0.3, 0.0, 3, "higher", MARGIN) == (1, 0)
    assert verdict_shares(-0.3, 0.0, 3, "equal", MARGIN) == (0, 1)


def hypothesis(expect: Expectation) -> Hypothesis:
    return Hypothesis("h", "c", "board_acc", expect, (("a", "b"),), ())


def test_an_unsure_spread_is_averaged_over_what_may_have_shown_it():
    values = [0.02, 0.06, 0.04]
    found = power(hypothesis("higher"), values, seeds=8, margin=MARGIN)
    assert (found.seeds, found.found, found.spread) == (3, pytest.approx(0.04), pytest.approx(0.02))
    # True spreads that may show 0.02: those for which three draws from a normal of spread 1 show
    # 0.02 divided by it.
    shown = np.random.default_rng(0).normal(size=(400, 3)).std(axis=1, ddof=1)
    shares = [sum(verdict_shares(0.04, 0.02 / one, 8, "higher", MARGIN)) for one in shown]
    assert found.if_found_unsure == pytest.approx(np.mean(shares), abs=0.06)
    assert found.if_found_unsure < found.if_found - 0.1


def test_a_difference_of_the_margin_is_on_the_side_of_the_claim():
    values = [-0.06, -0.04, -0.05]
    below = power(hypothesis("lower"), values, seeds=8, margin=MARGIN)
    assert below.if_margin == pytest.approx(below.if_found)  # −0.05 was found
    above = power(hypothesis("higher"), [-one for one in values], seeds=8, margin=MARGIN)
    assert above.if_margin == pytest.approx(below.if_margin)


def test_spreads_are_those_of_the_results_so_far(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    study = short_study(tmp_path, 4, "seeds: 8\n")
    figures = {"a": [0.31, 0.36, 0.41], "b": [0.30, 0.30, 0.30]}
    results = {
        f"{row}-seed{seed}": result_of(row, seed, acc, 0.0)
        for row, accs in figures.items()
        for seed, acc in enumerate(accs)
    }
    found = powers(study, Finished(results))["1"]
    assert found and found.found == pytest.approx(0.06) and found.spread == pytest.approx(0.05)
    assert found.half == expected_half(found.spread, 8)
    show_power(study, results)
    printed = capsys.readouterr().out
    assert "What 8 seeds can decide" in printed and max(map(len, printed.split("\n"))) <= 80
    assert "+0.060   0.050       0.040" in printed
    assert powers(study, Finished({"a-seed0": results["a-seed0"]})) == {"1": None}
    show_power(study, {"a-seed0": results["a-seed0"]})
    assert not capsys.readouterr().out
