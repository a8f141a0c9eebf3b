"""Studies as they are read: rows, axes, extensions, mistakes, and those that come with hrm."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import labelled, some_boards

from hrm import RunConfig, TaskConfig, machine
from hrm.models.hrm import HRM
from hrm.study.definition import Study, load_study
from hrm.tasks import registry
from hrm.training.cost import run_flops, training_flops
from hrm.training.learner import Learner

STUDIES = Path(__file__).parent.parent / "studies"

# The specification's table: variant, train_seg, infer_seg, cycles, board acc, acc4x.
TABLE = """
H-only (detached) | 2 | 2 | 4  | 0.236 | 0.250
H-only (detached) | 2 | 2 | 8  | 0.272 | 0.280
H-only (detached) | 4 | 2 | 4  | 0.458 | 0.544
H-only (bptt)     | 2 | 2 | 4  | 0.274 | 0.336
H-only (bptt)     | 2 | 2 | 8  | 0.424 | 0.454
H-only (bptt)     | 4 | 2 | 4  | 0.616 | 0.676
H/L               | 2 | 2 | 4  | 0.438 | 0.416
H/L               | 2 | 2 | 16 | 0.544 | 0.582
H/L               | 4 | 2 | 4  | 0.452 | 0.566
H/L               | 4 | 2 | 16 | 0.566 | 0.588
"""

GOOD = """
title: t
base: debug
settings: {train: {epoch_cnt: 1}}
seeds: 2
axes:
  segments: train.train_segment_cnt
  depth: {shallow: {model.H_block_cnt: 1}, deep: {model.H_block_cnt: 2}}
rows:
  a: {segments: 1, depth: deep}
  b: {segments: 2, depth: deep, train.lr: 1e-4}
comparisons: {segments: [[b, a]]}
hypotheses:
  h: {claim: c, compare: segments, expect: higher}
