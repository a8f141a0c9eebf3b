import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hrm.config.presets import DEFAULT_PRESET, PRESETS
from hrm.config.schema import (
    HELD_OUT_SEED,
    SECTIONS,
    ConfigError,
    RunConfig,
    config_keys,
    load_config,
    validate,
)

FEW = settings(deadline=None, max_examples=100, derandomize=True)

TASK_KEYS = "board_size wall_prob train_count val_count seed stream"
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


def load(*overrides):
    return load_config(RunConfig(), overrides=overrides)


def refused(*overrides):
    """The lines of the error that the settings give."""
    with pytest.raises(ConfigError) as caught:
        load(*overrides)
    return str(caught.value).splitlines()


def load_text(tmp_path, text, *overrides):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return load_config(RunConfig(), (str(tmp_path / "config.yaml"),), overrides)


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
    task, model, train = config.task, config.model, config.train
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


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_derives_and_is_read_back(tmp_path, name):
    words, config = PRESETS[name]
    assert words
    assert validate(config.model_dump()) == config
    assert read_back(config, tmp_path) == config
    derived = config.derive(task__seed=5, train__lr=0.5)
    assert (derived.task.seed, derived.train.lr) == (5, 0.5)
    assert derived.derive(task__seed=config.task.seed, train__lr=config.train.lr) == config


def test_default_preset_is_the_specifications_run():
    assert PRESETS[DEFAULT_PRESET][1] == RunConfig()


def test_derive_keeps_the_original_and_checks_what_it_is_given():
    config = RunConfig()
    assert config.derive(model__H_cycle_cnt=3).model.H_cycle_cnt == 3
    assert config == RunConfig()
    with pytest.raises(ConfigError, match=r"train\.lr: .*got -1"):
        config.derive(train__lr=-1)
    with pytest.raises(ConfigError, match=r"train\.rl: unknown key"):
        config.derive(train__rl=1)


def test_a_config_cannot_be_changed():
    config = RunConfig()
    with pytest.raises(ValidationError):
        config.train.lr = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        config.train = config.train  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("key", "guess"),
    [
        ("train.learning_rat", "train.lr"),
        ("train.batch_sze", "train.batch_size"),
        ("model.dmodel", "model.d_model"),
        ("model.h_cycle_cnt", "model.H_cycle_cnt"),
        ("task.lr", "train.lr"),
        ("lr", "train.lr"),
        ("board_size", "task.board_size"),
        ("model.d_modle", "model.d_model"),
        ("trian", "train"),
        ("task.zzzzzzzz", "lists the keys"),
    ],
)
def test_unknown_keys_are_refused_with_a_guess(tmp_path, key, guess):
    [line] = refused(f"{key}=1")
    assert line.startswith(f"{key}: unknown key; ")
    assert re.search(guess, line)


def test_unknown_sections_are_refused_with_a_guess():
    assert refused("modle.d_model=1") == ["modle: unknown key; perhaps you meant model"]


