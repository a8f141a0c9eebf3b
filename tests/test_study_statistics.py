"""The statistics of a study, against textbook figures and slow versions of themselves."""

import math
from pathlib import Path

import numpy as np
import pytest

from hrm.study.definition import load_study
from hrm.study.findings import Finished, aggregates, judge_all
from hrm.study.plots import differences
from hrm.study.schema import MEASURES
from hrm.study.statistics import (
    EPOCHS,
    Interval,
    agree,
    board_interval,
    judge,
    measured,
    same_epochs,
    summarise,
    t_interval,
)
from hrm.study.tables import aggregate_tables, other_verdict_table, pair_table, verdict_table

PAPER = load_study(Path(__file__).parent.parent / "studies/paper.yaml")


def epochs_of(*board_accs: float) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch, "board_acc": acc, "board_acc_4x": acc + epoch / 100,
            "solved": acc + 0.01, "solved_4x": acc + 0.02,
        }
        for epoch, acc in enumerate(board_accs, start=1)
    ]  # fmt: skip


def test_best_is_the_first_epoch_of_the_highest_board_acc():
    best = summarise(epochs_of(0.1, 0.5, 0.3, 0.5))["best"]
    assert best["epoch"] == 2 and best["board_acc"] == 0.5
    assert best["acc4x"] == pytest.approx(0.52) and best["gap"] == pytest.approx(0.02)
    assert best["solved"] == pytest.approx(0.51) and best["solved4x"] == pytest.approx(0.52)


def test_top_three_and_last_five_are_means_over_those_epochs():
    summary = summarise(epochs_of(0.9, 0.1, 0.4, 0.5, 0.4, 0.2, 0.4))
    # Epochs 1 and 4, and of the three with 0.4 the earliest, 3.
    assert summary["top3"]["board_acc"] == pytest.approx((0.9 + 0.5 + 0.4) / 3)
    assert summary["top3"]["gap"] == pytest.approx((0.01 + 0.04 + 0.03) / 3)
    # Epochs 3 to 7.
    assert summary["last5"]["board_acc"] == pytest.approx((0.4 + 0.5 + 0.4 + 0.2 + 0.4) / 5)
    assert summary["last5"]["gap"] == pytest.approx(0.05)


def test_fewer_epochs_than_asked_for_are_all_there_are():
    summary = summarise(epochs_of(0.1, 0.3))
    assert summary["top3"]["board_acc"] == summary["last5"]["board_acc"] == pytest.approx(0.2)


def test_t_interval_is_that_of_the_textbook():
    # Mean 0.2, standard deviation 0.1; t of 2 degrees of freedom at 97.5 % is 4.30265.
    interval = t_interval([0.1, 0.2, 0.3])
    assert interval.mean == pytest.approx(0.2) and interval.count == 3
    assert interval.half == pytest.approx(4.30265 * 0.1 / math.sqrt(3), rel=1e-5)
    # One degree of freedom: 12.7062.
    assert t_interval([0.0, 0.2]).high == pytest.approx(0.1 + 12.7062 * 0.1, rel=1e-5)


def test_one_value_has_no_interval_and_none_no_mean():
    assert t_interval([0.4]).mean == 0.4 and math.isnan(t_interval([0.4]).low)
    assert math.isnan(t_interval([]).mean)


def test_the_interval_over_boards_is_that_of_drawing_boards_again():
    random = np.random.default_rng(1)
    flags = [random.random(60) < share for share in (0.3, 0.6)]
    texts = ["".join("01"[int(flag)] for flag in one) for one in flags]
    slow = [
        np.mean([random.choice(one, len(one)).mean() for one in flags]) for _ in range(4000)
    ]  # draw every board anew, with replacement, within its seed
    interval = board_interval(texts)
    assert interval.mean == pytest.approx(np.mean(flags))
    assert interval.low == pytest.approx(np.quantile(slow, 0.025), abs=0.015)
    assert interval.high == pytest.approx(np.quantile(slow, 0.975), abs=0.015)
    assert interval == board_interval(texts)


