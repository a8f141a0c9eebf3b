"""Configs: defaults, what is laid over what, and the YAML that they are read back from."""

import math

import pytest
from configs import load, load_text, task_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hrm import RunConfig
from hrm.config.explain import SECTIONS, config_keys, explain
from hrm.config.load import load_config, validate
from hrm.config.nested import ConfigError
from hrm.tasks.settings import HELD_OUT_SEED

FEW = settings(deadline=None, max_examples=100, derandomize=True)

TASK_KEYS = """name board_size board_sizes wall_prob train_count val_count seed stream augment
    move_ends mazes train_boards val_boards"""
MODEL_KEYS = """d_model head_cnt sdpa_dropout dropout bias_qkv bias_o head_bias expansion
    elementwise_affine H_block_cnt L_block_cnt H_cycle_cnt L_cycle_cnt learnable_z_init use_rope
    rope_2d use_abs_pos local_mixing modules grad_horizon infer_segment_cnt"""
TRAIN_KEYS = """epoch_cnt batch_size lr weight_decay grad_clip warmup_steps lr_schedule
    train_segment_cnt seed ema checkpoint_minutes micro_batch threads precision compile"""
LOOK_LIKE_VALUES = ["1e3", "5E-1", "-1e3", "1.e2", "12", "0x1f", "yes", "null", "~", "2001-01-01"]
LOOK_LIKE_SYNTAX = [
    *["a: b", "# x", "- x", "'", '"', "\\", "{", "!!int 3", "*a", "&a", " x ", "%", "1:30"],
    *["a\tb\r\nc", "é 盤"],
]


