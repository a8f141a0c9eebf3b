"""The fused kernels against plain PyTorch, and when they are used (dropout: `test_dropout`)."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, labelled, learner_of, some_boards, tiny

from hrm import ModelConfig, RunConfig, machine
from hrm.data.load import load_dataset
from hrm.inference.solving import solve_all
from hrm.models import kernels
from hrm.models.batch import to_targets, to_tokens
from hrm.models.hrm import HRM
from hrm.models.network import Network
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.tasks.examples import Examples
from hrm.training.slots import Slots

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="no C compiler here")

VARIANTS = {
    "HL": {},
    "HL-full": {"grad_horizon": "full", "L_cycle_cnt": 3},
    "H-detached": {"modules": "H"},
    "H-bptt": {"modules": "H", "grad_horizon": "full"},
    "H-two-of-four": {"modules": "H", "grad_horizon": 2},
    "local-2d": {"modules": "H", "rope_2d": True, "local_mixing": True, "grad_horizon": "full"},
    "both-positions": {"use_abs_pos": True},
    "no-positions": {"use_rope": False},
    "biases": {"bias_qkv": True, "bias_o": True, "head_bias": True},
    "fixed-scale": {"elementwise_affine": False, "learnable_z_init": False},
    "deep-odd": {"H_block_cnt": 3, "L_block_cnt": 1, "d_model": 36, "head_cnt": 3},
}


def examples(count: int) -> Examples:
    return labelled(some_boards(5, count))


def tokens_and_targets(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    found = examples(count)
    return to_tokens(found.inputs, CPU), to_targets(found.answers, CPU)


@needs_kernels
@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_weights_equal_those_of_plain_pytorch(variant):
    batch = examples(5)
    losses, weights = [], []
    for fused in (True, False):
        trained = learner_of(fused, VARIANTS[variant], train_segment_cnt=2, micro_batch=2)
        losses.append([trained.learn(batch, 2 * step) for step in range(3)])
        weights.append(trained.model.state_dict())
    assert losses[0] == pytest.approx(losses[1], rel=2e-6)
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-4, atol=2e-5, msg=name)


@needs_kernels
@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_gradients_equal_those_of_plain_pytorch(variant):
    tokens, targets = tokens_and_targets(3)
    torch.manual_seed(0)
    model = HRM(ModelConfig(**{"d_model": 24, "head_cnt": 2, "dropout": 0.0, "sdpa_dropout": 0.0,
                               "H_block_cnt": 2, **VARIANTS[variant]}), 5)  # fmt: skip
    found = []
    for fused in (True, False):
        model.zero_grad()
        with kernels.use(fused):
            _, logits = model(model.initial_state(3), tokens)
            F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        found.append({"logits": logits.detach(), **gradients})
    assert found[0].keys() == found[1].keys()
    for name, plain in found[1].items():
        torch.testing.assert_close(found[0][name], plain, rtol=1e-4, atol=2e-6, msg=name)


@needs_kernels
@pytest.mark.parametrize("variant", VARIANTS)
def test_bf16_is_as_close_to_fp32_as_plain_pytorch_in_bf16(variant):
    gradients = {}
    for precision, kind in (("fp32", "plain"), ("bf16", "plain"), ("bf16", "fused")):
        trained = learner_of(kind == "fused", VARIANTS[variant], precision=precision)
        (part,) = Slots(trained.model, examples(16), micro_batch=16).parts
        with trained.machine.arithmetic():
            trained._backward(part, trained.model.config.H_cycle_cnt)
        found = [p.grad.flatten() for p in trained.model.parameters() if p.grad is not None]
        assert all(g.dtype == torch.float32 for g in [part.state.zH, *found])
        gradients[precision, kind] = torch.cat([part.state.zH.flatten(), *found])
    exact = gradients["fp32", "plain"]
    plain, fused = ((gradients["bf16", kind] - exact).norm() for kind in ("plain", "fused"))
    assert 0 < fused < 1.2 * plain
    assert fused < 0.05 * exact.norm()


@needs_kernels
def test_two_threads_repeat_themselves_bit_for_bit():
    batch = examples(6)
    threads, weights = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        for _ in range(2):
            trained = learner_of(True, {"dropout": 0.2, "sdpa_dropout": 0.2, "local_mixing": True})
            for step in range(4):
                trained.learn(batch, 2 * step)
            weights.append(trained.model.state_dict())
    finally:
        torch.set_num_threads(threads)
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


@needs_kernels
def test_one_thread_may_train_on_kernels_while_another_solves_without_them():
    torch.manual_seed(1)
    solver = HRM(ModelConfig(d_model=24, head_cnt=2, H_block_cnt=1), 5).eval()

    def train(meet: Callable[[], object]) -> list[float]:
        trained = learner_of(True, {"dropout": 0.2, "sdpa_dropout": 0.2})
        before_each_update(trained.model, meet)
        return [trained.learn(examples(4), 2 * step) for step in range(4)]

    def solve(meet: Callable[[], object], fused: bool = False) -> torch.Tensor:
        logits = []
        hook = before_each_update(solver, meet)
        with (
            kernels.use(fused),
            solver.head.register_forward_hook(
                lambda module, inputs, output: logits.append(output.clone())
            ),
        ):
            list(solve_all(some_boards(5, 8), solver, batch_size=2))
        hook.remove()
        return torch.stack(logits)

    def before_each_update(model: Network, meet: Callable[[], object]):
        return model.H.register_forward_pre_hook(lambda *_: (meet(), None)[1])

    losses, logits = train(int), solve(int)
    # Each has 16 H updates, and begins each of them together with the other.
    meeting = threading.Barrier(2, timeout=60)
    with ThreadPoolExecutor(2) as threads:
        training = threads.submit(train, meeting.wait)
        solving = threads.submit(solve, meeting.wait)
    assert training.result() == losses
    assert torch.equal(solving.result(), logits)
    assert not torch.equal(solve(int, fused=True), logits)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_no_number_stays_none(dtype):
    x, y = torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    y[0, 1, 2] = math.nan
    assert kernels.add_norm(x, y.to(dtype), None, 0.0)[0, 1].isnan().all()
    qkv = torch.randn(1, 4, 24)
    qkv[0, 2, 1] = math.nan
    assert kernels.attention(qkv.to(dtype), 1, None, None, 0.0)[0, 2].isnan().all()


@pytest.fixture
def forgotten():
    """Nothing is remembered of whether the kernels can be had, before and after."""
    kernels.library.cache_clear()
    yield
    kernels.library.cache_clear()


def test_without_a_compiler_everything_is_plain_pytorch(monkeypatch, forgotten):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not kernels.apply_to(torch.zeros(1, 4, 8))
    assert tiny(train__kernels="auto").train.kernels == "plain"
    with pytest.raises(ValueError, match=r"train\.kernels: fused ones need .* C compiler"):
        tiny(train__kernels="fused")
    model = HRM(ModelConfig(d_model=8, head_cnt=2), 5)
    assert model(model.initial_state(1), tokens_and_targets(1)[0])[1].isfinite().all()


def test_a_run_on_fused_kernels_does_not_go_on_without_them(monkeypatch, forgotten, tmp_path):
    config = RunConfig().derive(
        task__train_count=2, task__val_count=1, train__kernels="fused", train__device="cpu"
    )
    runs.create(tmp_path / "run", config, load_dataset(config.task))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match=r"train\.kernels: fused ones need"):
        launch.resume(tmp_path / "run")


def test_a_compiler_that_fails_is_as_good_as_none(monkeypatch, forgotten, tmp_path):
    (tmp_path / "cc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not kernels.available()


def test_fused_kernels_are_refused_where_they_do_not_apply():
    assert tiny(train__compile=True).train.kernels == "plain"
    with pytest.raises(ValueError, match=r"train\.kernels: fused ones are for CPUs"):
        tiny(train__compile=True, train__kernels="fused")
    assert machine.resolve(tiny(train__kernels="plain")).train.kernels == "plain"
