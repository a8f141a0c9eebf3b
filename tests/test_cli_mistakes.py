"""Every mistake of a user is one clear line and an exit code, and leaves nothing behind."""

import signal

import pytest
from commands import ANY_SIZE, Command, as_text, command_line, refused, save_model
from helpers import some_boards

from hrm import cli
from hrm.errors import Stopped


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


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("train debug train.lrr=1", ["train.lrr", "perhaps you meant train.lr"]),
        ("train debug lr=1", ["perhaps you meant train.lr"]),
        ("train debug train.lr=fast", ["train.lr", "number", "'fast'"]),
        ("train model.d_model=33", ["model.d_model", "33", "head_cnt 4", "d_model=40"]),
        ("train model.d_model=12", ["model.d_model", "RoPE", "d_model=16"]),
        ("train debug task.wall_prob=1.5", ["task.wall_prob", "1.5"]),
        ("train debug task.board_size=100000", ["task.board_size", "256"]),
        ("train task.board_sizes=[8,10]", ["task.board_sizes", "use_rope", "model.rope_2d=true"]),
        ("train debug task.board_sizes=[4,6]", ["task.board_size", "5", "[4, 6]"]),
        ("train debug task.board_sizes=[5,5]", ["task.board_sizes", "twice"]),
        ("train debug task.board_sizes=[5,6,7] task.val_count=2", ["3 sizes", "val_count 2"]),
        ("train nonsense", ["nonsense", "debug"]),
        ("train dbug", ["dbug", "perhaps you meant debug"]),
        ("train nope.py:Nope", ["nope.py", "no such file"]),
        ("train file.py:Nope", ["file.py", "no task Nope"]),
        ("train debug demo", ["one preset"]),
        ("train --config nope.yaml", ["nope.yaml"]),
        ("train --resume --out nope", ["nope", "config.yaml"]),
        ("train debug --resume", ["runs/debug", "--out"]),
        ("train debug --out file", ["file"]),
        ("train debug --train-boards nope.txt", ["nope.txt"]),
        ("train debug --track nonsense", ["--track"]),
        ("train --resumee", ["--resume"]),
        ("train debug --accept-changes", ["--accept-changes", "add --resume"]),
        ("solve --model nope", ["nope", "boardpath-10x10"]),
        ("solve --model model --boards bad.txt", ["bad.txt", "line 2, column 3", "'x'"]),
        ("solve --model model --boards five.txt", ["board 1: boards are 5×5", "4×4", "rope_2d"]),
        ("solve --model model --size 6", ["6×6", "4×4"]),
        ("solve --model model --boards five.txt --seed 1", ["--seed", "--boards"]),
        ("solve --model model --segments 0", ["--segments"]),
        ("solve --model model --segments 10000 --gif a.gif", ["20,001 frames", "fewer segments"]),
        ("solve --model model --wall-prob 0.95", ["--wall-prob"]),
        ("solve --model model --wall-prb 0.2", ["--wall-prb", "perhaps you meant --wall-prob"]),
        ("solve --model model --wall-prob", ["--wall-prob", "needs a value"]),
        ("solve --model model 0.2", ["unexpected argument '0.2'"]),
        ("solve --model model --size 4x5", ["--size 4x5", "square"]),
        ("solve --model model --size 0", ["'0'", "from 1 to 256"]),
        ("solve --model model --boards five.txt --wall-prob 0.2", ["--wall-prob", "--boards"]),
        ("solve --model model --gif file/a.gif", ["file"]),
        ("solve --model damaged", ["damaged", "config.json"]),
        ("solve --model model --until solved --segments 3", ["segments", "max_segments"]),
        ("solve --model model --max-segments 3", ["max_segments", "until"]),
        ("solve --model model --until done", ["--until", "settled"]),
        ("evaluate --model model --size 5", ["5×5", "4×4", "rope_2d"]),
        ("evaluate --model model --size 1,5", ["--size 1: board_size", "2, got 1"]),
        ("evaluate --model free --size 3,4 --curve a.png", ["--curve", "--size"]),
        ("evaluate --model free --segments 3 --curve a.png", ["--curve", "--segments"]),
        ("evaluate --model free --size 3 --boards five.txt", ["--size", "--boards"]),
        ("evaluate --model free --count 3 --boards five.txt", ["--count", "--boards"]),
        ("evaluate --model model --segments 2,x", ["'2,x'"]),
        ("evaluate --model model --boards five.txt", ["5×5", "4×4"]),
        (
            "evaluate --model model --boards unsolvable.txt",
            ["unsolvable.txt: puzzle 1", "no path", "take it out"],
        ),
        ("data check five.txt nope.txt", ["nope.txt"]),
        (
            "data generate --size 3 --count 100000",
            ["too few different puzzles of 3×3", "ask for fewer"],
        ),
        ("dat", ["Did you mean", "data"]),
    ],
)
def test_wrong_input_is_one_clear_line(run, model, free, tmp_path, words, parts):
    for name in ("file", "file.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "bad.txt").write_text("S...\n..x.\n....\n...E\n")
    (tmp_path / "five.txt").write_text(as_text(some_boards(5, 1)))
    (tmp_path / "unsolvable.txt").write_text("S#..\n##..\n....\n...E\n")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/config.json").write_text("{")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    refused(run(*words.split()), *parts)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_of_several_processes_the_first_speaks_first(run, monkeypatch):
    waits = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("time.sleep", waits.append)
    for number, head_starts in (("0", 0), ("1", 1)):  # the second is heard if nobody ends it
        monkeypatch.setenv("RANK", number)
        refused(run("train", "debug", "train.lrr=1"), "perhaps you meant train.lr")
        assert len(waits) == head_starts


def test_of_several_processes_that_are_stopped_the_first_tells(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for number, words in (("0", "hrm: saved\n"), ("1", "")):
        monkeypatch.setenv("RANK", number)
        with pytest.raises(SystemExit, match="130"), cli.errors_as_exit_codes():
            raise Stopped("saved", signal.SIGINT)
        assert capsys.readouterr().err == words


def test_too_little_memory_is_one_line(run, model, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr("hrm.inference.solving.solve_all", fail)
    code, _, err = run("solve", "--model", model)
    assert code == 1 and err.startswith("hrm: out of memory; give fewer --boards")
