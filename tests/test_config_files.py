"""Configs from YAML files and from key=value: how they are read, and which comes before which."""

import pytest
from configs import load, load_text, refused, task_of

from hrm import RunConfig
from hrm.config.load import load_config
from hrm.config.nested import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E-3", 1e-3), ("2.5e-4", 2.5e-4), ("1e1", 10), ("1", 1), (".5", 0.5)],
)
def test_exponents_are_numbers_in_files_and_on_the_command_line(tmp_path, text, value):
    for config in (load(f"train.lr={text}"), load_text(tmp_path, f"train:\n  lr: {text}\n")):
        assert config.train.lr == value


@pytest.mark.parametrize("text", ["1e4", "1E4", "1e+4", "1.0e4", "10000", "1.0e+4"])
def test_whole_exponents_are_whole_numbers(tmp_path, text):
    for config in (
        load(f"task.train_count={text}"),
        load_text(tmp_path, f"task:\n  train_count: {text}\n"),
    ):
        assert config.task.train_count == 10_000
        assert type(config.task.train_count) is int


def test_keys_of_a_file_may_be_dotted_as_on_the_command_line(tmp_path):
    config = load_text(tmp_path, "train.lr: 0.5\ntrain: {epoch_cnt: 3}\ntask.seed: 4\n")
    assert (config.train.lr, config.train.epoch_cnt, config.task.seed) == (0.5, 3, 4)
    with pytest.raises(ConfigError, match=r"train\.lr: is given twice"):
        load_text(tmp_path, "train: {lr: 0.1}\ntrain.lr: 0.2\n")


def test_files_come_before_overrides_each_in_order(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("task: {seed: 1, board_size: 6}\ntrain: {lr: 0.1, ema: 0.5}\n")
    second.write_text("task: {seed: 2}\ntrain: {lr: 0.2}\n")
    files = (str(first), str(second))
    base = RunConfig().derive(task__seed=9, task__val_count=11)
    config = load_config(base, files, ("train.lr=0.3", "train.lr=0.4", "task.seed=3"))
    assert (config.task.seed, task_of(config).board_size, config.task.val_count) == (3, 6, 11)
    assert (config.train.lr, config.train.ema) == (0.4, 0.5)
    assert load_config(base, files).task.seed == 2
    assert load_config(base, files[::-1]).task.seed == 1
    assert load_config(base, files[::-1]).train.lr == 0.1
    assert base.task.seed == 9


def test_only_the_settings_as_a_whole_need_to_be_valid(tmp_path):
    config = load_text(tmp_path, "model: {d_model: 30, head_cnt: 4}\n", "model.head_cnt=5")
    assert (config.model.d_model, config.model.head_cnt) == (30, 5)
    config = load("model.grad_horizon=6", "model.H_cycle_cnt=3")
    assert config.model.grad_step_cnt == 6


def test_a_section_can_be_set_whole():
    config = load("task={seed: 4, board_size: 5}")
    assert (config.task.seed, task_of(config).board_size, config.task.val_count) == (4, 5, 500)


@pytest.mark.parametrize("override", ["train.lr", "=3", "", "debug"])
def test_an_override_needs_key_and_value(override):
    [line] = refused(override)
    assert "expected key=value" in line


@pytest.mark.parametrize("override", ["train.lr=[1", "train.lr={a: 1, a: 2}", "train.lr=*x"])
def test_an_override_that_is_no_yaml_is_refused_by_its_key(override):
    with pytest.raises(ValueError, match=r"^train\.lr: line 1, column \d+: "):
        load(override)


@pytest.mark.parametrize("content", ["", "# nothing\n", "- 1\n", "text", "3"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    with pytest.raises(ConfigError, match=r"config\.yaml: expected sections task, model, train"):
        load_text(tmp_path, content)


def test_files_that_cannot_be_used_are_named(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for file, problem in ((binary, "not a text file"), (tmp_path / "none.yaml", "No such file")):
        with pytest.raises(ValueError, match=f"{file.name}: {problem}"):
            load_config(RunConfig(), (str(file),))
    with pytest.raises(ValueError, match=tmp_path.name):
        load_config(RunConfig(), (str(tmp_path),))
    with pytest.raises(ValueError, match=r"config\.yaml: line 2, column 9: key 'lr' twice"):
        load_text(tmp_path, "train: {lr: 1,\n        lr: 2}\n")


def test_keys_that_are_no_text_are_refused(tmp_path):
    for text in ("1: 2\n", "task: {1: 2}\n", "null: {}\n", "task: {true: 1}\n"):
        with pytest.raises(ConfigError):
            load_text(tmp_path, text)
