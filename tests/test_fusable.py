"""The fused kernels keep out of where they would be wrong: watched, replaced or strange things."""

import copy
import warnings
from typing import Any

import pytest
import torch
from helpers import CPU, some_boards
from test_kernels import needs_kernels
from torch import nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations, prune
from torch.utils.flop_counter import FlopCounterMode

from hrm.config.schema import ModelConfig
from hrm.models import kernels, narrow
from hrm.models.batch import to_tokens
from hrm.models.hrm import HRM, State
from hrm.models.layers import AddNorm, RotaryEmbedding, SDPAttention, SwiGLU
from hrm.models.layout import lay_out
from hrm.tasks.grid import Grid

pytestmark = needs_kernels


NARROW, ODD = 16, 20
"""Widths: one that has SwiGLU and the norm after it as one step, and one that has not."""


@pytest.fixture(params=[NARROW, ODD])
def width(request) -> int:
    return request.param


@pytest.fixture
def model(width) -> HRM:
    torch.manual_seed(0)
    config = ModelConfig(d_model=width, head_cnt=2, modules="H", H_block_cnt=1, grad_horizon="full")
    return HRM(config, 5).eval()


def two_boards() -> torch.Tensor:
    """Tokens of two boards."""
    return to_tokens(some_boards(5, 2), CPU)


class Logits(nn.Module):
    """One tensor in, one out: the logits as a function of the state."""

    def __init__(self, model: HRM):
        super().__init__()
        self.model = model
        self.tokens = two_boards()

    def forward(self, zH):
        return self.model(State(zH, None), self.tokens)[1]


@pytest.fixture
def logits(model):
    return Logits(model)


@pytest.fixture
def zH(width) -> torch.Tensor:
    return torch.randn(2, 25, width, generator=torch.Generator().manual_seed(1))


def used(monkeypatch) -> list[str]:
    """The kernels that are called from here on."""
    names, real = [], kernels.call

    def call(dtype, name, *arguments, **more):
        names.append(name)
        real(dtype, name, *arguments, **more)

    for module in (kernels, narrow):
        monkeypatch.setattr(module, "call", call)
    return names


def test_a_plain_model_is_fused(logits, zH, width, monkeypatch):
    names = used(monkeypatch)
    logits(zH)
    mlp = {NARROW: "swiglu_norm", ODD: "swiglu"}
    assert {"add_norm", mlp[width], "softmax"} <= set(names)


def test_a_traced_model_is_the_model(logits, zH):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that become constants
        traced: Any = torch.jit.trace(logits, zH)
    other = zH.flip(0) * 2
    torch.testing.assert_close(traced(other), logits(other), rtol=1e-4, atol=1e-5)


def numeric_derivative(function, x, direction, step=1e-2) -> float:
    ends = (function(x + s * step * direction).double().sum().detach() for s in (1, -1))
    return float(next(ends) - next(ends)) / (2 * step)


@pytest.fixture
def direction(zH):
    return torch.randn(zH.shape, generator=torch.Generator().manual_seed(2))


def test_forward_derivatives_are_right(logits, zH, direction):
    expected = numeric_derivative(logits, zH, direction)
    with sdpa_kernel(SDPBackend.MATH):  # PyTorch's faster one has none, and says so
        found = torch.func.jvp(lambda z: logits(z).sum(), (zH,), (direction,))[1]
        with forward_ad.dual_level():
            dual = logits(forward_ad.make_dual(zH, direction)).sum()
            same = forward_ad.unpack_dual(dual).tangent
    assert float(found) == pytest.approx(expected, rel=1e-2, abs=1e-2)
    assert same is not None and float(same) == pytest.approx(float(found), rel=1e-4)


