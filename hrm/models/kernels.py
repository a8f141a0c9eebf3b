"""Fused steps between a block's matrix products, on CPUs: `kernels.c`, compiled once for float32
and, where autocast makes the products bfloat16, once for that.

Each function here has the same mathematics as the plain PyTorch beside its call in `layers.py`, in
fewer passes over memory. They need Linux and a C compiler; without one, everything runs on plain
PyTorch. Which of the two is used is `train.kernels` in a run's config; outside a training, the
fused ones wherever they can be had.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from hrm.models.compiled import NO_DROPOUT, OPTIONS, Dropout, call, library
from hrm.models.fusable import first_derivative_only, is_plain, is_watched

MOST_CELLS = 1024
"""Above this, the attention weights of one board no longer fit the cache; PyTorch's attention is
used instead."""

# Of the thread and context that computes: one may train while another solves.
_fused: ContextVar[bool] = ContextVar("fused", default=True)
_numbers: ContextVar[Tensor | None] = ContextVar("numbers", default=None)


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this machine has, or can compile, the fused kernels for products of that type."""
    return why_plain(dtype) is None


def why_plain(dtype: torch.dtype = torch.float32) -> str | None:
    """Why there are no fused kernels for products of that type; None: there are."""
    found = library(dtype)
    return found if isinstance(found, str) else None


@contextlib.contextmanager
def use(fused: bool) -> Iterator[None]:
    """While entered, use the fused kernels where they apply, or plain PyTorch throughout."""
    before = _fused.set(fused)
    try:
        yield
    finally:
        _fused.reset(before)


def apply_to(x: Tensor, *products: Tensor, weight: Tensor | None = None) -> bool:
    """Whether the fused kernels are switched on, can be had, and take such tensors here.

    Args:
        x: the input of a sublayer.
        products: what layers have made of it so far.
        weight: of a layer that the kernel takes the place of.
    """
    # First of all: what is being compiled should not get to see the rest.
    if torch.compiler.is_compiling() or not _fused.get() or is_watched():
        return False
    dtype = product_dtype()
    return (
        dtype in OPTIONS
        and is_plain(x, torch.float32)
        and (weight is None or is_plain(weight, torch.float32))
        and all(is_plain(product, dtype) for product in products)
        and available(dtype)
    )


def product_dtype() -> torch.dtype:
    """What matrix products of float32 tensors are computed in."""
    autocast = torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if autocast else torch.float32


@contextlib.contextmanager
def dropout_masks(seed: int, numbers: Tensor) -> Iterator[None]:
    """While entered, dropout masks are a function of the seed and, fused, of each puzzle.

    Args:
        seed: of this update.
        numbers: ``(B,)`` int64, the number of each puzzle within the whole batch; its masks do not
            depend on which others are computed with it. (With plain PyTorch they do: there the
            first number is mixed into the seed.)
    """
    before = _numbers.set(numbers.contiguous())
    fused = _fused.get() and available()
    torch.manual_seed(seed if fused else seed + int(numbers[0]))
    try:
        yield
    finally:
        _numbers.reset(before)


@contextlib.contextmanager
def own_masks(dropout: float, board_cnt: int) -> Iterator[None]:
    """While entered, PyTorch's dropout draws other masks than for other boards of the batch.

    For a step that the fused kernels leave to PyTorch: their seed is the same for all boards.
    """
    key, boards, _ = _draw(dropout, board_cnt)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(key ^ int(boards[0]))
        yield


def add_norm(x: Tensor, y: Tensor, weight: Tensor | None, dropout: float) -> Tensor:
    """``RMSNorm(x + dropout(y))`` over the last axis, for ``(B, S, D)`` tensors."""
    eps = torch.finfo(x.dtype).eps
    masks = _draw(dropout, len(x))
    return _AddNorm.apply(x, y, weight, eps, masks, torch.is_grad_enabled())


def swiglu(gate_up: Tensor, down: Tensor) -> Tensor:
    """``down(silu(gate) · up)`` of ``(B, S, 2 · inner)`` gates and ups.

    Args:
        gate_up: side by side.
        down: ``(D, inner)`` weight of the projection.
    """
    return _SwiGLU.apply(gate_up, down)


def attention(
    qkv: Tensor, head_cnt: int, cosine: Tensor | None, sine: Tensor | None, dropout: float
) -> Tensor:
    """Scaled dot-product attention with rotary positions.

    Two batched products on blocks that stay in the cache: 133 GFLOP/s, where PyTorch's fused CPU
    attention reaches 88 (8 boards of 10×10, 4 heads of 64; docs/performance.md).

    Args:
        qkv: ``(B, S, 3 · D)`` queries, keys and values, head after head.
        head_cnt: heads.
        cosine: ``(S, Dh / 2)`` of the angles by which queries and keys are turned, or None.
        sine: likewise.
        dropout: on the attention weights.

    Returns:
        ``(B, S, D)``, head after head.
    """
    return _Attention.apply(
        qkv, head_cnt, cosine, sine, _draw(dropout, len(qkv)), torch.is_grad_enabled()
    )


def _draw(probability: float, board_cnt: int) -> Dropout:
    """A key from PyTorch's generator, so that its seed decides; none without dropout."""
    if not probability:
        return NO_DROPOUT
    numbers = _numbers.get()
    known = numbers is not None and len(numbers) == board_cnt
    boards = numbers if known else torch.arange(board_cnt)
    assert boards is not None
    return Dropout(int(torch.empty((), dtype=torch.int64).random_()), boards, probability)


