"""The machine that computes: what is chosen, what is refused, what arithmetic is used."""

import shutil

import pytest
import torch
from commands import called, done
from helpers import MINES, tiny

from hrm import RunConfig, TrainConfig, machine, native
from hrm.machine import Machine
from hrm.models import kernels


def test_compiling_needs_a_compiler(monkeypatch):
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name: None if "++" in name else which(name))
    with pytest.raises(ValueError, match=r"train\.compile: .* C\+\+ compiler"):
        machine.resolve(RunConfig(train=TrainConfig(compile=True)))
    machine.resolve(RunConfig())


def test_choices_are_made_once():
    resolved = machine.resolve(RunConfig(train=TrainConfig(batch_size=8, micro_batch=100)))
    train = resolved.train
    assert train.micro_batch == 8 and train.threads >= 1 and train.device == "cpu"
    assert train.kernels in ("fused", "plain")
    assert machine.resolve(resolved) == resolved
    small, large = (RunConfig().derive(task__board_size=size) for size in (10, 20))
    assert machine.resolve(small).train.micro_batch == 16
    assert machine.resolve(large).train.micro_batch == 4
    oblong = machine.resolve(tiny(task__name=MINES, train__batch_size=500, train__micro_batch=0))
    assert oblong.train.micro_batch == 1600 // (3 * 5)
    mixed = RunConfig().derive(task__board_sizes=[10, 20], model__rope_2d=True)
    assert machine.resolve(mixed).train.micro_batch == 4  # what fits of the largest


@pytest.mark.parametrize(
    ("features", "chosen"),
    [
        ("fpu avx2 fma", "fp32"),
        ("avx512f avx512bw", "fp32"),
        ("avx512f avx512_bf16", "bf16"),
        ("amx_bf16 amx_tile", "bf16"),
        ("fp asimd bf16", "bf16"),
        (None, "fp32"),
    ],
)
def test_bf16_is_chosen_where_the_processor_has_it(features, chosen, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    if features:
        cpuinfo.write_text(f"processor : 0\nflags : {features}\nbugs : none\n")
    monkeypatch.setattr(native, "_CPU_INFO", cpuinfo)
    auto, asked = (
        machine.resolve(tiny(train__precision=precision, train__micro_batch=0)).train
        for precision in ("auto", chosen)
    )
    assert auto == asked and auto.precision == chosen
    assert machine.slow_precision(auto) is None
    slow = machine.slow_precision(auto.model_copy(update={"precision": "bf16"}))
    assert slow is None if chosen == "bf16" else slow and "auto chooses" in slow


def test_a_training_says_that_its_precision_is_slow_here(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    monkeypatch.setattr(native, "_CPU_INFO", tmp_path / "cpuinfo")
    words = ("train", "debug", "train.epoch_cnt=1", "task.train_count=8", "train.batch_size=8")
    told = {
        precision: done(*words, f"train.precision={precision}", f"--out={tmp_path / precision}")
        for precision in ("bf16", "auto")
    }
    assert "train.precision: bf16 is not known to be in hardware" in told["bf16"]
    assert "train.precision" not in told["auto"]


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"train\.device: cuda is not available.*use auto or cpu"):
        machine.resolve(RunConfig(train=TrainConfig(device="cuda")))
    with pytest.raises(ValueError, match=r"^device: cuda is not available"):
        machine.pick_device("cuda")


@pytest.mark.parametrize("key", list(machine.LEFT_OPEN))
def test_a_choice_that_is_still_open_is_refused_where_it_counts(key):
    train = tiny().train.model_copy(update={key: machine.LEFT_OPEN[key]})
    with pytest.raises(ValueError, match=rf"train\.{key}: .* still to be chosen.*resolve"):
        Machine.of(train)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_arithmetic_is_that_of_the_run_while_it_lasts(precision):
    products = torch.bfloat16 if precision == "bf16" else torch.float32
    train = tiny(train__precision=precision, train__kernels="plain").train
    x = torch.randn(2, 9, 8)
    with Machine.of(train).arithmetic():
        assert (x @ x.mT).dtype == products and not kernels.apply_to(x)
    assert (x @ x.mT).dtype == torch.float32 and kernels.apply_to(x) == kernels.available()


def test_the_fastest_device_there_is_is_chosen(monkeypatch):
    assert machine.pick_device().type == "cpu"
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert machine.pick_device().type == "mps"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert machine.pick_device().type == "cuda"
    assert machine.pick_device("cpu").type == "cpu"


@pytest.mark.parametrize("command", ["solve", "evaluate"])
def test_commands_that_answer_choose_threads_and_say_how_many(command, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", str(before + 1))
    words = ["--count=1"] if command == "evaluate" else ["--seed=1"]
    assert f"Model: boardpath-10x10 ({before + 1} threads)" in done(command, *words)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "Model: boardpath-10x10 (1 thread)" in called(command, *words, "--json").err
    assert torch.get_num_threads() == before


def test_a_number_of_threads_that_is_none_is_not_taken(monkeypatch):
    for text in ("0", "-1", "many", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert 1 <= machine.default_threads() <= machine.core_cnt()
