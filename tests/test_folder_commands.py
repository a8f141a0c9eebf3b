"""Data sets on the command line: exported, trained on, evaluated, solved, moved away."""

import json
import sys

import pytest
from folders import task

from hrm import cli


@pytest.fixture
def hrm(monkeypatch, capsys, tmp_path):
    """A command line in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def hrm(*words):
        monkeypatch.setattr(sys, "argv", ["hrm", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return hrm


TINY = ["model.d_model=16", "model.head_cnt=2", "model.H_cycle_cnt=2", "train.threads=1"]


def test_from_export_to_training_to_solving(hrm, tmp_path, monkeypatch):
    code, out, err = hrm(
        *("data", "export", "boardpath", "--size", "4", "--out", "data"),
        *("--train-count", "60", "--test-count", "20"),
    )
    assert code == 0 and "hrm train folder task.path=data" in out, err
    train = ("train", "folder", "task.path=data", "task.val_count=12", *TINY)
    code, out, err = hrm(*train, "train.epoch_cnt=1", "--out", "run")
    assert code == 0, err
    assert json.loads((tmp_path / "run" / "data.json").read_text())["train_count"] == 48

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, out, err = hrm(
        "train", "--resume", "--out", "../run", "train.epoch_cnt=2", "--accept-changes"
    )
    assert code == 0, err
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2

    code, out, err = hrm(
        "evaluate", "--model", "../run", "--count", "20", "--segments", "1", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["boards"] == 20
    code, out, err = hrm("evaluate", "--model", "../run", "--count", "21")
    assert code == 2 and "count 21" in err and "fewer" in err

    puzzles = task(tmp_path / "data").given("test")
    text = task(tmp_path / "data").format_all(puzzles.inputs[:2])
    (tmp_path / "boards.txt").write_text(text)
    solve = ("solve", "--model", "../run", "--boards", "../boards.txt", "--json")
    solutions = [json.loads(line) for line in hrm(*solve)[1].splitlines()]
    assert [s["target"] for s in solutions] == [
        task(tmp_path / "data").rows(answer, answer=True) for answer in puzzles.answers[:2]
    ]
    (tmp_path / "data").rename(tmp_path / "moved")
    solutions = [json.loads(line) for line in hrm(*solve)[1].splitlines()]
    assert [(s["target"], s["verdict"]) for s in solutions] == [(None, "unknown")] * 2
    code, out, err = hrm("evaluate", "--model", "../run")
    assert code == 2 and "--path DIR" in err and err.count("\n") == 1
    best = "../run/checkpoints/best"
    code, out, err = hrm(
        "evaluate", "--model", best, "--path", "../moved", "--count", "5", "--json"
    )
    assert code == 0 and json.loads(out)["boards"] == 5, err


def test_a_task_without_its_data_set_is_answered_in_a_line(hrm):
    for words in (
        ("train", "folder"),
        ("data", "generate", "folder"),
        ("data", "export", "folder", "--out", "x"),
        ("train", "folder", "task.path=nowhere"),
        ("data", "export", "folder", "--path", "nowhere", "--out", "x"),
    ):
        code, _, err = hrm(*words)
        named = "--path" if "--path" in words else "task.path"
        assert code == 2 and err.startswith(f"hrm: {named}: ") and err.count("\n") == 1, err
    code, out, err = hrm("info", "folder")
    assert code == 0 and "task.path" in out, err
