"""The kernels for narrow networks against their plain twins."""

import platform

import pytest
import torch
import torch.nn.functional as F
from helpers import CPU
from test_kernels import needs_kernels

from hrm import HRM, Inputs, ModelConfig
from hrm.models import compiled, kernels, narrow
from hrm.models.batch import to_targets, to_tokens
from hrm.models.layers import AddNorm, SwiGLU
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings

pytestmark = needs_kernels

SIX = Sudoku(SudokuSettings(size=6))
NARROW = {
    "head_cnt": 2, "H_block_cnt": 1, "dropout": 0.0, "sdpa_dropout": 0.0, "local_mixing": True,
    "attention": False, "code_axis": True, "grad_horizon": "full", "expansion": 3.0,
}  # fmt: skip
VARIANTS = {
    "HL": {"d_model": 16},
    "H": {"d_model": 32, "modules": "H", "H_block_cnt": 2},
    "fixed scale": {"d_model": 48, "elementwise_affine": False},
    "cells alone": {"d_model": 32, "code_axis": False},
    "one step": {"d_model": 16, "grad_horizon": "one_step"},
    "odd hidden layer": {"d_model": 32, "expansion": 4.0},
    "with attention": {"d_model": 16, "attention": True, "rope_2d": True},
    "odd widths": {"d_model": 20},
}


def network(variant: str) -> HRM:
    torch.manual_seed(0)
    return HRM(ModelConfig(**{**NARROW, **VARIANTS[variant]}), SIX.grid)


def puzzles(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = SIX.draw(count, (0,))
    return to_tokens(inputs, CPU), to_targets(SIX.answer(inputs), CPU)


def loss_of(model: HRM, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    _, output = model(model.initial_state(len(tokens)), Inputs(tokens))
    return F.cross_entropy(output.logits.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_gradients_are_those_of_plain_pytorch(variant, monkeypatch):
    model, batch, used = network(variant), puzzles(3), []
    monkeypatch.setattr(narrow, "swiglu_norm", spy(narrow.swiglu_norm, used))
    found = []
    for fused in (True, False):
        model.zero_grad()
        with kernels.use(fused):
            loss = loss_of(model, *batch)
            loss.backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        found.append({"loss": loss.detach(), **gradients})
    assert bool(used) == (variant != "odd widths")
    assert found[0].keys() == found[1].keys()
    for name, plain in found[1].items():
        torch.testing.assert_close(found[0][name], plain, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("variant", ["HL", "H", "fixed scale"])
def test_weights_after_some_updates_are_those_of_plain_pytorch(variant, threads):
    batch, weights, before = puzzles(5), [], torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for fused in (True, False):
            model = network(variant)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            with kernels.use(fused):
                for _ in range(4):
                    optimizer.zero_grad()
                    loss_of(model, *batch).backward()
                    optimizer.step()
            weights.append(model.state_dict())
    finally:
        torch.set_num_threads(before)
    for name, fused in weights[0].items():
        torch.testing.assert_close(fused, weights[1][name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_bf16_is_as_close_to_fp32_as_plain_pytorch_in_bf16(variant):
    model, batch, found = network(variant), puzzles(4), {}
    for precision, fused in (("fp32", False), ("bf16", False), ("bf16", True)):
        model.zero_grad()
        with kernels.use(fused):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = loss_of(model, *batch)
            loss.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        found[precision, fused] = torch.cat([loss.detach().view(1), *gradients])
    exact = found["fp32", False]
    plain, fused = ((found["bf16", kind] - exact).norm() for kind in (False, True))
    assert 0 < fused < 2 * plain
    assert fused < 0.05 * exact.norm()


@pytest.fixture(params=["native", "no AVX-512", "no AVX"])
def processor(request, monkeypatch):
    """Kernels as they are compiled where the processor has smaller vectors."""
    if request.param != "native" and platform.machine() != "x86_64":
        pytest.skip("vectors of x86")
    lesser = {"native": (), "no AVX-512": ("-mno-avx512f",), "no AVX": ("-mno-avx",)}
    options = (*compiled.OPTIONS[torch.float32], *lesser[request.param])
    monkeypatch.setitem(compiled.OPTIONS, torch.float32, options)
    compiled.library.cache_clear()
    yield
    compiled.library.cache_clear()


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize(("width", "expansion"), [(16, 3.0), (48, 3.0), (32, 4.0)])
@pytest.mark.parametrize("rows", [1, 7, 24, 31, 32, 33, 100])
def test_any_number_of_rows_on_any_processor(rows, width, expansion):
    torch.manual_seed(0)
    mlp, norm = SwiGLU(width, expansion), AddNorm(width, 0.0, True)
    x, upstream = torch.randn(2, 1, rows, width)
    weights = (mlp.gate_up.weight, mlp.down.weight, norm.weight)
    found = []
    for fused in (True, False):
        own = x.clone().requires_grad_()
        with kernels.use(fused):
            out = narrow.swiglu_norm(own, *weights) if fused else norm(own, mlp(own))
            found.append((out, *torch.autograd.grad(out, (own, *weights), upstream)))
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)


def test_it_keeps_out_of_what_it_does_not_understand():
    x, mlp, norm = torch.randn(1, 4, 16), SwiGLU(16, 3.0), AddNorm(16, 0.5, True)
    assert narrow.apply_to(x, mlp, norm.eval())
    assert not narrow.apply_to(x, mlp, norm.train())
    assert not narrow.apply_to(torch.randn(1, 4, 20), SwiGLU(20, 4.0), norm.eval())
    assert not narrow.apply_to(x.double(), mlp, norm)
    with kernels.use(False):
        assert not narrow.apply_to(x, mlp, norm)
    mlp.down.register_forward_hook(lambda *_: None)
    assert not narrow.apply_to(x, mlp, norm)


def spy(function, calls):
    """The function, and a note of each call."""

    def called(*arguments):
        calls.append(function.__name__)
        return function(*arguments)

    return called
