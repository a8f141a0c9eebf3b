"""What a model to start from must have in common with the config."""

import pytest
import torch

from hrm import HRM
from hrm.config.presets import preset
from hrm.runs.finetuning import model_to_start_from
from hrm.tasks import registry

CONFIG = preset("record-sudoku").derive(task__size=4, task__min_guesses=0, model__d_model=8,
                                        model__head_cnt=2)  # fmt: skip
BOARDS = preset("debug").derive(model__modules="HL", model__L_block_cnt=1, model__d_model=8)


def start(config, folder, **changes) -> HRM:
    task = registry.make(config.task)
    HRM(config.model, task.grid, registry.describe(config.task)).save_pretrained(folder)
    found = model_to_start_from(config.derive(train__init_from=str(folder), **changes))
    assert isinstance(found, HRM)
    return found


def test_what_says_nothing_may_differ(tmp_path):
    """Heads and positions without attention; a number of blocks that is the default."""
    changes = {"model__rope_2d": False, "model__head_cnt": 1, "model__use_rope": False}
    model = start(CONFIG, tmp_path / "a", **changes)
    saved = HRM.from_pretrained(tmp_path / "a").state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())
    assert start(BOARDS, tmp_path / "b", model__L_block_cnt=None).config.L_block_cnt is None


@pytest.mark.parametrize(
    ("config", "changes", "words"),
    [
        (CONFIG, {"model__attention": True}, r"model\.attention: True, but .* has False"),
        (CONFIG, {"model__d_model": 16}, r"model\.d_model: 16, but .* has 8"),
        (BOARDS, {"model__rope_2d": False}, r"model\.rope_2d: False, but .* has True"),
        (BOARDS, {"model__L_block_cnt": 2}, r"model\.L_block_cnt: 2, but .* has 1"),
    ],
)
def test_what_makes_another_network_is_refused(config, changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        start(config, tmp_path / "a", **changes)
