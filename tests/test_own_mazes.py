"""Fine-tuning a model on mazes of one's own, as text and as pictures; see docs/finetune.md."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from commands import ANY_SIZE, as_text, called, done, save_model
from helpers import some_boards
from PIL import Image

from hrm import RunConfig
from hrm.config.load import load_config
from hrm.tasks.boardpath.boards import END, FLOOR, START, WALL

COLOURS = {FLOOR: (255, 255, 255), WALL: (0, 0, 0), START: (0, 200, 0), END: (220, 20, 20)}


@pytest.fixture
def mazes(tmp_path, monkeypatch) -> Path:
    """A folder with a model of 4×4 and twenty boards of 5×5, as text and as pictures."""
    save_model(tmp_path / "small", **ANY_SIZE)
    boards = some_boards(5, 20, seed=9)
    (tmp_path / "mazes.txt").write_text(as_text(boards))
    (tmp_path / "pictures").mkdir()
    for number, board in enumerate(boards):
        pixels = np.array([[COLOURS[code] for code in row] for row in board], dtype=np.uint8)
        Image.fromarray(pixels).resize((15, 15), 0).save(tmp_path / f"pictures/{number:02}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pictures_of_another_size_fine_tune_a_model_as_text_does(mazes):
    hashes = []
    for given in ("mazes.txt", "pictures"):
        words = ["--init-from", "small", "--train-boards", given, "--out", f"runs/{given}"]
        done("train", "finetune", *words, "train.threads=1", "train.precision=fp32")
        task = load_config(RunConfig(), (f"runs/{given}/config.yaml",)).task
        assert (task.shape, task.train_count, task.val_count) == ((5, 5), 18, 2)
        hashes.append(json.loads(Path(f"runs/{given}/data.json").read_text())["hashes"])
    assert hashes[0] == hashes[1]
    assert "Verdict" in done("solve", "--model", "runs/pictures", "--boards", "pictures/00.png")


def test_what_cannot_be_used_is_named(mazes):
    words = ["train", "finetune", "--init-from", "small", "--train-boards"]
    closed = np.array([[0, 0, 0], [0, 255, 0], [0, 0, 0]], dtype=np.uint8)
    Image.fromarray(closed).save("pictures/zz.png")
    for given, complaint in (("small", "without a PNG"), ("pictures", "zz.png: no squares for")):
        result = called(*words, given)
        assert result.code == 2 and complaint in result.err, result.err


def test_what_can_be_read_only_once_is_refused(mazes):
    os.mkfifo("pipe")
    for given, words in (
        ("-", ["--train-boards", "-"]),
        ("pipe", ["--train-boards", "pipe"]),
        ("pipe", ["task.train_boards=pipe"]),
    ):
        result = called("train", "debug", *words)
        assert result.code == 2, result.err
        assert f"task.train_boards: {given}: a run reads its puzzles several" in result.err
