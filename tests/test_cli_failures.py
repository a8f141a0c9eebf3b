"""What the command line makes of failures of the machine and of the system around it."""

import errno
import re
import sys

import numpy as np
import pytest
import torch
from commands import TINY, Command, command_line, refused

from hrm import cli
from hrm.config.explain import config_keys
from hrm.models import kernels
from hrm.runs import folder as runs


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Command:
    return command_line(monkeypatch, capsys, tmp_path)


def test_a_run_begun_while_another_takes_the_folder_gets_the_next_number(run, tmp_path):
    with runs.locked(tmp_path / "runs/debug"):
        code, _, err = run("train", "debug", *TINY)
        assert code == 0, err
        refused(run("train", "debug", *TINY, "--out", "runs/debug"), "in use by process")
    assert (tmp_path / "runs/debug-2/metrics.jsonl").is_file()
    assert not (tmp_path / "runs/debug/config.yaml").exists()


def test_resume_goes_on_with_the_run_that_was_last_at_work(run, tmp_path):
    for _ in range(2):
        assert run("train", "debug", *TINY)[0] == 0
    assert run("train", "--resume", "--out", "runs/debug")[0] == 0
    code, out, err = run("train", "debug", "--resume")
    assert code == 0, err
    assert "hrm solve --model runs/debug\n" in out


COMMANDS = ("train", "solve", "evaluate", "info", "data generate", "study run s.yaml")


TOO_LARGE = {
    "torch": lambda *_, **__: torch.empty(2**58, dtype=torch.uint8),
    "numpy": lambda *_, **__: np.empty(2**58, dtype=np.uint8),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
@pytest.mark.parametrize("command", COMMANDS)
def test_too_little_memory_is_one_line_with_a_remedy_that_the_command_has(
    run, monkeypatch, command, kind
):
    name, *rest = command.split()
    # As if the command itself had asked for so much.
    monkeypatch.setattr(cli.app.commands[name], "invoke", TOO_LARGE[kind])
    code, _, err = run(name, *rest)
    assert code == 1 and err.count("\n") == 1 and err.startswith("hrm: out of memory; ")
    options = {word for parameter in cli.app.commands[name].params for word in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", err)) <= options
    settable = set(config_keys()) if name in ("train", "study") else set()
    assert set(re.findall(r"\w+\.\w+", err)) <= settable


def test_words_about_memory_are_not_too_little_of_it(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("unsupported memory format option Preserve")  # as PyTorch has it

    monkeypatch.setattr(cli.app.commands["info"], "invoke", fail)
    monkeypatch.setattr(sys, "argv", ["hrm", "info"])
    with pytest.raises(RuntimeError, match="memory"):  # a fault of the program, with its traceback
        cli.main()


@pytest.mark.parametrize("number", [None, errno.ENOMEM])
def test_a_failure_of_the_system_without_a_number_keeps_its_words(run, monkeypatch, number):
    words = "encoder error -2 when writing image file"

    def fail(*_):
        raise OSError(number, words) if number else OSError(words)

    monkeypatch.setattr(cli.app.commands["info"], "invoke", fail)
    assert run("info") == (1, "", f"hrm: output: {words}\n")


def test_a_run_that_a_library_s_failure_ends_says_why(run, monkeypatch):
    def fail(*_):
        raise OSError("the event file is closed")

    monkeypatch.setattr("hrm.runs.display.TrainingDisplay.epoch", fail)
    code, _, err = run("train", "debug", *TINY, "--out", "run")
    assert code == 1 and err.count("\n") == 1
    assert "run: the event file is closed; what was saved stays" in err and "None" not in err


def test_info_says_why_the_kernels_are_plain(run, monkeypatch):
    kernels.library.cache_clear()
    monkeypatch.setattr("shutil.which", lambda name: None)
    try:
        code, out, _ = run("info")
    finally:
        kernels.library.cache_clear()
    assert code == 0 and re.search(r"kernels +│ plain: there is no C compiler", out)


@pytest.mark.parametrize("others", [{}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": ""}])
def test_a_lone_process_with_a_number_of_its_own_trains_and_writes(
    run, monkeypatch, tmp_path, others
):
    for name, value in {"RANK": "1", **others}.items():
        monkeypatch.setenv(name, value)
    code, out, _ = run("train", "debug", *TINY, "train.epoch_cnt=1", "--out", "run")
    assert code == 0 and "val loss" in out
    assert (tmp_path / "run/metrics.jsonl").is_file()
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    refused(run("train", "debug", "train.lrr=1"), "perhaps you meant train.lr")
    assert not waits


@pytest.mark.parametrize(
    "name, value", [("WORLD_SIZE", "two"), ("WORLD_SIZE", "0"), ("RANK", "-1")]
)
def test_numbers_of_processes_that_are_none_are_refused(run, monkeypatch, name, value):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, value)
    refused(run("train", "debug", *TINY, "--out", "run"), f"{name}={value}", "torchrun")
