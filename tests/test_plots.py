"""Curves as pictures: drawn from the numbers, with the bins that they stand for."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hrm.inference.curve import Outcome
from hrm.rendering.plots import (
    FEWEST,
    by_difficulty,
    require_matplotlib,
    save_sizes,
    save_tradeoff,
)


def picture(path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def outcomes(solved: float) -> list[Outcome]:
    return [
        Outcome(way, limit, limit * cost, 1e9 * limit * cost, 0.5, solved)
        for way, cost in (("fixed time", 1.0), ("until solved", 0.5))
        for limit in (1, 2, 4)
    ]


def test_curves_are_drawn_from_the_outcomes(tmp_path):
    for name, solved in (("one", 0.7), ("same", 0.7), ("other", 0.9)):
        save_tradeoff(tmp_path / name, outcomes(solved), 100, "a title")
    one, same, other = (picture(tmp_path / name) for name in ("one", "same", "other"))
    assert (one == same).all() and (one != other).any()
    for colour in ((0x37, 0x41, 0x51), (0x0F, 0x76, 0x6E)):  # both ways can be seen
        assert (np.abs(one - colour).sum(axis=2) < 60).sum() > 50


def test_accuracy_by_size_is_drawn_and_by_difficulty_where_there_is_such_a_thing(tmp_path):
    solved = np.arange(30) % 3 > 0
    scores = {(n, n): {4: solved} for n in (10, 20)}
    lengths = {shape: np.arange(1, 31) for shape in scores}
    for name, difficulties, words in (
        ("both", lengths, "steps"),
        ("same", lengths, "steps"),
        ("words", lengths, "cells to fill in"),
        ("sizes", {}, ""),
    ):
        save_sizes(tmp_path / name, scores, difficulties, words, "a title")
    both, same, words, sizes = (picture(tmp_path / n) for n in ("both", "same", "words", "sizes"))
    assert (both == same).all() and (both != words).any()
    assert sizes.shape[1] * 2 == pytest.approx(both.shape[1], rel=0.01)  # a panel less


def test_fewer_puzzles_have_longer_intervals(tmp_path):
    shares = {}
    for count in (20, 2000):
        save_tradeoff(tmp_path / "a", outcomes(0.7), count, "a title")
        shares[count] = (picture(tmp_path / "a").sum(axis=2) < 700).mean()
        solved = np.arange(count) % 2 > 0
        save_sizes(tmp_path / "b", {(5, 5): {1: solved}, (9, 9): {1: solved}}, {}, "", "a title")
        shares[-count] = (picture(tmp_path / "b").sum(axis=2) < 700).mean()
    assert shares[20] > shares[2000] and shares[-20] > shares[-2000]


def test_bins_of_difficulties():
    lengths = np.array([1] * 3 + [8] * 2 + [9] * 6 + [17] * (FEWEST - 1))
    solved = np.array([True] * 4 + [False] + [True] * 3 + [False] * 3 + [True] * (FEWEST - 1))
    assert by_difficulty(solved, lengths) == ([4.5, 12.5], [0.8, 0.5], [5, 6])


def test_without_matplotlib_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"pip install -e '\.\[study\]'"):
        require_matplotlib()


@pytest.mark.parametrize("screen", ["module://of.a_notebook", "no-such", "tkagg"])
@pytest.mark.parametrize("first", ["hrm.rendering.plots", "hrm.study.plots"])
def test_no_screen_of_the_environment_matters(tmp_path, screen, first):
    code = (
        f"import os, {first}\n"
        "from hrm.rendering import plots\n"
        "plots.require_matplotlib()\n"
        "figure, _ = plots._figure(1, 1, (1, 1), 'a title')\n"
        "plots._save(figure, plots.Path('a.png'))\n"
        "print(os.environ['MPLBACKEND'])\n"
    )
    environment = {**os.environ, "MPLBACKEND": screen}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"{screen}\n"), done.stderr
    picture(tmp_path / "a.png")
