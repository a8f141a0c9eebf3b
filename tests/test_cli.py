"""The command line: what each command does."""

import json
import shutil
import subprocess
import sys

import mines
import numpy as np
import pytest
import torch
from commands import ANY_SIZE, TINY, Command, as_text, command_line, refused, save_model
from helpers import board_path, some_boards
from PIL import Image, ImageSequence

from hrm import RunConfig
from hrm.config.explain import config_keys
from hrm.config.load import load_config
from hrm.config.presets import preset_names
from hrm.data.hashing import check_leak
from hrm.inference import solving


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Command:
    return command_line(monkeypatch, capsys, tmp_path)


@pytest.fixture
def model(tmp_path) -> str:
    return save_model(tmp_path / "model")


@pytest.fixture
def free(tmp_path) -> str:
    """A model that works on any size."""
    return save_model(tmp_path / "free", **ANY_SIZE)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from hrm import cli; sys.argv = ['hrm', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = 'torch', 'numpy', 'pandas', 'matplotlib', 'scipy'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in ("train", "solve", "evaluate", "data", "info"))


def test_train_help_is_the_manual(run):
    code, out, _ = run("train", "--help")
    assert code == 0
    assert all(f"{key}=" in out for key in config_keys())
    assert all(preset in out for preset in preset_names())


