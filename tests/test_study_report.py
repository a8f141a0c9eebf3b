"""Reports and plans of studies: tables, plots, one page, and what is asked for in vain."""

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers import board_path
from PIL import Image
from test_study_run import STUDY, Here, study_of

from hrm import cli
from hrm.config.presets import preset
from hrm.errors import WorkFailed
from hrm.models.operations import forward_flops
from hrm.study.definition import Row
from hrm.study.plan import plan_row
from hrm.study.report import write_report
from hrm.study.results import read_results
from hrm.study.runner import run_study
from hrm.training.cost import run_flops

ASKED = (
    STUDY.replace("seeds: 1", "seeds: 2")
    + """
  wild: {train.lr: 10, train.weight_decay: 10, train.epoch_cnt: 9}
controls:
  long: {segments: 1, train.epoch_cnt: 4}
published: {source: elsewhere, rows: {one: [0.25, 0.5]}, aggregates: {segments: {1: [0.3, 0.1]}}}
comparisons: {more: [[two, one]], apart: [[wild, one]]}
hypotheses:
  1 more: {claim: more < most | of it, compare: more, expect: higher}
  2 apart: {claim: never there, compare: apart, measure: test_gap, expect: equal}
  3 robust: {claim: it holds, robust: [1 more]}
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study that was stopped: seed 1 has two of its four runs."""
    folder = tmp_path_factory.mktemp("report")
    study = study_of(folder, ASKED)
    with pytest.raises(WorkFailed):
        run_study(study, folder / "runs", folder / "results/s", Here())
    (folder / "results/s/long-seed1.json").unlink()
    return folder


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory):
    """The folder of its report."""
    study = study_of(folder, ASKED)
    out = tmp_path_factory.mktemp("out")
    files = write_report(study, read_results(folder / "results/s", study), out)
    assert set(files) == set(out.iterdir())
    return out


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `hrm study …`: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hrm", "study", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return run


def numbers(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_report_names_the_seeds_that_its_figures_are_of(folder, tmp_path):
    study = study_of(folder, ASKED.replace("seeds: 2", "seeds: 1"))  # and run with --seeds 2
    write_report(study, read_results(folder / "results/s", study), tmp_path)
    assert "Seeds: 0, 1;" in (tmp_path / "report.md").read_text()


def test_the_report_of_an_unfinished_study(folder, report):
    text = (report / "report.md").read_text()
    results = read_results(folder / "results/s", study_of(folder, ASKED))
    assert results["two-seed0"]["summary"]["best"]["board_acc"] > 0
    assert "Runs: 5 of 8 done, 2 failed" in text and re.search(
        r"\| wild-seed0 \| .* not finite", text
    )
    assert str(folder) not in text
    for row in ("one", "two"):
        best = [results[f"{row}-seed{seed}"]["summary"]["best"]["board_acc"] for seed in (0, 1)]
        assert re.search(rf"\| {row} \| .* \| {sum(best) / 2:.3f} ± ", text)
    for image in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text):
        Image.open(report / image).verify()
    assert "more < most \\| of it" in text  # and no column more for it
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1

    runs = numbers(report, "runs")
    assert [(r["row"], r["seed"]) for r in runs] == [
        ("long", "0"), ("one", "0"), ("one", "1"), ("two", "0"), ("two", "1"),
    ]  # fmt: skip
    for row in runs:
        result = results[f"{row['row']}-seed{row['seed']}"]
        assert float(row["solved4x"]) == result["summary"]["best"]["solved4x"]
        assert float(row["test_board_acc"]) == result["test"]["board_acc"][1]
    assert len(numbers(report, "refinement")) == 16 * len(runs)
    assert len(numbers(report, "epochs")) == 4 * 6 + 4
    verdicts = {(v["hypothesis"], v["epochs"]): v["verdict"] for v in numbers(report, "hypotheses")}
    assert ("1 more", "last5") in verdicts and verdicts["2 apart", "best"] == "undecided"


def test_numbers_of_results_with_other_names_stand_under_their_own(folder, tmp_path):
    study = study_of(folder, ASKED)
    results = read_results(folder / "results/s", study)
    first, second, third = (results[name] for name in ("long-seed0", "one-seed0", "two-seed0"))
    first["epochs"] = [{k: v for k, v in row.items() if k != "lr"} for row in first["epochs"]]
    second["epochs"] = [dict(reversed(row.items())) for row in second["epochs"]]
    third["epochs"] = [{"early": 7.5, **row} for row in third["epochs"]]
    second["test"] = dict(reversed(second["test"].items()))
    third["test"]["late"] = [float(n) for n in range(len(third["test"]["solved"]))]
    write_report(study, results, tmp_path)

    def expected(name: str) -> dict[tuple, dict[str, float]]:
        kept = {}
        for result in results.values():
            if "failed" in result:
                continue
            curves = result["test"]
            count = len(curves["solved"])
            rows = {
                "epochs": {row["epoch"]: row for row in result["epochs"]},
                "refinement": {n + 1: {k: v[n] for k, v in curves.items()} for n in range(count)},
            }
            kept |= {(result["row"], str(result["seed"]), n): row for n, row in rows[name].items()}
        return kept

    for name, number in (("epochs", "epoch"), ("refinement", "segments")):
        wanted = expected(name)
        found = numbers(tmp_path, name)
        assert len(found) == len(wanted)
        for row in found:
            own = wanted[row["row"], row["seed"], int(row[number])]
            cells = {k: v for k, v in row.items() if k not in ("row", "seed", "segments")}
            assert {k: float(v) for k, v in cells.items() if v} == own


