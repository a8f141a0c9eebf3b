"""Output that nobody reads any more: long work saves itself first, short commands just end."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import runs_in_children as children
from helpers import board_path

from hrm import cli
from hrm.config.schema import ModelConfig
from hrm.models.hrm import HRM
from hrm.runs.output import make_console
from hrm.runs.tracking import TensorboardReporter
from hrm.training import checkpoints

CLOSED_PIPE = 128 + signal.SIGPIPE
TINY = [
    "task.board_size=4", "task.train_count=64", "task.val_count=8", "model.d_model=8",
    "train.batch_size=8", "train.epoch_cnt=6", "train.threads=1",
]  # fmt: skip
FULL = Path("/dev/full")


def start(folder: Path, *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "hrm", *words]
    return subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr)


def closed_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def end(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and standard error."""
    _, err = process.communicate(timeout=100)
    return process.returncode, (err or b"").decode()


def here(*words: str) -> int:
    """The exit code of the command in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["hrm", *words])
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> str:
    """The outcome of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert here("train", "debug", *TINY, "--out", str(folder)) == 0
    return children.outcome(folder)


def test_a_run_whose_reader_leaves_saves_itself_and_goes_on_bit_for_bit(tmp_path, whole):
    process = start(tmp_path, "train", "debug", *TINY, "--out", "run")
    assert process.stdout
    next(line for line in process.stdout if b"train loss" in line)
    process.stdout.close()
    process.stdout = None
    code, err = end(process)
    assert code == CLOSED_PIPE
    assert err.count("\n") == 1 and "go on with: hrm train --resume --out run" in err
    # Saved where it stopped: within an epoch, which no other save is so soon.
    assert checkpoints.read(tmp_path / "run/checkpoints/last").progress.batch > 0
    assert here("train", "--resume", "--out", str(tmp_path / "run")) == 0
    assert children.outcome(tmp_path / "run") == whole


@pytest.mark.parametrize("place", ["closed", "full"])
def test_a_run_whose_words_go_nowhere_at_all_saves_itself(tmp_path, place):
    if place == "full" and not FULL.exists():
        pytest.skip("no /dev/full here")
    output = closed_pipe() if place == "closed" else os.open(FULL, os.O_WRONLY)
    process = start(tmp_path, "train", "debug", *TINY, "--out", "run", stdout=output, stderr=output)
    os.close(output)
    assert end(process)[0] == CLOSED_PIPE
    assert checkpoints.read(tmp_path / "run/checkpoints/last").progress.batch > 0


def test_a_study_whose_reader_leaves_has_its_runs_save_themselves(tmp_path):
    settings = {"task": {"board_size": 4, "train_count": 64, "val_count": 8},
                "model": {"d_model": 8}, "train": {"epoch_cnt": 2000}}  # fmt: skip
    study = {"title": "t", "base": "debug", "seeds": 1, "settings": settings, "rows": {"a": {}}}
    (tmp_path / "s.yaml").write_text(json.dumps(study))
    words = ["study", "run", "s.yaml", "--workers", "1", "--threads", "1", "--runs", "runs"]
    output = closed_pipe()
    process = start(tmp_path, *words, stdout=output)
    os.close(output)
    code, err = end(process)
    assert code == CLOSED_PIPE
    assert err.count("\n") == 1 and "every run is saved" in err


@pytest.mark.parametrize("words", [["data", "generate", "--count", "2000"], ["--help"]])
def test_a_short_command_ends_without_a_word(tmp_path, words):
    output = closed_pipe()
    process = start(tmp_path, *words, stdout=output)
    os.close(output)
    assert end(process) == (1, "")


def test_a_closed_connection_of_a_run_is_not_taken_for_its_output(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(TensorboardReporter, "__init__", lambda *_: None)
    monkeypatch.setattr(TensorboardReporter, "epoch", fail)
    monkeypatch.setattr(TensorboardReporter, "close", lambda *_: None)
    words = [*TINY, "--track", "tensorboard", "--out", str(tmp_path / "run")]
    assert here("train", "debug", *words) == 1
    err = capsys.readouterr().err
    assert "run: Broken pipe; what was saved stays" in err and err.count("\n") == 1


def output_here(*words: str, encoding: str) -> tuple[int, str]:
    """Exit code and standard output of the command in this process."""
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        code = here(*words)
    output.flush()
    return code, output.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    "words", [["info"], ["evaluate", "--model", "free", "--size", "3,4", "--count", "5"]]
)
def test_output_in_an_encoding_of_few_letters_is_not_lost(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    config = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1, rope_2d=True)
    HRM(config, 4).save_pretrained(tmp_path / "free")
    code, narrow = output_here(*words, encoding="ascii")
    wide_code, wide = output_here(*words, encoding="utf-8")
    assert code == wide_code == 0
    assert re.findall(r"\d+\.\d+", narrow) == re.findall(r"\d+\.\d+", wide) != []
    assert "×" in wide and "?" in narrow


def test_a_file_s_name_of_any_bytes_can_be_said(tmp_path):
    file = str(tmp_path / os.fsdecode(b"\xff"))
    assert here("data", "generate", "--out", file) == 0
    code, out = output_here("data", "check", file, file, encoding="utf-8")
    assert code == 1 and "?: 1 boards" in out


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_process_without_standard_streams_does_its_work(tmp_path, closed):
    script = f'"$0" -m hrm data generate --count 3 --out boards.txt {closed}'
    process = subprocess.run(["sh", "-c", script, sys.executable], cwd=tmp_path)
    assert process.returncode == 0
    assert len(board_path(4).read(tmp_path / "boards.txt")) == 3


def test_boards_of_a_closed_standard_input_are_missing_in_words(tmp_path):
    script = '"$0" -m hrm data check - boards.txt 0<&-'
    process = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 2 and process.stderr.count("\n") == 1
    assert "standard input" in process.stderr and "no board found" in process.stderr


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    code = (
        "import os\n"
        "from hrm.cli import errors_as_exit_codes\n"
        "with errors_as_exit_codes():\n"
        "    file = open('mine', 'w')\n"
        "os.write(2, b'a word of a library')\n"
    )
    subprocess.run(["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, code], cwd=tmp_path)
    assert (tmp_path / "mine").read_bytes() == b""


def test_a_lost_output_is_told_of_once(monkeypatch):
    told = []
    with open(closed_pipe(), "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        console = make_console(lambda: told.append(1))
        console.print("nobody reads this")
        console.print("nor this")
    assert told == [1]