"""


def study_of(tmp_path, text: str, **options) -> Study:
    (tmp_path / "s.yaml").write_text(text)
    return load_study(tmp_path / "s.yaml", **options)


def test_rows_are_the_base_with_their_settings(tmp_path):
    study = study_of(tmp_path, GOOD)
    a, b = study.rows
    assert (a.config.train.train_segment_cnt, a.config.model.H_block_cnt) == (1, 2)
    assert (b.config.train.train_segment_cnt, b.config.train.lr) == (2, 1e-4)
    assert b.values == {"segments": "2", "depth": "deep"}
    assert {row.config.train.epoch_cnt for row in study.rows} == {1}


def test_seed_s_is_that_of_the_boards_and_of_the_training(tmp_path):
    runs = study_of(tmp_path, GOOD, seeds=3).runs
    assert [run.name for run in runs] == [f"{row}-seed{s}" for s in range(3) for row in "ab"]
    assert all(run.config.task.seed == run.config.train.seed == run.seed for run in runs)


def test_what_the_manual_shows_is_understood(tmp_path):
    manual = (STUDIES.parent / "docs/studies.md").read_text()
    whole, rows = re.findall(r"```yaml\n(.*?)```", manual, flags=re.DOTALL)
    names = [row.name for row in study_of(tmp_path, whole).rows]
    assert names == ["0.001-small", "0.001-large", "0.005-small", "0.005-large"]
    without_grid = whole[: whole.index("grid:")]
    assert [r.control for r in study_of(tmp_path, without_grid + rows).rows] == [False, False, True]


def test_dotted_settings_are_laid_over_nested_ones_file_by_file(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nsettings: {train.lr: 0.25}\n")
    last = study_of(tmp_path, "extends: b.yaml\nsettings: {train: {lr: 0.5}}\n")
    assert {row.config.train.lr for row in last.rows} == {0.5, 1e-4}  # row b has its own
    assert {row.config.train.epoch_cnt for row in last.rows} == {1}


def test_what_is_said_of_other_hypotheses_may_stand_before_them(tmp_path):
    first = "hypotheses:\n  0 robust: {claim: all hold, robust: [h]}\n"
    of_h, of_both = study_of(tmp_path, GOOD.replace("hypotheses:\n", first)).hypotheses
    assert of_h.name == "h" and of_both.robust == ("h",)


def test_a_grid_is_every_combination(tmp_path):
    grid = "grid: {segments: [1, 2], depth: [shallow, deep], model.grad_horizon: [full]}"
    text = re.sub(r"rows:.*", grid, GOOD, flags=re.DOTALL)
    rows = study_of(tmp_path, text).rows
    assert [row.name for row in rows] == [
        "1-shallow-full", "1-deep-full", "2-shallow-full", "2-deep-full",
    ]  # fmt: skip
    assert [row.config.model.H_block_cnt for row in rows] == [1, 2, 1, 2]


def test_an_extension_is_laid_over_what_it_extends(tmp_path):
    (tmp_path / "base.yaml").write_text(GOOD)
    study = study_of(
        tmp_path,
        "extends: base.yaml\ntitle: u\nsettings: {task: {board_size: 4}}\n"
        "controls: {c: {segments: 3}}\nonly: [a, c]\n",
    )
    assert [row.name for row in study.rows] == ["a", "c"]
    assert [row.control for row in study.rows] == [False, True]
    assert study.title == "u" and study.rows[0].config.task.shape == (4, 4)
    assert study.rows[0].config.train.epoch_cnt == 1
    assert not study.hypotheses  # its pair needs row b


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("segments: 1,", "segmens: 1,", "rows.a: segmens: unknown axis or key; .* segments"),
        ("train.lr:", "train.lrr:", "rows.b: train.lrr: unknown axis or key; .* train.lr"),
        ("train.lr:", "model.lr:", "model.lr: unknown axis or key; perhaps you meant train.lr"),
        ("segments: train.train_segment_cnt", "segments: train.segs", "axes.segments: train.segs"),
        ("depth: deep}", "depth: deeep}", "rows.a.depth: 'deeep' is no value .*shallow, deep"),
        ("1e-4", "fast", "rows.b: train.lr: .*'fast'"),
        ("{epoch_cnt: 1}", "{epochs: 1}", "settings: train.epochs: unknown"),
        ("{epoch_cnt: 1}", "{seed: 1}", "train.seed: a study sets it from its seeds"),
        ("train.lr: 1e-4", "task.seed: 4", "rows.b: task.seed: a study sets it"),
        ("train.lr: 1e-4", "task.train_boards: x", "task.train_boards: .*leave it out"),
        ("  b: {segments: 2", "  A: {segments: 2", "rows.A: two rows have this name"),
        ("segments: 2, depth: deep, train.lr: 1e-4", "segments: 1, depth: deep", "as a; drop"),
        ("rows:", "rows: {}\nignored:", "ignored: unknown key"),
        ("base: debug", "base: debgu", "base: debgu: unknown preset or task; perhaps you meant"),
        ("seeds: 2", "seeds: 0", "seeds"),
        ("seeds: 2", "seeds: [1, 1]", "names one twice"),
        ("[[b, a]]", "[[b, z]]", "comparisons.segments: z: unknown row"),
        ("[[b, a]]", "[[]]", "comparisons.segments.0"),
        ("[[b, a]]", "[[b]]", "h.measure: test_board_acc, but comparisons.segments .* take gap or"),
        ("compare: segments", "compare: segs", "compare: segs: unknown comparison"),
        ("expect: higher", "expect: better", "hypotheses.h.expect"),
        ("expect: higher", "measure: speed", "measure: speed; choose from board_acc"),
        ("expect: higher", "robust: [h]", "hypotheses.h"),
        ("seeds: 2", "seeds: 2\nseen: [-1]", "seen.0"),
        ("title: t\n", "", "title: is missing"),
        ("title: t", "extends: s.yaml", "s.yaml extends this file in turn"),
        ("  a: {", "  a b: {", "rows.a b: a row's name is"),
        ("seeds: 2", "seeds: 2\nseeds: 3", "line 6.* twice"),
        ("seeds: 2", "seeds: 2\nonly: [q]", "only: q: unknown row"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path, old, new, message):
    assert GOOD.count(old) >= 1
    with pytest.raises(ValueError, match=message) as error:
        study_of(tmp_path, GOOD.replace(old, new, 1))
    assert "s.yaml" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("grid", ["grid: {}", "grid: {segments: []}"])
def test_an_empty_grid_is_refused(tmp_path, grid):
    text = re.sub(r"rows:.*", grid, GOOD, flags=re.DOTALL)
    with pytest.raises(ValueError, match="no runs: give rows, or a grid"):
        study_of(tmp_path, text)


def test_a_grid_that_names_a_value_twice_is_refused(tmp_path):
    text = re.sub(r"rows:.*", "grid: {segments: [1, 1]}", GOOD, flags=re.DOTALL)
    with pytest.raises(ValueError, match="two rows have this name"):
        study_of(tmp_path, text)


def test_leaving_out_an_ingredient_changes_nothing_else():
    study = load_study(STUDIES / "ingredients.yaml")
    rows = {row.name: flat(row.config.model_dump()) for row in study.rows if not row.control}
    changed = {
        name: {key for key in row if row[key] != rows["whole"][key]} for name, row in rows.items()
    }
    depth = {"train.train_segment_cnt", "model.infer_segment_cnt", "model.H_cycle_cnt"}
    assert [changed.pop(name) for name in ("2-segments-of-6", "1-segment-of-12")] == [depth, depth]
    assert {name: len(keys) for name, keys in changed.items()} == {
        name: int(name != "whole") for name in changed
    }
    for name in ("whole", "2-segments-of-6", "1-segment-of-12"):
        row = rows[name]
        assert row["train.train_segment_cnt"] * row["model.H_cycle_cnt"] == 12
        assert row["model.infer_segment_cnt"] * row["model.H_cycle_cnt"] == 12
    for control in (row for row in study.rows if row.control):
        base = rows[control.name.rpartition("-batch-")[0]]
        values = flat(control.config.model_dump())
        assert {key for key in base if values[key] != base[key]} == {"train.batch_size"}
        updates = [
            r["train.train_segment_cnt"] / r["train.batch_size"] for r in (values, rows["whole"])
        ]
        assert updates[0] == updates[1]


def flat(config: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {f"{part}.{key}": value for part, keys in config.items() for key, value in keys.items()}


@pytest.mark.parametrize("name", ["paper", "mini"])
def test_the_ten_rows_are_the_specification_s(name):
    study = load_study(STUDIES / f"{name}.yaml")
    assert study.published
    rows = [row for row in study.rows if not row.control]
    for row, line in zip(rows, TABLE.strip().splitlines(), strict=True):
        variant, train_seg, infer_seg, cycles, acc, acc4x = map(str.strip, line.split("|"))
        model, train = row.config.model, row.config.train
        assert row.values["variant"] == variant
        assert model.modules == ("HL" if variant == "H/L" else "H")
        assert model.grad_horizon == ("full" if "bptt" in variant else "one_step")
        assert (train.train_segment_cnt, model.infer_segment_cnt) == (
            int(train_seg), int(infer_seg),
        )  # fmt: skip
        assert model.step_cnt == int(cycles) == int(row.values["cycles"])
        assert study.published.rows[row.name] == [float(acc), float(acc4x)]


def test_paper_is_the_specification_s_protocol():
    study = load_study(STUDIES / "paper.yaml")
    for row in study.rows:
        task, model, train = row.config.task, row.config.model, row.config.train
        assert isinstance(task, TaskConfig)
        assert (task.board_size, task.wall_prob) == (20, 0.3)
        assert (task.train_count, task.val_count) == (2000, 500)
        assert (train.epoch_cnt, train.lr, train.batch_size) == (40, 3e-4, 64)
        assert model.d_model == (256 if model.modules == "HL" else 360)
        assert (model.head_cnt, model.H_block_cnt, model.dropout) == (4, 4, 0.1)
        assert model.use_rope and not model.local_mixing and train.best_by == "board_acc"


def parameter_cnt(config: RunConfig) -> int:
    with torch.device("meta"):
        return HRM(config.model, registry.make(config.task).grid).parameter_cnt


def test_rows_match_in_parameters():
    for name in ("paper", "mini", "mini-local"):
        counts = {row.name: parameter_cnt(row.config) for row in load_study(path_of(name)).rows}
        assert max(counts.values()) <= 1.02 * min(counts.values())
        if name == "paper":
            assert (counts["HL-2-4"], counts["bptt-2-4"]) == (6_294_528, 6_227_640)


def path_of(name: str) -> Path:
    return STUDIES / f"{name}.yaml"


@pytest.mark.parametrize("name", ["mini", "mini-local"])
def test_controls_have_the_updates_or_the_operations_of_their_rivals(name):
    rows = {row.name: row.config for row in load_study(path_of(name)).rows}

    def updates(name):
        return rows[name].train.epoch_cnt * rows[name].train.train_segment_cnt

    def operations(name):
        config = rows[name]
        grid = registry.make(config.task).grid
        return updates(name) * sum(training_flops(config.model, grid).values())

    pairs_of_equal_updates = [
        (f"{variant}-{segments}", f"{variant}-{control}")
        for variant in ("HL", "bptt")
        for segments, control in (("4-4", "2-4-double"), ("2-4", "4-4-half"))
    ]
    pairs_of_equal_operations = [
        ("bptt-2-4", "detached-2-4-double"),
        ("bptt-4-4", "detached-4-4-double"),
        ("HL-2-4", "HL-full-2-4"),
        ("HL-4-4", "HL-full-4-4"),
    ]
    if name == "mini":
        for a, b in (("HL-2-16", "bptt-2-4"), ("HL-4-16", "bptt-4-4")):
            assert updates(a) == updates(b)
            assert operations(a) == pytest.approx(operations(b), rel=0.03)
    pairs_of_equal_epochs = [
        ("bptt-2-4", "HL-full-2-4-whole"),
        ("bptt-4-4", "HL-full-4-4-whole"),
    ]
    controls = {row.name for row in load_study(path_of(name)).rows if row.control}
    assert controls <= {
        b for _, b in pairs_of_equal_updates + pairs_of_equal_operations + pairs_of_equal_epochs
    }
    for a, b in pairs_of_equal_epochs:
        if b in controls:
            assert updates(a) == updates(b) and operations(b) < 0.8 * operations(a)
    for a, b in pairs_of_equal_updates:
        if b in controls:
            assert updates(a) == updates(b) and operations(a) == operations(b)
    for a, b in pairs_of_equal_operations:
        if b in controls:
            assert operations(a) == pytest.approx(operations(b), rel=0.02)


@pytest.mark.parametrize("name", ["paper", "mini", "mini-local"])
def test_two_modules_and_one_are_compared_at_the_same_gradient(name):
    study = load_study(path_of(name))
    rows = {row.name: row.config for row in study.rows}
    compared = 0
    for hypothesis in study.hypotheses:
        if not hypothesis.name.startswith(("11", "12")):
            continue
        for two, one in hypothesis.pairs:
            assert (rows[two].model.modules, rows[one].model.modules) == ("HL", "H")
            assert rows[two].model.grad_horizon == rows[one].model.grad_horizon
            assert run_flops(rows[two]) < run_flops(rows[one])
            compared += 1
    assert compared >= 2


def test_what_was_known_before_is_named_exploratory():
    for name in ("mini", "mini-local"):
        study = load_study(path_of(name))
        named = {h.name.split()[0] for h in study.hypotheses if h.exploratory}
        assert named <= {"10a", "10b", "11a", "11b", "12b"} and {"10b", "11a"} <= named
        assert study.seen == (0, 1, 2) and study.seeds == tuple(range(8))


def test_only_the_rows_that_are_kept_must_differ(tmp_path):
    alike = "rows: {a: {train.lr: 1e-3}, b: {train.lr: 1e-3}}\n"
    with pytest.raises(ValueError, match="same settings"):
        study_of(tmp_path, f"title: t\n{alike}")
    assert [row.name for row in study_of(tmp_path, f"title: t\n{alike}only: [b]").rows] == ["b"]


@pytest.mark.parametrize("row", load_study(path_of("paper")).rows, ids=lambda row: row.name)
def test_paper_s_rows_make_their_first_update(row):
    config = row.config.derive(task__board_size=5, train__batch_size=1, train__threads=1)
    model = HRM(config.model, 5)
    before = model.head.weight.detach().clone()
    learner = Learner(machine.resolve(config).train, model, update_cnt=1)
    assert learner.learn(labelled(some_boards(5, 1)), 0) > 0
    assert not torch.equal(model.head.weight, before)
