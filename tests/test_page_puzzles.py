"""The page's puzzles, in JavaScript: verdicts are the library's, and random puzzles are puzzles."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hrm.data.source import generate
from hrm.tasks import registry
from hrm.tasks.grid import IGNORE, Cells
from hrm.tasks.task import Task

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None, reason="needs Node.js (`node`) to run the page's code"
)

SCRIPT = Path(__file__).parent / "page_puzzles.mjs"
SETTINGS: list[dict[str, Any]] = [
    {"name": "boardpath", "board_size": 6},
    {"name": "maze", "rows": 6, "columns": 8},
    {"name": "maze", "rows": 9, "columns": 7, "kind": "braided"},
    {"name": "sudoku", "size": 4},
    {"name": "sudoku", "size": 6},
    {"name": "sudoku", "size": 9},
]


def ask(jobs: list[dict]) -> list[Any]:
    """What the page's code answers; one process for all jobs."""
    done = subprocess.run(
        [str(NODE), str(SCRIPT)], input=json.dumps(jobs), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def task_of(settings: dict[str, Any]) -> Task:
    return registry.make(registry.read_settings(settings))


def job(action: str, task: Task, puzzle: Cells, **values: Any) -> dict[str, Any]:
    shape = list(puzzle.shape)
    cells = puzzle.ravel().tolist()
    return {"action": action, "task": task.config.name, "shape": shape, "puzzle": cells, **values}


def answers_to(task: Task, puzzle: Cells, random: np.random.Generator) -> Cells:
    """The label, and answers that differ from it in up to four cells."""
    label = task.answer(puzzle[None])[0]
    base = puzzle if (label == IGNORE).all() else label
    answers = np.repeat(base[None], 60, axis=0)
    for number, answer in enumerate(answers):
        for _ in range(number % 5):
            answer.flat[random.integers(answer.size)] = random.integers(len(task.answer_codes))
    return answers


def blocked(task: Task, puzzle: Cells) -> Cells:
    """A puzzle without a solution, or with several."""
    if task.config.name == "sudoku":
        return np.zeros_like(puzzle)
    wall, free = (
        next(i for i, c in enumerate(task.codes) if c.word == w) for w in ("wall", "floor")
    )
    return np.where(puzzle == free, wall, puzzle).astype(np.uint8)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_verdicts_and_crosses_are_those_of_the_library(settings: dict[str, Any]):
    task, random = task_of(settings), np.random.default_rng(0)
    puzzles = [*generate(task, 3, 0), blocked(task, generate(task, 1, 1)[0])]
    answers = [answers_to(task, puzzle, random) for puzzle in puzzles]
    rows = [a.reshape(len(a), -1).tolist() for a in answers]
    jobs = [job("judge", task, p, answers=r) for p, r in zip(puzzles, rows, strict=True)]
    jobs += [job("contradictions", task, p, answers=r) for p, r in zip(puzzles, rows, strict=True)]
    found = ask(jobs)
    for i, puzzle in enumerate(puzzles):
        many = np.repeat(puzzle[None], len(answers[i]), axis=0)
        labels = np.repeat(task.answer(puzzle[None]), len(answers[i]), axis=0)
        verdicts = [verdict.name for verdict in task.judge(many, answers[i], labels)]
        assert found[i] == verdicts
        if i < 3:
            assert len(set(verdicts)) > 1
        crosses = _crosses(task, many, answers[i]).reshape(len(many), -1)
        assert (np.array(found[len(puzzles) + i]) == crosses).all()


def _crosses(task: Task, puzzles: Cells, answers: Cells) -> np.ndarray:
    """In pictures of paths, all that was changed but floor that became path."""
    if task.config.name == "sudoku":
        return task.contradictions(puzzles, answers)
    codes = {code.word: number for number, code in enumerate(task.codes)}
    on_floor = (puzzles == codes["floor"]) & (answers == codes["path"])
    return (answers != puzzles) & ~on_floor


def test_random_puzzles_are_puzzles():
    jobs = [
        {"action": "random", "task": task_of(s).config.name, "shape": task_of(s).shape,
         "settings": s, "seed": seed}
        for s in SETTINGS for seed in range(3)
    ]  # fmt: skip
    for asked, cells in zip(jobs, ask(jobs), strict=True):
        task = task_of(asked["settings"])
        puzzle = np.array(cells, dtype=np.uint8).reshape(task.shape)
        task.require([puzzle])
        assert (task.answer(puzzle[None]) != IGNORE).all(), "it has a solution, and just one"


def test_a_link_holds_the_puzzle():
    puzzles = [(task_of(s), generate(task_of(s), 1, 3)[0]) for s in SETTINGS]
    for (_, puzzle), found in zip(puzzles, ask([job("link", *p) for p in puzzles]), strict=True):
        assert found["cells"] == puzzle.ravel().tolist()
        assert found["text"].isascii() and not set(found["text"]) & set("#& %?")


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_text_that_the_library_writes_is_read(settings: dict[str, Any]):
    task = task_of(settings)
    puzzle = generate(task, 1, 5)[0]
    texts = [task.format(puzzle), "// a comment\n\n" + task.format_all([puzzle])]
    for found in ask([job("parse", task, puzzle, text=text) for text in texts]):
        assert found == puzzle.ravel().tolist()


def test_text_that_is_no_puzzle_is_refused_in_words():
    board, sudoku = task_of(SETTINGS[0]), task_of(SETTINGS[3])
    puzzle = {id(t): generate(t, 1, 0)[0] for t in (board, sudoku)}
    texts = {
        (id(board), ""): "no puzzle found",
        (id(board), "S.\n.X"): "line 2, column 2: unexpected “X”",
        (id(board), "S..\n..E"): "boards are square",
        (id(board), "S..\n..\n.E."): "line 2: 2 cells",
        (id(sudoku), "12.."): "4 cells; a puzzle of this size has 16",
        (id(sudoku), "12345678........"): "unexpected “5”",
    }
    tasks = {id(board): board, id(sudoku): sudoku}
    jobs = [job("parse", tasks[key], puzzle[key], text=text) for key, text in texts]
    for found, expected in zip(ask(jobs), texts.values(), strict=True):
        assert expected in found