def test_unknown_keys_of_a_file_are_refused_with_a_guess(tmp_path):
    text = "train:\n  batch_sze: 3\ntask:\n  sed: 1\nmodell:\n  d_model: 4\n"
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["modell", "task.sed", "train.batch_sze"]
    assert all("perhaps you meant" in line for line in lines)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("task.board_size", "true"),
        ("task.board_size", "10.5"),
        ("task.board_size", "'10'"),
        ("task.board_size", "null"),
        ("task.board_size", "[10]"),
        ("task.board_size", "{a: 1}"),
        ("task.stream", "1"),
        ("task.stream", "'true'"),
        ("task.train_boards", "3"),
        ("train.lr", "true"),
        ("train.lr", "fast"),
        ("train.lr", "'0.1'"),
        ("train.lr", "null"),
        ("train.lr", ".nan"),
        ("train.lr", ".inf"),
        ("train.lr", "1e999"),
        ("train.lr", "2001-01-01"),
        ("train.grad_clip", ".inf"),
        ("train.compile", "0"),
        ("train.lr_schedule", "linear"),
        ("train.lr_schedule", "1"),
        ("model.modules", "L"),
        ("model.L_block_cnt", "false"),
        ("model.expansion", "[4]"),
    ],
)
def test_wrong_types_are_refused_with_key_and_value(key, value):
    [line] = refused(f"{key}={value}")
    assert line.startswith(f"{key}: ")
    assert "got " in line


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("task.board_size", (2, 64), (1, 65, 0, -3)),
        ("task.wall_prob", (0, 0.9), (-0.01, 0.91, 1)),
        ("task.train_count", (1, 1_000_000), (0, 1_000_001)),
        ("task.val_count", (1,), (0, -1)),
        ("task.seed", (0, 2**31 - 2), (-1, 2**31)),
        ("train.seed", (0, 2**31 - 1), (-1, 2**31)),
        ("model.d_model", (8, 2048), (0, 8196)),
        ("model.head_cnt", (1, 64), (0, 257)),
        ("model.dropout", (0, 0.99), (1, -0.1)),
        ("model.sdpa_dropout", (0, 0.99), (1, -0.1)),
        ("model.expansion", (0.1, 64), (0, -1, 65)),
        ("model.H_block_cnt", (1, 256), (0, 257)),
        ("model.L_block_cnt", (1, 256), (0, 257)),
        ("model.H_cycle_cnt", (1, 1024), (0, 1025)),
        ("model.L_cycle_cnt", (1, 1024), (0, 1025)),
        ("model.infer_segment_cnt", (1, 10_000), (0, 10_001)),
        ("train.epoch_cnt", (1,), (0,)),
        ("train.batch_size", (1,), (0,)),
        ("train.lr", (1e-9, 10), (0, -1, 11)),
        ("train.weight_decay", (0, 10), (-1, 11)),
        ("train.grad_clip", (0, 5), (-1,)),
        ("train.warmup_steps", (0, 10_000), (-1,)),
        ("train.train_segment_cnt", (1, 10_000), (0, 10_001)),
        ("train.ema", (0, 0.9999), (1, -0.1)),
        ("train.checkpoint_minutes", (0, 60), (-1,)),
        ("train.micro_batch", (0, 64), (-1,)),
        ("train.threads", (0, 4096), (-1, 4097)),
    ],
)
def test_ranges(key, good, bad):
    section, _, name = key.partition(".")
    base = RunConfig().derive(task__stream=True)
    for value in good:
        config = load_config(base, overrides=(f"{key}={value}",))
        assert getattr(getattr(config, section), name) == value
    for value in bad:
        with pytest.raises(ConfigError) as caught:
            load_config(base, overrides=(f"{key}={value}",))
        [line] = str(caught.value).splitlines()
        assert re.match(rf"{key}: .*got {value}$", line)


@pytest.mark.parametrize("value", [0, -1, "true", "half", "null", "1.5", "[1]"])
def test_a_wrong_gradient_horizon_is_refused_in_one_line(value):
    lines = refused(f"model.grad_horizon={value}")
    assert all(line.startswith("model.grad_horizon: ") for line in lines)
    assert len(lines) == 1


def follow(line):
    """The override that the end of an error line tells to use."""
    remedy = re.search(r"; use (\w+)=(\d+)$", line)
    assert remedy, line
    return f"{line.partition('.')[0]}.{remedy[1]}={remedy[2]}"


@pytest.mark.parametrize(
    "slip",
    [
        "d_model=250 head_cnt=4",
        "d_model=100 head_cnt=3",
        "d_model=1 head_cnt=256 use_rope=false",
        "d_model=10 head_cnt=4 use_rope=false",
        "d_model=12 head_cnt=4",
        "d_model=36 head_cnt=4",
        "d_model=24 head_cnt=4 rope_2d=true",
        "d_model=20 head_cnt=4 rope_2d=true",
        "d_model=3 head_cnt=1",
        # The next multiple of head_cnt is no remedy where RoPE refuses it.
        "d_model=10 head_cnt=4",
        "d_model=10 head_cnt=4 rope_2d=true",
        "d_model=90 head_cnt=8 rope_2d=true",
        # Nor is a number above the largest d_model.
        "d_model=8192 head_cnt=3 use_rope=false modules=H H_block_cnt=1",
        "d_model=8191 head_cnt=200 modules=H H_block_cnt=1",
    ],
)
def test_a_width_that_does_not_fit_is_refused_with_one_that_does(slip):
    overrides = [f"model.{setting}" for setting in slip.split()]
    [line] = refused(*overrides)
    assert line.startswith("model.d_model: ")
    load(*overrides, follow(line))


@pytest.mark.parametrize("stream", ["true", "false"])
def test_boards_that_no_memory_would_hold_are_refused(stream):
    [line] = refused("task.board_size=64", "task.train_count=1e6", f"task.stream={stream}")
    assert line.startswith("task.train_count: 1000000 boards of this size would take over 8 GiB")
    load("task.board_size=64", "task.train_count=1e5", f"task.stream={stream}")


def test_endless_segments_are_refused():
    [line] = refused("model.H_cycle_cnt=1000", "model.L_cycle_cnt=1000")
    assert line.startswith("model.H_cycle_cnt: 1000 × L_cycle_cnt 1000 makes 1,000,000 steps")