@pytest.mark.parametrize(
    "expect, low, high, verdict",
    [
        ("higher", 0.01, 0.30, "supported"),
        ("higher", -0.01, 0.30, "undecided"),
        ("higher", -0.01, 0.04, "not supported"),
        ("higher", -0.30, -0.10, "not supported"),
        ("lower", -0.30, -0.01, "supported"),
        ("lower", -0.04, 0.01, "not supported"),
        ("lower", -0.30, 0.01, "undecided"),
        ("equal", -0.049, 0.049, "supported"),
        ("equal", 0.01, 0.04, "supported"),
        ("equal", -0.051, 0.01, "undecided"),
        ("equal", 0.01, 0.06, "not supported"),
        ("equal", -0.20, -0.10, "not supported"),
        ("not_higher", -0.30, 0.04, "supported"),
        ("not_higher", -0.30, 0.06, "undecided"),
        ("not_higher", 0.01, 0.06, "not supported"),
        ("higher", math.nan, math.nan, "undecided"),
    ],
)
def test_verdicts_follow_the_rules(expect, low, high, verdict):
    assert judge(Interval((low + high) / 2, low, high, 3), expect, margin=0.05) == verdict


@pytest.mark.parametrize("expect", ["higher", "not_higher", "equal"])
def test_two_seeds_decide_nothing(expect):
    low, high = (0.01, 0.02) if expect == "higher" else (-0.02, 0.02)
    assert judge(Interval(0.0, low, high, 2), expect, margin=0.05) == "undecided"
    assert judge(Interval(0.0, low, high, 3), expect, margin=0.05) == "supported"


@pytest.mark.parametrize("epoch_cnt", range(1, 8))
def test_selections_are_the_same_where_they_hold_the_same_epochs(epoch_cnt):
    random = np.random.default_rng(epoch_cnt)
    summary = summarise(epochs_of(*random.random(epoch_cnt)))
    figures = {name: round(values["board_acc"], 12) for name, values in summary.items()}
    firsts: dict[float, str] = {}
    repeated = {}
    for name in EPOCHS:
        if figures[name] in firsts:
            repeated[name] = firsts[figures[name]]
        firsts.setdefault(figures[name], name)
    assert same_epochs(epoch_cnt) == repeated


def test_robust_means_that_no_verdict_changes():
    yes, no, open_ = "supported", "not supported", "undecided"
    assert agree([[yes, yes, yes], [no, no, no], [open_, open_, open_]]) == "supported"
    assert agree([[yes, yes, yes], [yes, open_, yes]]) == "undecided"
    assert agree([[yes, yes, yes], [yes, open_, no]]) == "not supported"
    assert agree([[open_, open_, open_]]) == "undecided"


def result_of(row: str, seed: int, board_acc: float, gap: float) -> dict:
    figures = {"board_acc": board_acc, "acc4x": board_acc + gap, "gap": gap, "solved": board_acc}
    curve = [0.0, board_acc, 0.0, 0.0, 0.0, 0.0, 0.0, board_acc + 2 * gap]
    return {
        "row": row,
        "seed": seed,
        "config": {"model": {"infer_segment_cnt": 2}},
        "summary": {epochs: {**figures, "solved4x": 0.0} for epochs in ("best", "top3", "last5")},
        "test": {"board_acc": curve, "solved": [2 * share for share in curve]},
    }


def results_of(figures: dict[str, list[tuple[float, float]]]) -> dict[str, dict]:
    return {
        f"{row}-seed{seed}": result_of(row, seed, *values)
        for row, by_seed in figures.items()
        for seed, values in enumerate(by_seed)
    }


def test_measures_of_the_test_set_are_read_off_its_curve():
    result = result_of("a", 0, 0.25, 0.125)
    found = {measure: measured(result, measure) for measure in MEASURES}
    assert found["test_board_acc"] == 0.25 and found["test_acc4x"] == 0.5
    assert found["test_gap"] == 0.25
    assert (found["test_solved"], found["test_solved4x"]) == (0.5, 1.0)