class _AddNorm(Function):
    @staticmethod
    def forward(ctx: Any, x, y, weight, eps, dropout, keep_for_backward):
        x, y = x.contiguous(), y.contiguous()
        out = torch.empty_like(x)
        cells, width = x.shape[-2:]
        rows = x.numel() // width
        normed = torch.empty_like(x) if keep_for_backward else None
        inverse = x.new_empty(rows) if keep_for_backward else None
        numbers = (rows, cells, width)
        call(y.dtype, "add_norm", *numbers, x, y, weight, eps, dropout, out, normed, inverse)
        ctx.save_for_backward(normed, inverse, weight)
        ctx.dropout, ctx.dtype = dropout, y.dtype
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout):
        normed, inverse, weight = ctx.saved_tensors
        dout = dout.contiguous()
        cells, width = dout.shape[-2:]
        dx = torch.empty_like(dout)
        same = ctx.dtype == dout.dtype and not ctx.dropout.probability
        dy = None if same else torch.empty_like(dout, dtype=ctx.dtype)
        parts = None if weight is None else dout.new_empty(torch.get_num_threads(), width)
        rows = dout.numel() // width
        call(
            ctx.dtype, "add_norm_backward", rows, cells, width, dout, normed, inverse, weight,
            ctx.dropout, dx, dy, parts,
        )  # fmt: skip
        return dx, dx if same else dy, None if parts is None else parts.sum(0), None, None, None


class _SwiGLU(Function):
    @staticmethod
    def forward(ctx: Any, gate_up, down):
        gate_up = gate_up.contiguous()
        ctx.dtype, down = down.dtype, down.to(gate_up.dtype)
        ctx.save_for_backward(gate_up, down)
        hidden = _hidden(gate_up)
        call(gate_up.dtype, "swiglu", *_sizes(gate_up), hidden.stride(-2), gate_up, hidden)
        return F.linear(hidden, down)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout):
        gate_up, down = ctx.saved_tensors
        # Computed again and not kept: that is cheaper than writing it to memory and reading it.
        hidden, dgate_up = _hidden(gate_up), torch.empty_like(gate_up)
        dhidden = dout @ down
        sizes = (*_sizes(gate_up), hidden.stride(-2))
        call(gate_up.dtype, "swiglu_backward", *sizes, gate_up, dhidden, dgate_up, hidden)
        # The transpose of the usual product. For odd widths the usual one is slower: 175 GFLOP/s
        # against 197 at 256×682 (docs/performance.md).
        ddown = (hidden.flatten(0, -2).t() @ dout.flatten(0, -2)).t()
        return dgate_up, ddown.to(ctx.dtype)


def _sizes(gate_up: Tensor) -> tuple[int, int]:
    inner = gate_up.shape[-1] // 2
    return gate_up.numel() // (2 * inner), inner


def _hidden(gate_up: Tensor) -> Tensor:
    """Room for the hidden layer, with aligned rows: the products that read it are faster."""
    inner = gate_up.shape[-1] // 2
    return gate_up.new_empty(*gate_up.shape[:-1], -(-inner // 16) * 16)[..., :inner]


class _Attention(Function):
    @staticmethod
    def forward(ctx: Any, qkv, head_cnt, cosine, sine, dropout, keep_for_backward):
        qkv = qkv.contiguous()
        boards, cells, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        shape = (boards, cells, head_cnt, width // head_cnt)
        ctx.shape, ctx.dropout = shape, dropout
        ctx.angles, ctx.scale = (cosine, sine), (width // head_cnt) ** -0.5
        q, k, v = qkv.new_empty(3, boards * head_cnt, cells, width // head_cnt)
        call(qkv.dtype, "split_heads", *shape, qkv, cosine, sine, ctx.scale, q, k, v)
        weights = torch.bmm(q, k.transpose(1, 2))
        kept = torch.empty_like(weights) if dropout.probability else weights
        call(qkv.dtype, "softmax", boards, head_cnt * cells, cells, weights, dropout, kept)
        out = _merge(torch.bmm(kept, v), boards)
        if keep_for_backward:
            ctx.save_for_backward(q, k, v, weights)
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout):
        q, k, v, weights = ctx.saved_tensors
        boards, cells, head_cnt, head_width = ctx.shape
        dmixed = dout.reshape(ctx.shape).transpose(1, 2).reshape(q.shape)
        kept = weights
        if ctx.dropout.probability:
            kept = torch.empty_like(weights)
            call(dout.dtype, "keep", weights.numel(), weights, ctx.dropout.scale, kept)
        dv = torch.bmm(kept.transpose(1, 2), dmixed)
        # Done with; its memory is still in the cache.
        scratch = kept if ctx.dropout.probability else torch.empty_like(weights)
        dscores = torch.bmm(dmixed, v.transpose(1, 2), out=scratch)
        rows = boards * head_cnt * cells
        call(dout.dtype, "softmax_backward", rows, cells, weights, ctx.dropout.scale, dscores)
        dq, dk = torch.bmm(dscores, k), torch.bmm(dscores.transpose(1, 2), q)
        dqkv = dout.new_empty(boards, cells, 3 * head_cnt * head_width)
        heads = (dq, dk, dv, *ctx.angles, ctx.scale)
        call(dout.dtype, "split_heads_backward", *ctx.shape, *heads, dqkv)
        return dqkv, None, None, None, None, None


def _merge(mixed: Tensor, boards: int) -> Tensor:
    """``(B · H, S, Dh)`` as ``(B, S, H · Dh)``."""
    return mixed.view(boards, -1, *mixed.shape[1:]).transpose(1, 2).flatten(2)
