import pytest
import torch
from test_training import Silent

from hrm import distributed
from hrm.config.presets import DEFAULT_MODEL, DEFAULT_PRESET, PRESETS
from hrm.config.schema import RunConfig, load_config
from hrm.data.dataset import generate, load_dataset
from hrm.inference.evaluation import to_tokens
from hrm.models.hub import bundled_models
from hrm.tasks.boardpath.boards import label
from hrm.training.trainer import Trainer

SPECIFICATION = {
    "task": {"board_size": 10, "wall_prob": 0.3, "train_count": 4000, "val_count": 500},
    "model": {
        "d_model": 256, "head_cnt": 4, "H_block_cnt": 4, "H_cycle_cnt": 2, "L_cycle_cnt": 2,
        "dropout": 0.1, "sdpa_dropout": 0.1, "expansion": 4.0, "use_rope": True,
        "use_abs_pos": False, "bias_qkv": False, "bias_o": False, "head_bias": False,
        "rope_2d": False, "local_mixing": False, "infer_segment_cnt": 2,
    },
    "train": {
        "epoch_cnt": 30, "batch_size": 64, "lr": 3e-4, "weight_decay": 0.01, "grad_clip": 0.0,
        "warmup_steps": 0, "lr_schedule": "constant", "train_segment_cnt": 2, "ema": 0.0,
    },
}  # fmt: skip


def test_the_default_is_the_specification_s():
    found = PRESETS[DEFAULT_PRESET][1].model_dump()
    for section, values in SPECIFICATION.items():
        for key, value in values.items():
            assert found[section][key] == value, f"{section}.{key}"


def test_the_ablation_base_is_the_specification_s():
    config = PRESETS["boardpath-20x20"][1]
    assert (config.task.board_size, config.task.train_count, config.task.val_count) == (
        20, 2000, 500,
    )  # fmt: skip
    assert (config.train.epoch_cnt, config.train.lr, config.train.batch_size) == (40, 3e-4, 64)
    assert config.model == PRESETS[DEFAULT_PRESET][1].model


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_step_and_survives_yaml(name, tmp_path):
    config = PRESETS[name][1]
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(RunConfig(), (str(tmp_path / "config.yaml"),)) == config

    config = config.derive(train__batch_size=1, train__train_segment_cnt=1)
    config = distributed.resolve(config)
    dataset = load_dataset(config.derive(task__train_count=1, task__val_count=1).task)
    trainer = Trainer(config, dataset, tmp_path, Silent())
    boards = generate(config.task.board_size, config.task.wall_prob, 1, 0)
    tokens, targets = (to_tokens(b, torch.device("cpu")) for b in (boards, label(boards)))
    before = trainer.model.head.weight.detach().clone()
    assert trainer.train_batch(tokens, targets) > 0
    assert not torch.equal(trainer.model.head.weight, before)


def test_the_default_model_is_bundled():
    assert DEFAULT_MODEL in bundled_models()