def test_every_line_of_numbers_has_a_cell_for_each_title(report):
    for file in report.glob("*.csv"):
        with open(file, newline="") as lines:
            assert len({len(line) for line in csv.reader(lines)}) == 1, file.name


class Page(HTMLParser):
    """Collects what is open, what was seen, and every address."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(report):
    text = (report / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.seen.count("svg") == 4 and page.seen.count("table") >= 6
    assert all(address.startswith("#") for address in page.addresses)
    assert "more &lt; most | of it" in text


def test_the_same_results_make_the_same_report(folder, report, run, tmp_path):
    code, out, _ = run("report", folder / "s.yaml", "--out", tmp_path)
    assert code == 0 and {Path(line) for line in out.split()} == set(tmp_path.iterdir())
    for file in report.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_without_matplotlib_a_report_says_what_to_install(folder, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = run("report", folder / "s.yaml")
    assert code == 2 and err.count("\n") == 1 and "pip install -e '.[study]'" in err


def test_without_ray_the_executor_says_what_to_install(folder, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = run("run", folder / "s.yaml", "--executor", "ray")
    assert code == 2 and err.count("\n") == 1 and "pip install -e '.[cluster]'" in err


def test_the_plan_counts_runs_parameters_and_operations(folder, run):
    code, out, _ = run("plan", folder / "s.yaml", "--seeds", "3", "--workers", "2")
    assert code == 0
    result = json.loads((folder / "results/s/two-seed0.json").read_text())
    update = f"{result['operations']['update'] / 1e6:.3g} MFLOP"
    assert re.search(rf"two .* {result['parameters']:,} .* {update} ", out)
    assert "12 runs (4 rows × 3 seeds)" in " ".join(out.split())
    assert re.search(r"What 3 seeds can decide, .*\n1 more .* %\n2 apart +–", out, re.DOTALL)
    (folder / "nothing").mkdir(exist_ok=True)
    code, out, _ = run("plan", folder / "s.yaml", "--results", folder / "nothing")
    assert code == 0 and "can decide" not in out


def test_the_plan_says_that_a_precision_is_slow_here(tmp_path, run, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    monkeypatch.setattr("hrm.native._CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "s.yaml").write_text(STUDY.replace("rows:", "rows:\n  b: {train.precision: bf16}"))
    code, _, err = run("plan", tmp_path / "s.yaml")
    assert code == 0 and err.count("train.precision: bf16 is not known") == 1


def test_the_plan_of_boards_of_several_sizes_and_of_a_curriculum():
    config = preset("debug").derive(
        task__board_size=8, task__board_sizes=[4, 8], task__val_count=30, train__epoch_cnt=3
    )
    grids = [board_path(size).grid for size in (4, 8)]
    segment = [sum(forward_flops(config.model, grid).values()) for grid in grids]
    mixed = plan_row(Row("mixed", {}, False, config), threads=1, test_count=20).cost
    assert mixed.validation == 3 * 4 * config.model.infer_segment_cnt * 15 * sum(segment)
    assert mixed.training == run_flops(config) and mixed.seconds > 0
    curriculum = config.derive(train__depth_curriculum=True)
    planned = plan_row(Row("curriculum", {}, False, curriculum), threads=1, test_count=20).cost
    assert planned.validation == mixed.validation and planned.training < mixed.training


def test_a_failed_run_shows_in_the_exit_code(folder, run, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("hrm.study.executors.LocalExecutor", lambda workers, threads: Here())
    code, out, err = run("run", "s.yaml", "--runs", "runs")
    assert code == 1 and re.search("wild-seed0: failed: .* not finite", out)
    assert err.startswith("hrm: 2 of 8 runs failed") and "Traceback" not in err


@pytest.mark.parametrize(
    "words, message",
    [
        (("run", "none.yaml"), "none.yaml: No such file"),
        (("run", "s.yaml", "--results", "elsewhere"), "a result of another study"),
        (("run", "s.yaml", "--address", "auto"), "--address: is for --executor ray"),
        (("run", "s.yaml", "--executor", "ray", "--workers", "2"), "--workers: "),
        (("report", "s.yaml", "--results", "empty"), "no results yet; hrm study run s.yaml"),
        (("plan", "bad.yaml"), "bad.yaml: rows.a: train.speed: unknown axis or key"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(folder, run, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    (folder / "bad.yaml").write_text("title: t\nrows: {a: {train.speed: 1}}\n")
    (folder / "elsewhere").mkdir(exist_ok=True)
    foreign = (folder / "results/s/one-seed0.json").read_text().replace('"s"', '"another"')
    (folder / "elsewhere/one-seed0.json").write_text(foreign)
    code, _, err = run(*words)
    assert code == 2 and message in err and err.count("\n") == 1
    assert (folder / "elsewhere/one-seed0.json").read_text() == foreign
