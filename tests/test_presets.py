"""Presets: what they are, and that each can be trained."""

import re

import folders
import pytest
import torch
from commands import called
from helpers import Silent

from hrm import RunConfig
from hrm.config.load import load_config, validate
from hrm.config.presets import RENAMED, about, preset, preset_names
from hrm.data.load import fit_to_own_puzzles, load_dataset
from hrm.inference.evaluation import LONG
from hrm.models.hub import DEFAULT_MODEL, bundled_models
from hrm.models.networks import make_network
from hrm.models.operations import forward_flops
from hrm.tasks import registry
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


PUBLISHED = {"sudoku": (9, 9, 11), "maze": (30, 30, 6), "arc": (30, 30, 12)}
"""Rows, columns and codes of the data sets that the presets of published runs are for."""
OF_DATA_SETS = [name for name in preset_names() if preset(name).task.name == "folder"]


def with_shape(config: RunConfig, name: str) -> RunConfig:
    """The config of a preset; for a data set, one of the published shape."""
    if name not in OF_DATA_SETS:
        return config
    rows, columns, codes = PUBLISHED[name.split("-")[1]]
    return config.derive(task__rows=rows, task__columns=columns, task__vocab_size=codes)


@pytest.mark.parametrize("name", OF_DATA_SETS)
def test_the_first_steps_of_published_runs_at_reduced_width(name, tmp_path):
    data = folders.write(tmp_path / "data")
    narrow = {"model__d_model": 16, "model__head_cnt": 2, "model__H_cycle_cnt": 2}
    config = preset(name).derive(
        task__path=str(data), task__val_count=1, **narrow, model__infer_segment_cnt=1,
        train__batch_size=2, train__epoch_updates=3, train__epoch_cnt=2, train__warmup_steps=2,
    )  # fmt: skip
    config = config.model_copy(update={"task": fit_to_own_puzzles(config.task)})
    reporter = Silent()
    trainer = Trainer(config, load_dataset(config.task), tmp_path / "run", reporter)
    before = [weights.detach().clone() for weights in trainer.model.parameters()]
    trainer.run()
    assert [row["updates"] for row in reporter.rows] == [3, 6]
    assert trainer.model.embedding.puzzles.weights.any()
    moved = [
        not torch.equal(*pair) for pair in zip(before, trainer.model.parameters(), strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize("name", OF_DATA_SETS)
def test_published_runs_have_the_published_settings(name):
    config = preset(name)
    train, model = config.train, config.model
    assert (train.optimizer, train.lr, train.batch_size) == ("adam_atan2", 1e-4, 768)
    assert (train.warmup_steps, train.lr_schedule, train.loss) == (2000, "constant", "stablemax")
    assert (train.halt, train.train_segment_cnt, train.exploration) == ("learned", 16, 0.1)
    trm, arc = model.network == "trm", "arc" in name
    assert (train.ema, train.ema_warmup) == ((0.999, False) if trm else (0.0, True))
    assert train.weight_decay == train.puzzle_weight_decay == (0.1 if arc else 1.0)
    assert train.puzzle_lr == (1e-2 if arc else 1e-4)
    cycles = (3, 6 if "sudoku" in name else 4) if trm else (2, 2)
    assert (model.H_cycle_cnt, model.L_cycle_cnt) == cycles
    if not arc:
        published = 65_104 if trm else 26_041
        assert 0 <= published - train.epoch_cnt * train.epoch_updates < 10


@pytest.mark.parametrize("name", [name for name in preset_names() if name not in OF_DATA_SETS])
def test_every_preset_makes_a_step(name, tmp_path):
    config = preset(name).derive(train__batch_size=1, train__train_segment_cnt=1)
    count = len(config.task.parts())
    keys = {"task__train_count": count, "task__val_count": count}
    if config.task.name == "sudoku":  # 1,000 hard ones would be drawn, to be kept back: 13 s
        keys["task__min_guesses"] = 0
    dataset = load_dataset(config.derive(**keys).task)
    trainer = Trainer(config, dataset, tmp_path, Silent())
    batch, *others = dataset.batches(1, seed=0, batch_size=1)
    assert len(others) == count - 1
    before = [weights.detach().clone() for weights in trainer.model.parameters()]
    assert trainer.train_batch(batch) > 0
    after = list(trainer.model.parameters())
    assert not all(map(torch.equal, after, before))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_states_its_cost(name):
    """The parameters to the digits shown; the time as by 50 to 250 GFLOP/s, and 10 s more."""
    config, (_, parameters, time) = with_shape(preset(name), name), about(name)
    grid = registry.make(config.task).grid
    with torch.device("meta"):
        count = make_network(config.model, grid).parameter_cnt
    assert parameters == (f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count / 1e3:.0f} k")
    number, unit = time.split()
    seconds = float(number) * {"s": 1, "min": 60, "h": 3600, "d": 86_400}[unit]
    if name == "finetune":  # of a user's own boards
        config = config.derive(task__board_size=15, task__train_count=720, task__val_count=80)
        grid = registry.make(config.task).grid
    segments = LONG * config.model.infer_segment_cnt * config.task.val_count
    validation = config.train.epoch_cnt * segments * sum(forward_flops(config.model, grid).values())
    flops = run_flops(config) + validation
    assert flops / 250e9 < seconds < flops / 50e9 + 10


def test_without_a_preset_they_are_listed_with_their_costs():
    result = called("train")
    assert result.code == 2 and "which preset or task?" in result.err
    for name in preset_names():
        assert re.search(rf"  {name} +{about(name).parameters} +{about(name).time}  ", result.err)
    assert max(map(len, result.err.splitlines())) <= 80


def test_the_default_model_is_bundled():
    assert DEFAULT_MODEL in bundled_models()


@pytest.mark.parametrize("name", OF_DATA_SETS)
def test_a_preset_of_a_data_set_asks_for_it(name):
    with pytest.raises(ValueError, match=r"path"):
        load_dataset(preset(name).task)
