"""The specification's script, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

import boardpath
from hrm import RunConfig
from hrm.config.presets import preset

SCRIPT = Path(boardpath.__file__)


@pytest.fixture
def script(tmp_path):
    """The script, edited as the specification invites to: a tiny task and model."""
    text = SCRIPT.read_text()
    for old, new in {
        "board_size=10": "board_size=4",
        "train_count=4000": "train_count=32",
        "val_count=500": "val_count=8",
        "d_model=256": "d_model=8",
        "epoch_cnt=30": "epoch_cnt=1",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "boardpath.py").write_text(text)

    def run(*words):
        command = [sys.executable, "boardpath.py", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_its_defaults_are_the_specification_s():
    task, model = boardpath.get_config()
    config = RunConfig(task=task, model=model, train=boardpath.get_train_config())
    expected = preset("specification").derive(model__L_block_cnt=4)
    assert config == expected


def test_train_then_inference(script, tmp_path):
    done = script("--mode", "train")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/boardpath/metrics.jsonl").is_file()
    done = script("--mode", "inference")
    assert done.returncode == 0, done.stderr
    assert "Predicted board" in done.stdout and "boardpath.gif" in done.stdout
    with Image.open(tmp_path / "boardpath.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 1 + 2 * 2


def test_inference_before_any_training_uses_the_bundled_model(script, tmp_path):
    done = script("--mode", "inference")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.split("Input board:\n")[1].split("\n\n")[0].splitlines()
    assert len(rows) == 10
    assert (tmp_path / "boardpath.gif").is_file()


def test_a_wrong_edit_is_one_clear_line(script, tmp_path):
    path = tmp_path / "boardpath.py"
    path.write_text(path.read_text().replace("head_cnt=4", "head_cnt=3"))
    done = script("--mode", "train")
    assert done.returncode == 2
    assert "head_cnt" in done.stderr and "Traceback" not in done.stderr