def test_differences_are_paired_by_seed_and_averaged_over_pairs():
    finished = Finished(
        results_of(
            {
                "a": [(0.5, 0.0), (0.7, 0.0), (0.9, 0.0)],
                "b": [(0.4, 0.0), (0.5, 0.0)],  # its third seed is not done yet
                "c": [(0.6, 0.0), (0.8, 0.0), (0.1, 0.0)],
                "d": [(0.3, 0.0), (0.6, 0.0), (0.1, 0.0)],
            }
        )
    )
    # Seed 0: (0.1 + 0.3) / 2 = 0.2; seed 1: (0.2 + 0.2) / 2 = 0.2.
    pooled = finished.difference((("a", "b"), ("c", "d")), "board_acc")
    assert pooled.mean == pytest.approx(0.2) and pooled.count == 2
    assert pooled.half == pytest.approx(0, abs=1e-9)
    # Seeds apart: 0.1 and 0.2, standard deviation 0.0707.
    alone = finished.difference((("a", "b"),), "board_acc")
    assert alone.mean == pytest.approx(0.15)
    assert alone.half == pytest.approx(12.7062 * 0.05, rel=1e-5)


def test_aggregates_weigh_rows_equally_and_leave_failures_out():
    results = results_of({"a": [(0.2, 0.1), (0.4, 0.1)], "b": [(0.6, 0.3), (0.6, 0.3)]})
    results["c-seed0"] = {"row": "c", "seed": 0, "failed": "diverged"}
    average = Finished(results).average(["a", "b"], "board_acc")
    assert average.mean == pytest.approx(0.45)  # 0.4 and 0.5
    assert average.half == pytest.approx(12.7062 * 0.05, rel=1e-5)


def test_the_published_aggregates_are_recomputed_from_the_published_rows():
    found = {(a.axis, a.value): a for a in aggregates(PAPER)}
    expected = {
        ("train_seg", "4"): (0.50, 0.08, 0.523, 0.071),
        ("variant", "H/L"): (0.48, 0.04, 0.500, 0.038),
        ("variant", "H-only (detached)"): (0.30, 0.05, 0.322, 0.036),
        ("cycles", "4"): (0.39, 0.06, 0.412, 0.052),
    }
    for key, (acc, gap, acc_again, gap_again) in expected.items():
        assert found[key].published == [acc, gap]
        assert found[key].recomputed == pytest.approx((acc_again, gap_again), abs=6e-4)
    assert {axis for axis, _ in found} == {"train_seg", "variant", "cycles"}


def test_the_specification_s_own_rows_give_its_table():
    published = PAPER.published
    assert published
    rows = {row: [(acc, after - acc)] for row, (acc, after) in published.rows.items()}
    tables = {t.title: t for t in aggregate_tables(PAPER, Finished(results_of(rows)))}
    by_segments = {cells[0]: cells for cells in tables["By train_seg"].rows}
    header = tables["By train_seg"].header
    assert by_segments["4"][header.index("best: board acc")] == "0.523"
    assert by_segments["4"][header.index("recomputed: board acc")] == "0.523"
    assert by_segments["4"][header.index("specification: board acc")] == "0.500"
    assert by_segments["4"][header.index("rows")] == "4"


def test_findings_rest_on_the_pairs_that_the_study_names():
    rows = {row.name: [(0.3, 0.0), (0.3, 0.0), (0.3, 0.0)] for row in PAPER.rows}
    for row in ("detached-4-4", "bptt-4-4", "HL-4-4", "HL-4-16"):
        rows[row] = [(0.50, 0.10), (0.52, 0.12), (0.51, 0.11)]
    findings = {f.hypothesis.name: f for f in judge_all(PAPER, Finished(results_of(rows)))}
    segments = findings["1a segments, accuracy"]
    assert segments.difference and segments.difference.mean == pytest.approx(0.21)
    assert segments.verdict == "supported" and len(segments.pairs) == 4
    assert segments.unseen is None  # the study names no seeds as seen
    assert findings["1b segments, gap"].epochs["last5"].difference.mean == pytest.approx(0.11)
    assert findings["3b H/L, competitive"].verdict == "supported"
    assert findings["5 robust"].verdict == "supported"
    # On test boards the gap is twice that of validation boards here, beside which it stands.
    refining = findings["2 learning to refine"]
    assert refining.difference and refining.difference.mean == pytest.approx(0.22)
    assert refining.epochs["best"].difference.mean == pytest.approx(0.11)


