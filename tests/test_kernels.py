"""The fused kernels against plain PyTorch, and what their dropout is worth."""

import math

import pytest
import torch
import torch.nn.functional as F
from test_training import tiny

from hrm import distributed
from hrm.config.schema import ModelConfig, RunConfig
from hrm.data.dataset import generate, load_dataset
from hrm.inference.evaluation import to_tokens
from hrm.models import kernels
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.tasks.boardpath.boards import label
from hrm.training.learner import Learner

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


def boards(count: int, size: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = generate(size, 0.3, count, 0)
    return to_tokens(inputs, torch.device("cpu")), to_tokens(label(inputs), torch.device("cpu"))


def learner(fused: bool, model: dict, **train) -> Learner:
    changes = {f"model__{key}": value for key, value in {"d_model": 24, **model}.items()}
    changes |= {f"train__{key}": value for key, value in train.items()}
    config = tiny(**changes, train__kernels="fused" if fused else "plain")
    torch.manual_seed(0)
    return Learner(config.train, HRM(config.model, 5).train(), 100)


@needs_kernels
@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_weights_equal_those_of_plain_pytorch(variant):
    tokens, targets = boards(5)
    losses, weights = [], []
    for fused in (True, False):
        trained = learner(fused, VARIANTS[variant], train_segment_cnt=2, micro_batch=2)
        losses.append([trained.learn(tokens, targets, 2 * step) for step in range(3)])
        weights.append(trained.model.state_dict())
    assert losses[0] == pytest.approx(losses[1], rel=2e-6)
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-4, atol=2e-5, msg=name)


@needs_kernels
@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_gradients_equal_those_of_plain_pytorch(variant):
    tokens, targets = boards(3)
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
    tokens, targets = boards(16)
    gradients = {}
    for precision, kind in (("fp32", "plain"), ("bf16", "plain"), ("bf16", "fused")):
        trained = learner(kind == "fused", VARIANTS[variant], precision=precision)
        cycles = trained.model.config.H_cycle_cnt
        start = trained.model.initial_state(16)
        state, _ = trained._backward(start, tokens, targets, 1.0, cycles)
        found = [p.grad.flatten() for p in trained.model.parameters() if p.grad is not None]
        assert all(g.dtype == torch.float32 for g in [state.zH, *found])
        gradients[precision, kind] = torch.cat([state.zH.flatten(), *found])
    exact = gradients["fp32", "plain"]
    plain, fused = ((gradients["bf16", kind] - exact).norm() for kind in ("plain", "fused"))
    assert 0 < fused < 1.2 * plain
    assert fused < 0.05 * exact.norm()


@needs_kernels
def test_dropout_in_bf16_drops_the_same_elements():
    x, qkv, kept = torch.zeros(3, 16, 64), torch.rand(3, 16, 3 * 64), []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(3)
        y = torch.ones(3, 16, 64, dtype=dtype, requires_grad=True)
        out = kernels.add_norm(x, y, None, 0.3)
        (out * torch.rand(64)).sum().backward()
        mixed = kernels.attention(qkv.to(dtype), 4, None, None, 0.3)
        assert (out.dtype, mixed.dtype) == (torch.float32, dtype)
        assert y.grad is not None and torch.equal(out == 0, y.grad == 0)
        kept.append((out, mixed.float()))
    assert torch.equal(*(out == 0 for out, _ in kept))
    torch.testing.assert_close(kept[1][1], kept[0][1], rtol=0.03, atol=0.01)


def attention_weights(dropout: float, boards: int = 4, heads: int = 3, cells: int = 32):
    """What reaches each query from each key, (B, S, H, S): equal scores, values that tell."""
    qkv = torch.zeros(boards, cells, 3, heads, cells)
    qkv[:, :, 2] = torch.eye(cells)[None, :, None]
    mixed = kernels.attention(qkv.view(boards, cells, -1), heads, None, None, dropout)
    return mixed.view(boards, cells, heads, cells)


def kept_elements(dropout: float, boards: int, cells: int = 16, width: int = 64):
    """Which elements of a sublayer's output survive, (B, S, D)."""
    ones = torch.ones(boards, cells, width)
    return kernels.add_norm(torch.zeros_like(ones), ones, None, dropout) > 0


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten().float(), b.flatten().float()]))[0, 1])


@needs_kernels
@pytest.mark.parametrize("dropout", [0.1, 0.37])
def test_dropout_keeps_and_scales_as_it_says(dropout):
    torch.manual_seed(1)
    weights = attention_weights(dropout, boards=16)
    kept = weights > 0
    spread = math.sqrt(dropout * (1 - dropout) / kept.numel())
    assert abs(kept.float().mean() - (1 - dropout)) < 4 * spread
    torch.testing.assert_close(
        weights[kept], torch.full_like(weights[kept], 1 / 32 / (1 - dropout))
    )
    elements = kept_elements(dropout, boards=32)
    spread = math.sqrt(dropout * (1 - dropout) / elements.numel())
    assert abs(elements.float().mean() - (1 - dropout)) < 4 * spread
    # x + scaled y over its root mean square: the scale shows against an x that is not dropped.
    x = torch.zeros(1, 1, 64)
    x[..., 0] = 1.0
    out = kernels.add_norm(x, torch.ones(1, 1, 64) - x, None, dropout)
    ratios = out[..., 1:] / out[..., :1]
    survivors = ratios[ratios > 0]
    if out[..., 0] > 0:
        torch.testing.assert_close(survivors, torch.full_like(survivors, 1 / (1 - dropout)))