def read_back(config, tmp_path):
    """A config that differs everywhere it can is the base, so that nothing is read by default."""
    (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    base = RunConfig().derive(task__seed=77, model__d_model=64, train__lr=0.123)
    return load_config(base, (str(tmp_path / "config.yaml"),))


fractions = st.floats(0, 0.9)
names = st.none() | st.from_regex(r"[a-zé][a-z é:#'\"\\/.-]{0,12}", fullmatch=True)


@st.composite
def configs(draw):
    heads = draw(st.integers(1, 8))
    modules = draw(st.sampled_from(["HL", "H"]))
    cycles = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rope = draw(st.booleans())
    own = draw(names)
    task = {
        "board_size": draw(st.integers(2, 64)),
        "wall_prob": draw(fractions),
        "train_count": draw(st.integers(1, 9999)),
        "seed": draw(st.integers(0, HELD_OUT_SEED - 1)),
        "stream": own is None and draw(st.booleans()),
        "augment": draw(st.booleans()),
        "move_ends": draw(st.integers(0, 4)),
        "mazes": draw(st.floats(0, 1)),
        "train_boards": own,
        "val_boards": own and draw(names),
    }
    model = {
        "d_model": 4 * heads * draw(st.integers(1, 30)),
        "head_cnt": heads,
        "dropout": draw(fractions),
        "expansion": draw(st.floats(0.01, 8) | st.integers(1, 8)),
        "L_block_cnt": None if modules == "H" else draw(st.none() | st.integers(1, 8)),
        "H_cycle_cnt": cycles[0],
        "L_cycle_cnt": cycles[1],
        "use_rope": rope,
        "rope_2d": rope and draw(st.booleans()),
        "modules": modules,
        "grad_horizon": draw(
            st.sampled_from(["one_step", "full"]) | st.integers(1, cycles[0] * cycles[1])
        ),
    }
    train = {
        "lr": draw(st.floats(1e-300, 10)),
        "weight_decay": draw(st.floats(0, 10)),
        "warmup_steps": draw(st.integers(0, 10**9)),
        "lr_schedule": draw(st.sampled_from(["constant", "cosine"])),
        "ema": draw(fractions),
        "grad_clip": draw(st.floats(0, 1e300)),
        "init_from": draw(names),
    }
    return validate({"task": task, "model": model, "train": train})


def test_every_valid_config_is_read_back_from_its_yaml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")

    @FEW
    @given(configs())
    def check(config):
        assert read_back(config, folder) == config

    check()


@pytest.mark.parametrize("name", [*LOOK_LIKE_VALUES, *LOOK_LIKE_SYNTAX])
def test_names_that_look_like_something_else_are_read_back(tmp_path, name):
    config = RunConfig().derive(train__init_from=name)
    assert read_back(config, tmp_path) == config


def test_defaults_are_the_specifications(tmp_path):
    config = RunConfig()
    task, model, train = task_of(config), config.model, config.train
    assert (task.board_size, task.wall_prob) == (10, 0.3)
    assert (task.train_count, task.val_count) == (4000, 500)
    assert (model.d_model, model.head_cnt, model.H_block_cnt, model.L_block_cnt) == (
        256,
        4,
        4,
        None,
    )
    assert (model.H_cycle_cnt, model.L_cycle_cnt, model.infer_segment_cnt) == (2, 2, 2)
    assert (model.dropout, model.sdpa_dropout, model.expansion) == (0.1, 0.1, 4.0)
    assert (model.modules, model.grad_horizon) == ("HL", "one_step")
    assert (train.epoch_cnt, train.batch_size, train.train_segment_cnt) == (30, 64, 2)
    assert (train.lr, train.weight_decay, train.grad_clip, train.ema) == (3e-4, 0.01, 0.0, 0.0)
    assert load_text(tmp_path, "task: {}\n") == config == load()


def test_every_key_of_the_contract_is_there_and_explained():
    keys = config_keys()
    for section, names in (("task", TASK_KEYS), ("model", MODEL_KEYS), ("train", TRAIN_KEYS)):
        assert {f"{section}.{name}" for name in names.split()} <= set(keys)
    assert list(SECTIONS) == ["task", "model", "train"]
    assert all(field.description for field in keys.values())


def test_derive_keeps_the_original_and_checks_what_it_is_given():
    config = RunConfig()
    assert config.derive(model__H_cycle_cnt=3).model.H_cycle_cnt == 3
    assert config == RunConfig()
    with pytest.raises(ValidationError) as caught:
        config.derive(train__lr=-1, train__rl=1, task__seed=-2)
    lines = sorted(line.partition(": ")[::2] for line in explain(caught.value))
    assert [key for key, _ in lines] == ["task.seed", "train.lr", "train.rl"]
    assert lines[0][1].endswith("got -2") and lines[1][1].endswith("got -1")
    assert lines[2][1].startswith("unknown key")


def test_a_config_cannot_be_changed():
    config = RunConfig()
    with pytest.raises(ValidationError):
        config.train.lr = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        config.train = config.train  # pyright: ignore[reportAttributeAccessIssue]


def test_steps_and_frames_follow_from_cycles_and_modules():
    cycles = ("model.H_cycle_cnt=3", "model.L_cycle_cnt=4")
    model = load(*cycles).model
    assert (model.step_cnt, model.grad_step_cnt, model.frames_per_segment) == (12, 1, 3)
    assert load(*cycles, "model.modules=H").model.frames_per_segment == 12
    assert load(*cycles, "model.grad_horizon=full").model.grad_step_cnt == 12
    assert load(*cycles, "model.grad_horizon=12").model.grad_step_cnt == 12
    with pytest.raises(ConfigError, match=r"model\.grad_horizon: 13"):
        load(*cycles, "model.grad_horizon=13")


@FEW
@given(st.sampled_from(sorted(config_keys())), st.floats() | st.integers() | st.booleans())
def test_any_number_is_taken_as_it_is_or_refused_by_its_key(key, value):
    text = {math.inf: ".inf", -math.inf: "-.inf"}.get(value, "nan" if value != value else value)
    try:
        config = load(f"{key}={text}")
    except ConfigError as error:
        assert str(error).startswith(key.partition(".")[0])
    else:
        section, _, name = key.partition(".")
        found = getattr(getattr(config, section), name)
        assert found == value or isinstance(found, str)


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("task.seed=010", "seed", 10),
        ("task.seed=0x10", "seed", 16),
        ("task.stream=true", "stream", True),
    ],
)
def test_an_override_is_yaml_1_2(override, field, value):
    assert getattr(load(override).task, field) == value


@pytest.mark.parametrize("override", ["train.epoch_cnt=1:30", "task.stream=on", "task.stream=yes"])
def test_text_that_was_once_a_number_or_a_yes_is_refused(override):
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match=f"{key}: .*{value}"):
        load(override)