def test_models_that_no_machine_here_could_hold_are_refused():
    [line] = refused("model.d_model=8192", "model.H_block_cnt=256")
    assert line.startswith("model.d_model: 8192 with 512 blocks makes 412,316,860,416 weights")


def test_widths_that_fit_are_taken():
    load("model.d_model=12", "model.head_cnt=4", "model.use_rope=false")
    load("model.d_model=24", "model.head_cnt=4")
    load("model.d_model=32", "model.head_cnt=4", "model.rope_2d=true")


ONE_STEP = "model.H_cycle_cnt=1 model.L_cycle_cnt=1"


@pytest.mark.parametrize(
    ("slip", "named", "remedy"),
    [
        ("model.rope_2d=true model.use_rope=false", "model.rope_2d", "model.use_rope=true"),
        ("model.modules=H model.L_block_cnt=2", "model.L_block_cnt", "model.L_block_cnt=null"),
        ("model.grad_horizon=5", "model.grad_horizon", "model.grad_horizon=full"),
        (f"model.grad_horizon=2 {ONE_STEP}", "model.grad_horizon", "model.grad_horizon=full"),
        ("task.val_boards=x.txt", "task.val_boards", "task.train_boards=y.txt"),
        ("task.train_boards=x.txt task.stream=true", "task.stream", "task.stream=false"),
        (f"task.seed={HELD_OUT_SEED}", "task.seed", f"task.seed={HELD_OUT_SEED - 1}"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_with_a_way_out(slip, named, remedy):
    [line] = refused(*slip.split())
    assert line.startswith(f"{named}: ")
    name, _, value = remedy.partition(".")[2].partition("=")
    assert name in line
    assert value in line or value not in ("true", "false", "null", "full")
    load(*slip.split(), remedy)


def test_the_held_out_seed_is_refused_by_its_name():
    [line] = refused(f"task.seed={HELD_OUT_SEED}")
    assert "held-out" in line and "another seed" in line
    assert load(f"train.seed={HELD_OUT_SEED}").train.seed == HELD_OUT_SEED


def test_steps_and_frames_follow_from_cycles_and_modules():
    cycles = ("model.H_cycle_cnt=3", "model.L_cycle_cnt=4")
    model = load(*cycles).model
    assert (model.step_cnt, model.grad_step_cnt, model.frames_per_segment) == (12, 1, 3)
    assert load(*cycles, "model.modules=H").model.frames_per_segment == 12
    assert load(*cycles, "model.grad_horizon=full").model.grad_step_cnt == 12
    assert load(*cycles, "model.grad_horizon=12").model.grad_step_cnt == 12
    assert refused(*cycles, "model.grad_horizon=13")


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


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("task.seed=010", "seed", 10),
        ("task.seed=0x10", "seed", 16),
        ("task.stream=true", "stream", True),
    ],
)
def test_an_override_is_yaml_1_2(override, field, value):
    assert getattr(load_config(RunConfig(), (), (override,)).task, field) == value


@pytest.mark.parametrize("override", ["train.epoch_cnt=1:30", "task.stream=on", "task.stream=yes"])
def test_text_that_was_once_a_number_or_a_yes_is_refused(override):
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match=f"{key}: .*{value}"):
        load_config(RunConfig(), (), (override,))


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
    assert (config.task.seed, config.task.board_size, config.task.val_count) == (3, 6, 11)
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
    assert (config.task.seed, config.task.board_size, config.task.val_count) == (4, 5, 500)


@pytest.mark.parametrize("override", ["train.lr", "=3", "", "debug"])
def test_an_override_needs_key_and_value(override):
    [line] = refused(override)
    assert "expected key=value" in line


@pytest.mark.parametrize("override", ["train.lr=[1", "train.lr={a: 1, a: 2}", "train.lr=*x"])
def test_an_override_that_is_no_yaml_is_refused_by_its_key(override):
    with pytest.raises(ValueError, match=r"^train\.lr: line 1, column \d+: "):
        load(override)


def test_several_mistakes_have_a_line_each(tmp_path):
    text = "task: {board_size: 1, sed: 3}\ntrain: {lr: fast, batch_size: 0}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text, "model.d_model=9", "model.head_cnt=2")
    lines = str(caught.value).splitlines()
    assert sorted(line.split(": ")[0] for line in lines) == [
        "model.d_model",
        "task.board_size",
        "task.sed",
        "train.batch_size",
        "train.lr",
    ]
    [lr] = [line for line in lines if line.startswith("train.lr")]
    assert lr.endswith("got 'fast'")


@pytest.mark.parametrize("section", ["3", "null", "[1]", "text"])
def test_a_section_that_is_no_mapping_is_refused(section):
    [line] = refused(f"model={section}")
    assert line.startswith("model: ")


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
