"""Presets: what they are, and that each can be trained."""

import re

import pytest
import torch
from commands import called
from helpers import Silent

from hrm import RunConfig
from hrm.config.load import load_config, validate
from hrm.config.presets import RENAMED, about, preset, preset_names
from hrm.data.load import load_dataset
from hrm.inference.evaluation import LONG
from hrm.models.hub import DEFAULT_MODEL, bundled_models
from hrm.models.networks import make_network
from hrm.models.operations import forward_flops
from hrm.tasks import registry
from hrm.tasks.grid import Grid
from hrm.training.cost import run_flops
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
    config = preset("specification")
    assert config == RunConfig()
    found = config.model_dump()
    for section, values in SPECIFICATION.items():
        for key, value in values.items():
            assert found[section][key] == value, f"{section}.{key}"


def test_the_ablation_base_is_the_specification_s():
    config = preset("specification-20x20")
    task = config.task.model_dump()
    assert (task["board_size"], task["train_count"], task["val_count"]) == (20, 2000, 500)
    assert (config.train.epoch_cnt, config.train.lr, config.train.batch_size) == (40, 3e-4, 64)
    assert config.model == preset("specification").model


def test_former_names_still_work_and_an_unknown_name_is_told_all():
    assert set(RENAMED.values()) <= set(preset_names())
    assert not RENAMED.keys() & set(preset_names())
    for former, name in RENAMED.items():
        assert preset(former) == preset(name)
    with pytest.raises(ValueError, match=f"^preset demoo: unknown; .*{', '.join(preset_names())}"):
        preset("demoo")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_a_purpose_is_valid_derives_and_is_read_back(name, tmp_path):
    config = preset(name)
    assert about(name).purpose
    assert config.task.name in registry.BUILT_IN
    assert validate(config.model_dump()) == config
    (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    # A base that differs, so that nothing is read by default.
    base = RunConfig().derive(task__seed=77, model__d_model=64, train__lr=0.123)
    assert load_config(base, (str(tmp_path / "config.yaml"),)) == config
    derived = config.derive(task__seed=5, train__lr=0.5)
    assert (derived.task.seed, derived.train.lr) == (5, 0.5)
    assert derived.derive(task__seed=config.task.seed, train__lr=config.train.lr) == config


NEED_DATA = [name for name in preset_names() if preset(name).task.name == "folder"]
COMPLETE = [name for name in preset_names() if name not in NEED_DATA]


@pytest.mark.parametrize("name", COMPLETE)
def test_every_preset_makes_a_step(name, tmp_path):
    config = preset(name).derive(train__batch_size=1, train__train_segment_cnt=1)
    dataset = load_dataset(config.derive(task__train_count=1, task__val_count=1).task)
    trainer = Trainer(config, dataset, tmp_path, Silent())
    [batch] = dataset.batches(1, seed=0, batch_size=1)
    before = [weights.detach().clone() for weights in trainer.model.parameters()]
    assert trainer.train_batch(batch) > 0
    after = list(trainer.model.parameters())
    assert not all(map(torch.equal, after, before))


@pytest.mark.parametrize("name", NEED_DATA)
def test_a_preset_of_a_data_set_asks_for_it(name):
    with pytest.raises(ValueError, match=r"path"):
        load_dataset(preset(name).task)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_states_its_parameters_to_the_digits_shown(name):
    config = preset(name)
    # Of a data set nobody knows the grid yet; it makes no difference to millions.
    grid = Grid(9, 9, 11, 11) if name in NEED_DATA else registry.make(config.task).grid
    count = make_network(config.model, grid).parameter_cnt
    if count < 1e5:
        words = f"{count / 1e3:.0f} k"
    else:
        words = f"{count / 1e6:.{1 if count < 1e7 else 0}f} M"
    assert about(name).parameters == words


@pytest.mark.parametrize("name", COMPLETE)
def test_every_preset_states_its_time(name):
    """As by 50 to 250 GFLOP/s, and 10 s more."""
    config = preset(name)
    if name == "finetune":  # of a user's own boards
        config = config.derive(task__board_size=15, task__train_count=720, task__val_count=80)
    grid = registry.make(config.task).grid
    segments = LONG * config.model.infer_segment_cnt * config.task.val_count
    validation = config.train.epoch_cnt * segments * sum(forward_flops(config.model, grid).values())
    flops = run_flops(config) + validation
    number, unit = about(name).time.split()
    seconds = float(number) * {"s": 1, "min": 60, "h": 3600}[unit]
    assert flops / 250e9 < seconds < flops / 50e9 + 10


def test_without_a_preset_they_are_listed_with_their_costs():
    result = called("train")
    assert result.code == 2 and "which preset or task?" in result.err
    for name in preset_names():
        assert re.search(rf"  {name} +{about(name).parameters} +{about(name).time}  ", result.err)
    assert max(map(len, result.err.splitlines())) <= 80


def test_the_default_model_is_bundled():
    assert DEFAULT_MODEL in bundled_models()
