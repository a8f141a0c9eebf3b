"""A tiny model learns each puzzle that ships, on a training and a validation set of its own."""

import pytest
from helpers import Silent

from hrm.config.load import validate
from hrm.config.nested import lay_over
from hrm.config.presets import starting_point
from hrm.data.load import load_dataset
from hrm.training.trainer import Trainer

TINY = {
    "model": {"d_model": 32, "head_cnt": 2, "infer_segment_cnt": 2},
    "train": {"threads": 1, "batch_size": 16, "lr": 5e-3, "warmup_steps": 10, "ema": 0.9},
}


@pytest.mark.parametrize(
    ("task", "keys", "epochs", "least"),
    [
        ("sudoku", {"size": 4, "train_count": 48}, 6, 0.6),
        ("maze", {"kind": "perfect", "rows": 7, "columns": 7, "train_count": 320}, 5, 0.5),
    ],
)
def test_a_tiny_model_learns(task, keys, epochs, least, tmp_path):
    settings = {"task": {**keys, "val_count": 40, "stream": False}, **TINY}
    settings["train"] = {**settings["train"], "epoch_cnt": epochs}
    config = validate(lay_over(starting_point(task).model_dump(), settings))
    reporter = Silent()
    Trainer(config, load_dataset(config.task), tmp_path, reporter).run()
    first, last = reporter.rows[0], reporter.rows[-1]
    assert last["val_loss"] < 0.6 * first["val_loss"]
    assert last["open_acc"] > first["open_acc"] and last["solved"] >= least
