"""The puzzles in `examples/`, end to end on the command line at a smaller size."""

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from commands import called, done
from helpers import digest
from PIL import Image, ImageSequence

from hrm import IGNORE, Numbers, Task
from hrm.data.trial import try_out
from hrm.runs import launch
from hrm.study.definition import load_study
from hrm.study.job import make_job
from hrm.study.work import carry_out
from hrm.tasks import registry

EXAMPLES = Path(__file__).parent.parent / "examples"


class Example(NamedTuple):
    """A puzzle, made small enough to be learned in seconds."""

    name: str
    small: dict[str, int]
    epochs: int
    share: float
    """Of 500 held-out puzzles, to be solved at least; with the seed used here it is 0.1 more."""


LIGHTS = Example("lights_out.py:LightsOut", {"size": 6, "presses": 3}, 2, 0.8)
TAKUZU = Example("takuzu.py:Takuzu", {"size": 4}, 1, 0.85)


class Trained(NamedTuple):
    """A run of an example."""

    example: Example
    run: str
    task: Task


def place(example: Example) -> str:
    return f"{EXAMPLES}/{example.name}"


def keys(example: Example, **more: Any) -> list[str]:
    small = {"train_count": 1600, "val_count": 50, **example.small}
    train = {"warmup_steps": 50, "epoch_cnt": example.epochs, "threads": 1, **more}
    sections = {"task": small, "model": {"d_model": 48}, "train": train}
    return [f"{name}.{key}={v}" for name, keys in sections.items() for key, v in keys.items()]


@pytest.fixture(scope="module", params=[LIGHTS, TAKUZU], ids=lambda example: example.name)
def trained(request, tmp_path_factory) -> Trained:
    """Train an example once for all tests of this module."""
    example, run = request.param, str(tmp_path_factory.mktemp("examples") / "run")
    done("train", place(example), *keys(example), "--out", run)
    settings = registry.read_settings({"name": place(example), **example.small})
    return Trained(example, run, registry.make(settings))


@pytest.mark.parametrize("example", [LIGHTS, TAKUZU], ids=lambda example: example.name)
def test_an_example_is_short_and_keeps_its_word(example):
    file = EXAMPLES / example.name.partition(":")[0]
    assert len(file.read_text().splitlines()) < 50
    for size in ({}, example.small):
        settings = registry.read_settings({"name": place(example), **size})
        assert [f.words for f in try_out(registry.make(settings)) if not f.good] == []
    assert "BAD" not in done("data", "check", place(example))


def test_held_out_puzzles_are_solved(trained):
    found = json.loads(
        done("evaluate", "--model", trained.run, "--count", "500", "--segments", "4", "--json")
    )
    assert found["boards"] == 500
    assert found["segments"]["4"]["solved"] >= trained.example.share


def test_puzzles_of_a_file_are_solved_until_they_check_out(trained, tmp_path):
    file = str(tmp_path / "puzzles.txt")
    drawn = [f"--{key}={value}" for key, value in trained.example.small.items()]
    done("data", "generate", place(trained.example), "--count=40", "--seed=9", *drawn,
         "--out", file)  # fmt: skip
    lines = done("solve", "--model", trained.run, "--boards", file, "--json", "--until", "solved",
                 "--symmetries", "--max-segments", "8").splitlines()  # fmt: skip
    solutions = [json.loads(line) for line in lines]
    puzzles = trained.task.read(file)
    assert [s["input"] for s in solutions] == [trained.task.rows(p.input) for p in puzzles]
    right = [is_right(trained.example, s["input"], s["predicted"]) for s in solutions]
    assert right == [s["solved"] for s in solutions]
    assert np.mean(right) >= 0.9


def is_right(example: Example, puzzle: list[str], answer: list[str]) -> bool:
    return (all_out if example is LIGHTS else well_filled)(puzzle, answer)


def all_out(puzzle: list[str], answer: list[str]) -> bool:
    """Light by light: it is off if as many presses turn it as it needs."""
    cells = list(itertools.product(range(len(puzzle)), repeat=2))
    presses = [cell for cell in cells if answer[cell[0]][cell[1]] == "+"]
    for row, column in cells:
        near = [abs(r - row) + abs(c - column) <= 1 for r, c in presses]
        if sum(near) % 2 != (puzzle[row][column] == "o"):
            return False
    return True