@pytest.mark.parametrize("command", ["solve", "evaluate", "info", "data", "data check"])
def test_every_command_has_help(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and out.startswith("Usage: hrm")


@pytest.mark.parametrize("words", [[], ["data"], ["study"]])
def test_a_command_alone_shows_its_help(run, words):
    code, _, err = run(*words)
    assert code == 2 and err.startswith("Usage: hrm") and err.count("--help") == 1


def test_train_solve_evaluate_info(run, tmp_path):
    code, out, err = run("train", "debug", *TINY, "--out", "run")
    assert code == 0, err
    assert "val loss" in out and "acc4x" in out and "parameters" in out
    for name in ("config.yaml", "versions.json", "data.json", "metrics.jsonl"):
        assert (tmp_path / "run" / name).is_file()
    config = load_config(RunConfig(), ("run/config.yaml",))
    assert config.train.device == "cpu" and config.train.micro_batch == 16

    code, out, _ = run(
        "solve", "--model", "run", "--seed", "1", "--gif", "a.gif", "--segments", "3"
    )
    assert code == 0
    for words in ("Input board", "Target board", "Predicted board", "Verdict: "):
        assert words in out
    assert ". = Floor, # = Wall, S = Start point, E = End point, * = Path" in out
    assert "3 segments" in out and "a.gif" in out
    with Image.open("a.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 1 + 3 * 4

    code, out, _ = run("evaluate", "--model", "run", "--segments", "1,2", "--count", "20", "--json")
    assert code == 0
    content = json.loads(out)
    assert content["boards"] == 20 and list(content["segments"]) == ["1", "2"]
    assert set(content["segments"]["1"]) == {"cell_acc", "open_acc", "board_acc", "solved"}
    assert "board acc" in run("evaluate", "--model", "run", "--count", "20")[1]

    code, out, _ = run("info", "run")
    assert code == 0 and "parameters" in out and "best epoch" in out


def test_a_model_of_any_size_is_measured_on_many(run, free, tmp_path):
    words = ["evaluate", "--model", free, "--count", "12", "--segments", "1,2"]
    code, out, err = run(*words, "--size", "5,3", "--json", "--plot", "sizes.png")
    assert code == 0, err
    content = json.loads(out)
    assert content["boards"] == 24 and list(content["sizes"]) == ["3", "5"]
    alone = json.loads(run(*words, "--size", "5", "--json")[1])
    assert content["sizes"]["5"] == alone and alone["boards"] == 12
    assert Image.open(tmp_path / "sizes.png").format == "PNG"
    mixed = [*some_boards(5, 3, seed=1), *some_boards(3, 2, seed=1)]
    (tmp_path / "mixed.txt").write_text(as_text(mixed))
    code, out, _ = run("evaluate", "--model", free, "--boards", "mixed.txt")
    assert code == 0 and "3×3" in out and "5×5" in out and "5 boards" in out
    code, out, _ = run("solve", "--model", free, "--boards", "mixed.txt", "--json")
    assert [len(json.loads(line)["input"]) for line in out.splitlines()] == [5, 5, 5, 3, 3]
    code, out, _ = run("solve", "--model", free, "--size", "7", "--seed", "1", "--until", "solved",
                       "--max-segments", "2", "--restarts", "1")  # fmt: skip
    assert code == 0 and "abstains: no answer checked out within 2 segments" in out


def test_all_puzzles_are_taken_where_there_are_few(run, free):
    code, out, _ = run("evaluate", "--model", free, "--size", "2", "--json")
    few = json.loads(out)["boards"]
    assert code == 0 and 0 < few < 1000
    code, _, err = run("evaluate", "--model", free, "--size", "2", "--count", str(few + 1))
    assert code == 2 and f"count {few + 1}: only {few} puzzles" in err


def test_ways_of_thinking_are_compared_in_a_curve(run, free, tmp_path):
    words = ["evaluate", "--model", free, "--count", "6", "--size", "3", "--curve", "a.png"]
    code, out, err = run(*words, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["boards"] == 6 and len({way["way"] for way in found["ways"]}) == 7
    assert Image.open(tmp_path / "a.png").format == "PNG"
    code, out, _ = run(*words)
    assert code == 0 and "until solved, 8 symmetries" in out and "GFLOP" in out
    assert max(map(len, out.splitlines())) <= 80


def test_random_boards_repeat_with_their_seed(run, model):
    one, two = (run("solve", "--model", model, "--json", "--seed", "5") for _ in range(2))
    assert one[1] == two[1] and "--seed 5" in one[2]
    fresh = [run("solve", "--model", model, "--json")[1] for _ in range(3)]
    assert len(set(fresh)) == 3


def test_solve_reads_standard_input_and_prints_json_lines(model, tmp_path):
    text = "S...\n.##.\n....\n...E\n\nS#..\n##..\n....\n...E\n"
    done = subprocess.run(
        [sys.executable, "-m", "hrm", "solve", "--model", model, "--boards", "-", "--json"],
        input=text, capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["input"] == ["S...", ".##.", "....", "...E"]
    assert first["target"] == ["S...", "*##.", "*...", "***E"]
    assert second["target"] is None and second["verdict"] == "unsolvable"


def test_an_animation_for_each_board(run, model, tmp_path):
    (tmp_path / "two.txt").write_text(as_text(some_boards(4, 2)))
    code, out, _ = run("solve", "--model", model, "--boards", "two.txt", "--gif", "a.gif")
    assert code == 0 and "a-1.gif" in out
    assert (tmp_path / "a-1.gif").is_file() and (tmp_path / "a-2.gif").is_file()


def test_brackets_in_names_are_no_markup(run):
    code, out, err = run("train", "debug", *TINY, "--out", "a[b]c[/d]")
    assert code == 0, err
    assert "a[b]c[/d]" in out
    assert run("info", "a[b]c[/d]")[0] == 0


def test_an_animation_of_several_attempts(run, model, tmp_path):
    words = ["--until", "solved", "--max-segments", "2", "--symmetries", "--restarts", "1"]
    code, out, err = run("solve", "--model", model, "--seed", "1", *words, "--gif", "a.gif")
    assert code == 0, err
    assert "attempts" in out and Image.open(tmp_path / "a.gif").format == "GIF"


def test_every_key_of_the_task_is_an_option(run, model):
    free = json.loads(run("solve", "--model", model, "--wall-prob", "0", "--json")[1])
    assert "#" not in "".join(free["input"])
    text = run("data", "generate", "--wall-prob=0.8", "task.board_size=6", "--count", "3")[1]
    puzzles = [puzzle.input for puzzle in board_path(6).parse(text)]
    np.testing.assert_array_equal(puzzles, some_boards(6, 3, wall_prob=0.8))
    words = ["evaluate", "--model", model, "--count", "30", "--json"]
    assert run(*words, "--wall-prob", "0.1")[1] != run(*words, "--wall-prob", "0.5")[1]


def test_noise_of_restarts_has_a_seed(run, model, monkeypatch):
    hows = []
    real = solving.think
    monkeypatch.setattr(
        solving, "think", lambda m, t, p, how, *more: hows.append(how) or real(m, t, p, how, *more)
    )
    for words in ([], ["--noise-seed", "3"]):
        assert run("solve", "--model", model, "--restarts", "2", *words)[0] == 0
    assert [(how.restarts, how.noise_seed) for how in hows] == [(2, 0), (2, 3)]


@pytest.fixture
def own(run, tmp_path) -> str:
    """The run folder of a puzzle of one's own, whose file stands beside it."""
    shutil.copy(mines.__file__, tmp_path / "mines.py")
    words = ["task.train_count=24", "task.val_count=8", "model.d_model=16", "train.epoch_cnt=1"]
    words += ["model.use_abs_pos=true", "train.threads=1"]
    code, _, err = run("train", "mines.py:Mines", *words, "--out", "own")
    assert code == 0, err
    return "own"


def test_a_puzzle_of_one_s_own_is_trained_solved_and_measured(run, own, tmp_path):
    code, out, err = run("solve", "--model", own, "--seed", "1", "--json")
    assert code == 0, err
    solution = json.loads(out)
    assert [len(row) for row in solution["input"]] == [5, 5, 5]
    task = mines.Mines()
    (puzzle,) = task.parse("\n".join(solution["input"]))
    assert solution["target"] == task.rows(task.answer(puzzle.input[None])[0], answer=True)
    code, out, err = run("evaluate", "--model", own, "--count", "20", "--size", "4x6", "--json")
    assert code == 2 and "4×6" in err and "3×5" in err  # learned positions
    code, out, _ = run("evaluate", "--model", own, "--count", "20", "--json")
    assert code == 0 and json.loads(out)["boards"] == 20
    assert "mines.py:Mines" in run("info", own)[1]
    assert "How many mines lie around" in run("info", "mines.py:Mines")[1]
    text = run("data", "generate", "mines.py:Mines", "--size", "2x7", "--count", "3")[1]
    assert [puzzle.input.shape for puzzle in task.parse(text)] == [(2, 7)] * 3


def test_a_model_folder_never_brings_its_own_code(run, own, tmp_path, monkeypatch):
    sent = tmp_path / "elsewhere/sent"
    shutil.copytree(tmp_path / "own/checkpoints/best", sent)
    shutil.copy(tmp_path / "mines.py", sent)
    monkeypatch.chdir(sent)
    refused(run("solve", "--model", "."), "never loaded from", "--task")
    monkeypatch.chdir(sent.parent)
    refused(run("solve", "--model", "sent"), "no mines.py", "--task PATH/mines.py:Mines")
    own_file = f"{tmp_path / 'mines.py'}:Mines"
    assert run("solve", "--model", "sent", "--task", own_file, "--seed", "1")[0] == 0


def test_data_generate_and_check(run, tmp_path):
    code, out, err = run("data", "generate", "--size", "6", "--count", "5", "--seed", "3")
    assert code == 0 and "5 boards, sha256" in err
    boards = some_boards(6, 5, seed=3)
    assert [p.input.tobytes() for p in board_path(6).parse(out)] == [b.tobytes() for b in boards]

    run("data", "generate", "--size", "6", "--count", "8", "--seed", "3", "--out", "a.txt")
    run("data", "generate", "--size", "6", "--count", "8", "--seed", "4", "--out", "b.txt")
    assert len(board_path(6).read("a.txt")) == 8
    code, out, _ = run("data", "check", "a.txt", "b.txt")
    assert code == 0 and "in both: 0" in out
    (tmp_path / "c.txt").write_text(as_text(boards[:3]))
    code, out, err = run("data", "check", "a.txt", "c.txt")
    assert code == 1 and "in both: 3" in out and "3 boards are in both" in err
    assert check_leak(board_path(6), boards, boards[:3]).shared == 3


def test_info(run):
    code, out, _ = run("info")
    assert code == 0
    assert torch.__version__ in out and "preset demo" in out and "boardpath-10x10" in out