def test_a_row_s_own_gap_can_be_tested(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "title: t\nbase: debug\nrows: {a: {train.lr: 1e-3}, b: {train.lr: 2e-3}}\n"
        "comparisons: {alone: [[a], [b]]}\nhypotheses:\n"
        "  1: {claim: c, compare: alone, measure: gap, expect: higher}\n"
    )
    study = load_study(tmp_path / "s.yaml")
    rows = {"a": [(0.5, 0.1), (0.5, 0.2), (0.5, 0.3)], "b": [(0.3, 0.0), (0.3, 0.1), (0.3, 0.2)]}
    finished = Finished(results_of(rows))
    (finding,) = judge_all(study, finished)
    assert finding.difference and finding.difference.mean == pytest.approx(0.15)
    assert finding.pairs[("a",)].mean == pytest.approx(0.2)
    assert finding.verdict == "undecided"  # 0.05, 0.15, 0.25: ±0.248
    assert [row[2:4] for row in pair_table([finding]).rows] == [["a", "–"], ["b", "–"]]
    texts = [
        label.get_text()
        for label in differences(study, finished, [finding]).axes[0].get_yticklabels()
    ]
    assert texts[1:] == ["a", "b"]


def short_study(tmp_path, epoch_cnt: int, more: str = ""):
    (tmp_path / "s.yaml").write_text(
        f"title: t\nbase: debug\nsettings: {{train.epoch_cnt: {epoch_cnt}}}\n{more}"
        "rows: {a: {train.lr: 1e-3}, b: {train.lr: 2e-3}}\n"
        "comparisons: {more: [[a, b]]}\nhypotheses:\n"
        "  1: {claim: c, compare: more, expect: higher, exploratory: true}\n"
        "  2: {claim: d, robust: ['1']}\n"
    )
    return load_study(tmp_path / "s.yaml")


def two_rows(seed_cnt: int) -> Finished:
    a = [(0.5 + seed / 100, 0.0) for seed in range(seed_cnt)]
    return Finished(results_of({"a": a, "b": [(0.3, 0.0)] * seed_cnt}))


@pytest.mark.parametrize(
    "epoch_cnt, kept, robust",
    [(1, {"best"}, "undecided"), (3, {"best", "top3"}, "undecided"), (4, set(EPOCHS), "supported")],
)
def test_the_same_epochs_taken_twice_confirm_nothing(tmp_path, epoch_cnt, kept, robust):
    study = short_study(tmp_path, epoch_cnt)
    found, of_it = judge_all(study, two_rows(3))
    assert found.verdict == "supported" and found.epochs.keys() == kept
    assert of_it.verdict == robust
    cells = other_verdict_table(study, [found, of_it]).rows
    assert [row[-1] == "same epochs as top 3" for row in cells] == [epoch_cnt == 3] * 2


def test_seeds_that_were_not_seen_are_judged_alone_as_well(tmp_path):
    study = short_study(tmp_path, 4, "seen: [0, 1]\n")
    assert all(finding.unseen is None for finding in judge_all(study, two_rows(2)))
    found = judge_all(study, two_rows(5))[0]
    assert found.difference and found.difference.count == 5
    unseen, alone = found.unseen, t_interval([0.22, 0.23, 0.24])
    assert unseen and unseen.verdict == "supported" and unseen.difference.count == 3
    assert unseen.difference.low == pytest.approx(alone.low)
    assert unseen.difference.high == pytest.approx(alone.high)
    of_two = judge_all(study, two_rows(4))[0].unseen
    assert of_two and of_two.verdict == "undecided"
    others = other_verdict_table(study, [found])
    assert others.header[-1] == "new seeds alone" and "without seeds 0, 1" in others.note
    table = verdict_table(study, [found])
    assert table.rows[0][table.header.index("stated")] == "exploratory"