def well_filled(puzzle: list[str], answer: list[str]) -> bool:
    """Line by line."""
    kept = all(p in (".", a) for p, a in zip("".join(puzzle), "".join(answer), strict=True))
    columns = ["".join(column) for column in zip(*answer, strict=True)]
    fair = [line.count("0") == line.count("1") == len(line) // 2 for line in answer + columns]
    return kept and all(fair) and not any("000" in n or "111" in n for n in answer + columns)


def test_every_takuzu_grid_is_listed_once():
    task = registry.make(registry.read_settings({"name": place(TAKUZU), "size": 4}))
    every = {
        "".join(cells)
        for cells in itertools.product("01", repeat=16)
        if well_filled(["...."] * 4, ["".join(cells[i : i + 4]) for i in range(0, 16, 4)])
    }
    listed = ["".join(task.rows(grid)) for grid in task.every_grid()]  # pyright: ignore[reportAttributeAccessIssue]
    assert sorted(listed) == sorted(every) and len(every) == 90


def test_a_takuzu_shows_no_cell_too_few():
    task = registry.make(registry.read_settings({"name": place(TAKUZU), "size": 4}))
    for puzzle in task.draw(30, (5,)):
        fits = [((puzzle == 0) | (puzzle == grid)).all() for grid in task.every_grid()]  # pyright: ignore[reportAttributeAccessIssue]
        assert sum(fits) == 1


def test_lights_out_is_answered_with_the_fewest_presses():
    settings = {"name": place(LIGHTS), "size": 3, "presses": 4}
    task = registry.make(registry.read_settings(settings))
    all_presses = ["".join(cells) for cells in itertools.product(".+", repeat=9)]
    for puzzle in task.draw(10, (5,)):
        rows = task.rows(puzzle)
        right = [a for a in all_presses if all_out(rows, [a[:3], a[3:6], a[6:]])]
        answer = task.rows(task.answer(puzzle[None])[0], answer=True)
        assert all_out(rows, answer)
        assert "".join(answer).count("+") == min(a.count("+") for a in right)


def test_lights_that_no_presses_put_out_have_no_answer():
    task = registry.make(registry.read_settings({"name": place(LIGHTS), "size": 4}))
    cells = list(itertools.product(range(4), repeat=2))
    # What a press changes, as bits; and all that presses together can make of a dark board.
    changes = [
        sum(2**i for i, (r, c) in enumerate(cells) if abs(r - row) + abs(c - column) <= 1)
        for row, column in cells
    ]
    reachable = {0}
    for change in changes:
        reachable |= {lights ^ change for lights in reachable}
    assert len(reachable) == 2**12  # every 16th pattern
    random = Numbers(1).below(2, (60, 4, 4)).astype(np.uint8)
    puzzles = np.concatenate([random, task.draw(10, (1,))])
    answered = (task.answer(puzzles) != IGNORE).all(axis=(1, 2))
    bits = (puzzles.reshape(-1, 16) * 2 ** np.arange(16)).sum(axis=1)
    assert answered.tolist() == [int(lights) in reachable for lights in bits]
    assert 10 <= answered.sum() < 30


def test_a_thought_becomes_an_animation(trained, tmp_path):
    gif = tmp_path / "thought.gif"
    done("solve", "--model", trained.run, "--seed=1", "--segments=2", "--gif", str(gif))
    with Image.open(gif) as animation:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]
    assert len(frames) > 2 and len({frame.tobytes() for frame in frames}) > 2


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    words = ["train", place(TAKUZU), *keys(TAKUZU, epoch_cnt=2), "task.train_count=64"]
    done(*words, "--out", str(tmp_path / "whole"))
    questions = iter(range(1, 1000))
    with monkeypatch.context() as patch:
        patch.setattr(launch.Interrupts, "__call__", lambda self: next(questions) == 6)
        code, _, err = called(*words, "--out", str(tmp_path / "parts"))
    assert code == 130 and "--resume" in err
    # From another folder: the run knows where its task is.
    monkeypatch.chdir(tmp_path)
    done("train", "--resume", "--out", "parts")
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")


STUDY = """
title: How many presses?
base: {base}
settings:
  task: {{{name}size: 7, train_count: 8, val_count: 4}}
  model: {{d_model: 16}}
  train: {{epoch_cnt: 1, threads: 1}}
seeds: 2
test_count: 4
grid:
  task.presses: [2, 3]
"""


def study_of(folder: Path, base: str, name: str = "") -> Path:
    """A study of the number of presses."""
    path = folder / f"{base.partition('.')[0].rpartition('/')[2]}.yaml"
    path.write_text(STUDY.format(base=base, name=f"name: '{name}', " if name else ""))
    return path


def test_a_study_starts_from_an_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = study_of(tmp_path, base=place(LIGHTS))
    assert "4 runs (2 rows × 2 seeds)" in done("study", "plan", str(path))
    study = load_study(path)
    assert [run.config.model.local_mixing for run in study.runs] == [True] * 4
    result = carry_out(make_job(study, study.runs[1], tmp_path / "runs", threads=1))
    assert result["config"]["task"]["presses"] == 3
    assert set(result["test"]) >= {"board_acc", "solved"}


def test_a_study_may_name_an_example_as_its_task(tmp_path):
    path = study_of(tmp_path, base="puzzle", name=place(LIGHTS))
    assert "4 runs (2 rows × 2 seeds)" in done("study", "plan", str(path))
    configs = [run.config for run in load_study(path).runs]
    assert {config.task.name for config in configs} == {place(LIGHTS)}
    assert [config.task.seed for config in configs] == [0, 0, 1, 1]