def test_gradients_by_function_transforms_are_right(logits, zH):
    z = zH.clone().requires_grad_()
    (expected,) = torch.autograd.grad(logits(z).sum(), z)
    found = torch.func.grad(lambda z: logits(z).sum())(zH)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_a_mapped_model_is_the_model(model, zH, monkeypatch):
    tokens = two_boards()
    names = used(monkeypatch)
    one = torch.vmap(lambda z, t: model(State(z[None], None), t[None])[1][0])
    found = one(zH, tokens)
    assert not names
    expected = model(State(zH, None), tokens)[1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", ["jvp", "penalty", "hessian"])
def test_a_second_derivative_is_refused_and_never_nothing(logits, zH, direction, how):
    def loss(z):
        return logits(z).square().sum()

    z = zH.clone().requires_grad_()
    with pytest.raises(RuntimeError, match=r"no second derivatives; .*kernels\.use\(False\)"):
        if how == "jvp":
            torch.autograd.functional.jvp(loss, zH, direction)
        elif how == "hessian":
            torch.autograd.functional.vhp(loss, zH, direction)
        else:
            (gradient,) = torch.autograd.grad(loss(z), z, create_graph=True)
            torch.autograd.grad(gradient.square().sum(), z, allow_unused=True)
    with kernels.use(False), sdpa_kernel(SDPBackend.MATH):
        found: Any = torch.autograd.functional.jvp(lambda z: logits(z).sum(), zH, direction)[1]
    expected = numeric_derivative(logits, zH, direction)
    assert float(found) == pytest.approx(expected, rel=1e-2, abs=1e-2)


def test_whoever_counts_operations_sees_all_of_them(logits, zH):
    counts = []
    for fused in (True, False):
        with kernels.use(fused), FlopCounterMode(display=False) as counter:
            logits(zH)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", ["qkv", "out", "gate_up", "down", "rope", "norm"])
@pytest.mark.parametrize("hook", ["forward", "forward_pre", "full_backward", "global"])
def test_hooks_see_every_layer_that_they_are_set_on(model, zH, name, hook):
    layers = {
        n.rpartition(".")[2] if not isinstance(m, AddNorm) else "norm": m
        for n, m in model.named_modules()
    }
    layer, seen = layers[name], []
    if hook == "global":
        handle = nn.modules.module.register_module_forward_hook(lambda m, *_: seen.append(m))
    else:
        handle = getattr(layer, f"register_{hook}_hook")(lambda m, *_: seen.append(m))
    try:
        z = zH.clone().requires_grad_()
        model(State(z, None), two_boards())[1].sum().backward()
    finally:
        handle.remove()
    assert layer in seen


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class Strange(torch.Tensor):
    """Another kind of tensor: as quantised or distributed ones, it has operations of its own."""

    seen = 0

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is nn.functional.linear:
            cls.seen += 1
        return super().__torch_function__(function, types, args, kwargs or {})


def replaced(down: nn.Linear, how: str) -> nn.Module:
    new: Any = copy.deepcopy(down)
    if how == "another class":
        new = Doubled(down.in_features, down.out_features, bias=False)
    elif how == "a bias":
        new = nn.Linear(down.in_features, down.out_features, bias=True)
    elif how == "a sum":

        class Adapted(nn.Module):  # as low-rank adapters do
            def __init__(self):
                super().__init__()
                self.base, self.more = down, nn.Linear(down.in_features, down.out_features)

            def forward(self, x):
                return self.base(x) + self.more(x)

        new = Adapted()
    elif how == "parametrized":
        new = parametrizations.weight_norm(new)
        new.parametrizations.weight.original0.data.mul_(3)
    elif how == "pruned":
        prune.l1_unstructured(new, "weight", amount=0.5)
    elif how == "a forward of its own":
        real = new.forward
        new.forward = lambda x: real(x) + 1
    elif how == "a strange weight":
        new.weight = nn.Parameter(new.weight.detach().as_subclass(Strange))
    return new


@pytest.mark.parametrize(
    "how",
    ["another class", "a bias", "a sum", "parametrized", "pruned", "a forward of its own",
     "a strange weight"],
)  # fmt: skip
def test_a_replaced_layer_does_what_it_does(how):
    torch.manual_seed(0)
    mlp = SwiGLU(16, 4.0)
    mlp.down = replaced(mlp.down, how)  # pyright: ignore[reportAttributeAccessIssue]
    x, Strange.seen = torch.randn(2, 9, 16), 0
    gate, up = mlp.gate_up(x).chunk(2, dim=-1)
    expected = mlp.down(nn.functional.silu(gate) * up)
    torch.testing.assert_close(mlp(x), expected, rtol=1e-4, atol=1e-5)
    assert how != "a strange weight" or Strange.seen == 2


def test_replaced_positions_are_used():
    class Without(RotaryEmbedding):
        def forward(self, x, shape):
            return x

    torch.manual_seed(0)
    attention = SDPAttention(16, 2, 0.0, False, False, Without((3, 3), 8, False))
    bare = copy.deepcopy(attention)
    bare.rope = None
    x, layout = torch.randn(2, 9, 16), lay_out(ModelConfig(), Grid(3, 3, 4, 4))
    torch.testing.assert_close(attention(x, layout), bare(x, layout), rtol=1e-4, atol=1e-5)


def strange_tensors() -> dict[str, torch.Tensor]:
    x = torch.randn(2, 9, 16)
    return {
        "float64": x.double(),
        "bfloat16": x.bfloat16(),
        "a subclass": x.as_subclass(Strange),
        "sparse": x.to_sparse(),
        "without memory": x.to("meta"),
        "negated": torch.complex(x, x).conj().imag,
        "no boards": x[:0],
    }


@pytest.mark.parametrize("kind", strange_tensors())
def test_strange_tensors_take_the_plain_path(kind, monkeypatch):
    names = used(monkeypatch)
    x = strange_tensors()[kind]
    assert not kernels.apply_to(x)
    assert not kernels.apply_to(torch.randn(2, 9, 16), x)
    if kind == "sparse":  # of which PyTorch itself has no norm
        return
    norm = AddNorm(16, 0.0, True).to(x.dtype)
    if kind == "without memory":
        norm = norm.to("meta")
    out = norm(x, x)
    assert not names and out.shape == x.shape
    if kind == "negated":
        torch.testing.assert_close(out, norm(x.resolve_neg(), x.resolve_neg()))


def test_plain_tensors_of_any_layout_are_taken():
    x = torch.randn(9, 2, 16).transpose(0, 1)
    assert kernels.apply_to(x, x, weight=nn.Parameter(torch.ones(16)))
    norm = AddNorm(16, 0.0, True)
    torch.testing.assert_close(norm(x, x), norm(x.contiguous(), x.contiguous()))
