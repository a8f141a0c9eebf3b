"""Several studies side by side."""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from PIL import Image

from hrm import cli
from hrm.study.comparison import compare, write_comparison
from hrm.study.definition import load_study
from hrm.study.results import read_results

STUDIES = Path(__file__).parent.parent / "studies"
COMMITTED = STUDIES.parent / "docs/ablation/comparison.md"


def with_results(name: str):
    study = load_study(STUDIES / f"{name}.yaml")
    return study, read_results(STUDIES / "results" / name, study)


@pytest.fixture(scope="module")
def both():
    return [with_results("mini"), with_results("mini-local")]


def test_hypotheses_of_one_name_are_put_together(both):
    compared = {one.hypothesis.name: one for one in compare(both)}
    assert set(compared["6 horizon"].findings) == {"mini", "mini-local"}
    # Its rows with 8 cycles are not part of mini-local.
    assert set(compared["8 control, horizon"].findings) == {"mini"}
    # A hypothesis whose rows were not run is not shown.
    assert all(one.findings for one in compared.values())
    _, results = both[1]
    rows = [("bptt-2-4", "detached-2-4"), ("bptt-4-4", "detached-4-4")]
    seeds = sorted({result["seed"] for result in results.values()})
    by_hand = [
        mean(exact(results, a, seed) - exact(results, b, seed) for a, b in rows) for seed in seeds
    ]
    found = compared["6 horizon"].findings["mini-local"].difference
    assert found and found.count == len(seeds) and found.mean == pytest.approx(mean(by_hand))


def exact(results, row: str, seed: int) -> float:
    """Board acc on test boards after the think time of the study, 2 segments."""
    return results[f"{row}-seed{seed}"]["test"]["board_acc"][1]


def test_the_committed_comparison_is_of_the_results(both, tmp_path):
    files = write_comparison(both, tmp_path)
    assert [file.name for file in files] == ["comparison.md", "forest.png"]
    assert (tmp_path / "comparison.md").read_text() == COMMITTED.read_text()
    assert Image.open(tmp_path / "forest.png").width > 1000


def test_studies_without_hypotheses_are_refused(both):
    study, results = both[0]
    with pytest.raises(ValueError, match="mini: no hypothesis to compare"):
        compare([(replace(study, hypotheses=()), results)])


def test_a_study_without_results_is_named(monkeypatch, capsys, tmp_path):
    words = ("study", "compare", STUDIES / "mini.yaml", STUDIES / "paper.yaml", "--out", tmp_path)
    monkeypatch.setattr(sys, "argv", ["hrm", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "no results yet" in error and "hrm study run" in error and "paper.yaml" in error
    assert not any(tmp_path.iterdir())
