"""The command line as tests call it: `hrm` in this process, small models to call it with."""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from helpers import board_path

from hrm import ModelConfig, cli
from hrm.models.hrm import HRM

TINY = [
    "task.board_size=4",
    "task.train_count=32",
    "task.val_count=8",
    "model.d_model=8",
    "train.epoch_cnt=2",
    "train.threads=1",
]
"""Settings of a run of a second."""


class Result(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
"""Runs the command line of these words."""


def called(*words: str) -> Result:
    """What a command leaves that is run where one stands."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["hrm", *words])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    assert isinstance(end.value.code, int)
    return Result(end.value.code, out.getvalue(), err.getvalue())


def done(*words: str) -> str:
    """The standard output of a command that must not fail."""
    result = called(*words)
    assert result.code == 0, result.err
    return result.out


def command_line(monkeypatch, capsys, folder: Path) -> Command:
    """Commands in a folder."""
    monkeypatch.chdir(folder)

    def run(*words: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["hrm", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Result(end.value.code, captured.out, captured.err)

    return run


def refused(result: Result, *parts: str) -> None:
    """The command ended with one line that names all of these."""
    assert result.code == 2, result.err
    assert result.err.startswith("hrm: ") and result.err.count("\n") == 1, result.err
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err


def save_model(folder: Path, **changes) -> str:
    """Write a model for boards of 4×4; the name of its folder."""
    torch.manual_seed(0)
    config = ModelConfig(**{"d_model": 8, "head_cnt": 2, "H_block_cnt": 1, **changes})
    HRM(config, 4).save_pretrained(folder)
    return folder.name


ANY_SIZE = {"rope_2d": True, "local_mixing": True}
"""Settings of a model that works on boards of any size."""


def as_text(boards) -> str:
    """Of boards of whatever sizes."""
    return board_path(4).format_all(boards)
