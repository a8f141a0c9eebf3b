"""What is refused of a config: each mistake in a line with its key, its value and a way out."""

import re

import pytest
from configs import load, load_text, refused

from hrm import RunConfig
from hrm.config.load import load_config
from hrm.config.nested import ConfigError
from hrm.tasks.settings import HELD_OUT_SEED


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


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("boardpaht", "perhaps you meant boardpath"),
        ("chess", r"there are .*boardpath.*; your own are FILE\.py:Class"),
        ("none.py:Mine", r"none\.py: no such file; name the task FILE\.py:Class"),
        ("hrm.nothing:Mine", r"hrm\.nothing: cannot be imported"),
        ("hrm.tasks.task:Task", "hrm.tasks.task has no task Task; it has none"),
        ("hrm.tasks.boardpath.task:Board", r"it has hrm\.tasks\.boardpath\.task:BoardPath"),
    ],
)
def test_unknown_tasks_are_refused_with_a_way_out_and_other_mistakes_beside_them(name, remedy):
    line, other = refused(f"task.name={name}", "train.lr=-1")
    assert re.match(rf"task\.name: .*{remedy}", line)
    assert other.startswith("train.lr: ")


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
        ("task", "3"),
        ("task", "[1]"),
        ("task.board_size", "true"),
        ("task.board_size", "10.5"),
        ("task.board_size", "'10'"),
        ("task.board_size", "null"),
        ("task.board_size", "[10]"),
        ("task.board_size", "{a: 1}"),
        ("task.name", "3"),
        ("task.name", "null"),
        ("task.name", "true"),
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


@pytest.mark.parametrize("value", ["on", "yes", "True!"])
def test_yes_and_on_are_no_truth_values_and_one_is_told_what_is(value):
    """In YAML 1.2 they are texts."""
    assert refused(f"task.augment={value}") == [f"task.augment: write true or false, got {value!r}"]


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("task.board_size", (2, 256), (1, 257, 0, -3)),
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
    assert re.match(r"task\.train_count: 1000000 puzzles .*over 8 GiB.*; use fewer", line)
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