@needs_kernels
def test_dropout_is_independent_everywhere():
    torch.manual_seed(2)
    kept = attention_weights(0.5, boards=16) > 0
    again = attention_weights(0.5, boards=16) > 0
    elements = kept_elements(0.5, boards=64)
    pairs = {
        "boards": (kept[:-1], kept[1:]),
        "queries": (kept[:, :-1], kept[:, 1:]),
        "heads": (kept[:, :, :-1], kept[:, :, 1:]),
        "keys": (kept[..., :-1], kept[..., 1:]),
        "keys further apart": (kept[..., :-8], kept[..., 8:]),
        "steps": (kept, again),
        "elements of a cell": (elements[..., :-1], elements[..., 1:]),
        "cells": (elements[:, :-1], elements[:, 1:]),
    }
    for name, (one, other) in pairs.items():
        assert abs(correlation(one, other)) < 4 / math.sqrt(one.numel()), name


@needs_kernels
def test_a_board_s_masks_do_not_depend_on_its_company():
    together, parts = [], []
    kernels.seed_dropout(7, torch.arange(6))
    together.append(attention_weights(0.3, boards=6))
    together.append(kept_elements(0.3, boards=6))
    for numbers in (torch.tensor([0, 2, 4]), torch.tensor([1, 3, 5])):
        kernels.seed_dropout(7, numbers)
        parts.append((attention_weights(0.3, boards=3), kept_elements(0.3, boards=3)))
    for whole, some in zip(together, zip(*parts, strict=True), strict=True):
        for first, part in enumerate(some):
            assert torch.equal(whole[first::2], part)
    assert not torch.equal(parts[0][0], parts[1][0])


@needs_kernels
def test_boards_too_large_for_fused_attention_have_masks_of_their_own(monkeypatch):
    monkeypatch.setattr(kernels, "MOST_CELLS", 24)
    tokens, _ = boards(1)
    model = learner(True, {"sdpa_dropout": 0.5}).model

    def logits(board: int) -> torch.Tensor:
        kernels.seed_dropout(0, torch.tensor([board]))
        return model(model.initial_state(1), tokens)[1]

    first, second = logits(0), logits(1)
    assert not torch.allclose(first, second)
    assert torch.equal(first, logits(0))


@needs_kernels
def test_gradients_see_the_masks_of_the_forward_pass():
    torch.manual_seed(3)
    x, y = (torch.randn(2, 9, 8, requires_grad=True) for _ in range(2))
    weight = torch.randn(8, requires_grad=True)
    torch.manual_seed(4)
    kept = kernels.add_norm(torch.zeros(2, 9, 8), torch.ones(2, 9, 8), None, 0.4) > 0
    torch.manual_seed(4)
    fused = kernels.add_norm(x, y, weight, 0.4)
    plain = F.rms_norm(x + y * kept / 0.6, (8,), weight)
    torch.testing.assert_close(fused, plain)
    upstream = torch.randn(2, 9, 8)
    for a, b in zip(*(torch.autograd.grad(out, (x, y, weight), upstream) for out in (fused, plain)),
                    strict=True):  # fmt: skip
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)

    qkv = torch.randn(2, 9, 3 * 2 * 9, requires_grad=True)
    torch.manual_seed(5)
    kept = attention_weights(0.4, boards=2, heads=2, cells=9).transpose(1, 2) > 0
    torch.manual_seed(5)
    fused = kernels.attention(qkv, 2, None, None, 0.4)
    q, k, v = qkv.view(2, 9, 3, 2, 9).permute(2, 0, 3, 1, 4)
    shares = (q @ k.transpose(2, 3) / 3).softmax(-1) * kept / 0.6
    plain = (shares @ v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(fused, plain)
    upstream = torch.randn(2, 9, 18)
    one, other = (torch.autograd.grad(out, qkv, upstream)[0] for out in (fused, plain))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@needs_kernels
def test_micro_batches_with_dropout_learn_what_the_whole_batch_does():
    tokens, targets = boards(7)
    weights = []
    for micro_batch in (7, 2):
        trained = learner(True, {"dropout": 0.2, "sdpa_dropout": 0.2}, micro_batch=micro_batch)
        for step in range(2):
            trained.learn(tokens, targets, 2 * step)
        weights.append(trained.model.state_dict())
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-4, atol=2e-5, msg=name)


@needs_kernels
def test_two_threads_repeat_themselves_bit_for_bit():
    tokens, targets = boards(6)
    threads, weights = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        for _ in range(2):
            trained = learner(True, {"dropout": 0.2, "sdpa_dropout": 0.2, "local_mixing": True})
            for step in range(4):
                trained.learn(tokens, targets, 2 * step)
            weights.append(trained.model.state_dict())
    finally:
        torch.set_num_threads(threads)
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


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
    kernels._library.cache_clear()
    yield
    kernels._library.cache_clear()


def test_without_a_compiler_everything_is_plain_pytorch(monkeypatch, forgotten):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not kernels.apply_to(torch.zeros(1, 4, 8))
    assert tiny(train__kernels="auto").train.kernels == "plain"
    with pytest.raises(ValueError, match=r"train\.kernels: fused ones need .* C compiler"):
        tiny(train__kernels="fused")
    model = HRM(ModelConfig(d_model=8, head_cnt=2), 5)
    assert model(model.initial_state(1), boards(1)[0])[1].isfinite().all()


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
    assert distributed.resolve(tiny(train__kernels="plain")).train.kernels == "plain"
