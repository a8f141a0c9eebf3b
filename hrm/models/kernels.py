"""Fused steps between a block's matrix products, on CPUs: `kernels.c`, compiled once for float32
and, where autocast makes the products bfloat16, once for that.

Each function here has the same mathematics as the plain PyTorch beside its call in `layers.py`, in
fewer passes over memory. They need Linux and a C compiler; without one, everything runs on plain
PyTorch. Which of the two is used is `train.kernels` in a run's config; outside a training, the
fused ones wherever they can be had.
"""

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from hrm import native
from hrm.models.fusable import first_derivative_only, is_plain, is_watched

_SOURCE = Path(__file__).with_suffix(".c")
# To compile with, not to link with: there, -ffast-math would change how the whole process treats
# tiny numbers.
_COMPILE = ("-march=native", "-ffast-math", "-fopenmp")
_OPTIONS = {torch.float32: _COMPILE, torch.bfloat16: (*_COMPILE, "-DBF16")}

MOST_CELLS = 1024
"""Above, the attention weights of one board no longer fit the cache."""

_enabled = True
_boards: Tensor | None = None


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this machine has, or can compile, the fused kernels for products of that type."""
    return why_plain(dtype) is None


def why_plain(dtype: torch.dtype = torch.float32) -> str | None:
    """Why there are no fused kernels for products of that type; None: there are."""
    library = _library(dtype)
    return library if isinstance(library, str) else None


@contextlib.contextmanager
def use(fused: bool) -> Iterator[None]:
    """While entered, use the fused kernels where they apply, or plain PyTorch throughout."""
    global _enabled
    before, _enabled = _enabled, fused
    try:
        yield
    finally:
        _enabled = before


def apply_to(x: Tensor, *products: Tensor, weight: Tensor | None = None) -> bool:
    """Whether the fused kernels are switched on, can be had, and take such tensors here.

    Args:
        x: the input of a sublayer.
        products: what layers have made of it so far.
        weight: of a layer that the kernel takes the place of.
    """
    # First of all: what is being compiled should not get to see the rest.
    if not _enabled or torch.compiler.is_compiling() or is_watched():
        return False
    dtype = _product_dtype()
    return (
        dtype in _OPTIONS
        and is_plain(x, torch.float32)
        and (weight is None or is_plain(weight, torch.float32))
        and all(is_plain(product, dtype) for product in products)
        and available(dtype)
    )


def _product_dtype() -> torch.dtype:
    """What matrix products of float32 tensors are computed in."""
    autocast = torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if autocast else torch.float32


def seed_dropout(seed: int, boards: Tensor) -> None:
    """Make the dropout masks from here on a function of the seed and, fused, of each board.

    Args:
        seed: of this update.
        boards: ``(B,)`` int64, the number of each board within the whole batch; the masks of a
            board do not depend on which others are computed with it. (With plain PyTorch they do:
            there the first number is mixed into the seed.)
    """
    global _boards
    _boards = boards.contiguous()
    fused = _enabled and available()
    torch.manual_seed(seed if fused else seed + int(boards[0]))


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


class _Dropout(NamedTuple):
    """The masks of one sublayer: drawn anew from these numbers whenever they are needed."""

    key: int
    boards: Tensor
    probability: float

    @property
    def scale(self) -> float:
        return 1 / (1 - self.probability) if self.probability else 1.0

    def as_struct(self) -> "_DropoutStruct":
        threshold = min(2**32 - 1, round(self.probability * 2**32))
        return _DropoutStruct(self.key, self.boards.data_ptr(), threshold, self.scale)


class _DropoutStruct(ctypes.Structure):
    """`Dropout` of `kernels.c`."""

    _fields_ = (
        ("key", ctypes.c_uint64),
        ("boards", ctypes.c_void_p),
        ("threshold", ctypes.c_uint32),
        ("scale", ctypes.c_float),
    )


_NO_DROPOUT = _Dropout(0, torch.empty(0), 0.0)


def _draw(probability: float, board_cnt: int) -> _Dropout:
    """A key from PyTorch's generator, so that its seed decides; none without dropout."""
    if not probability:
        return _NO_DROPOUT
    known = _boards is not None and len(_boards) == board_cnt
    boards = _boards if known else torch.arange(board_cnt)
    assert boards is not None
    return _Dropout(int(torch.empty((), dtype=torch.int64).random_()), boards, probability)


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
        _call(y.dtype, "add_norm", *numbers, x, y, weight, eps, dropout, out, normed, inverse)
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
        _call(
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
        _call(gate_up.dtype, "swiglu", *_sizes(gate_up), hidden.stride(-2), gate_up, hidden)
        return F.linear(hidden, down)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout):
        gate_up, down = ctx.saved_tensors
        # Computed again rather than kept: cheaper than the way to memory and back.
        hidden, dgate_up = _hidden(gate_up), torch.empty_like(gate_up)
        dhidden = dout @ down
        sizes = (*_sizes(gate_up), hidden.stride(-2))
        _call(gate_up.dtype, "swiglu_backward", *sizes, gate_up, dhidden, dgate_up, hidden)
        # The transpose of the usual product, which is slower for widths that are odd.
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
        _call(qkv.dtype, "split_heads", *shape, qkv, cosine, sine, ctx.scale, q, k, v)
        weights = torch.bmm(q, k.transpose(1, 2))
        kept = torch.empty_like(weights) if dropout.probability else weights
        _call(qkv.dtype, "softmax", boards, head_cnt * cells, cells, weights, dropout, kept)
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
            _call(dout.dtype, "keep", weights.numel(), weights, ctx.dropout.scale, kept)
        dv = torch.bmm(kept.transpose(1, 2), dmixed)
        # Done with; its memory is still in the cache.
        scratch = kept if ctx.dropout.probability else torch.empty_like(weights)
        dscores = torch.bmm(dmixed, v.transpose(1, 2), out=scratch)
        rows = boards * head_cnt * cells
        _call(dout.dtype, "softmax_backward", rows, cells, weights, ctx.dropout.scale, dscores)
        dq, dk = torch.bmm(dscores, k), torch.bmm(dscores.transpose(1, 2), q)
        dqkv = dout.new_empty(boards, cells, 3 * head_cnt * head_width)
        heads = (dq, dk, dv, *ctx.angles, ctx.scale)
        _call(dout.dtype, "split_heads_backward", *ctx.shape, *heads, dqkv)
        return dqkv, None, None, None, None, None


def _merge(mixed: Tensor, boards: int) -> Tensor:
    """``(B · H, S, Dh)`` as ``(B, S, H · Dh)``."""
    return mixed.view(boards, -1, *mixed.shape[1:]).transpose(1, 2).flatten(2)


def _call(dtype: torch.dtype, name: str, *arguments: Any) -> None:
    """Run the kernel for products of that type: tensors as pointers, None as null, then threads."""
    library = _library(dtype)
    assert not isinstance(library, str), library
    getattr(library, name)(*map(_as_c, arguments), torch.get_num_threads())


def _as_c(value: Any) -> Any:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, _Dropout):
        return ctypes.byref(value.as_struct())
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_void_p() if value is None else ctypes.c_long(value)


@functools.cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | str:
    """The kernels for products of that type, or why there are none."""
    # PyTorch's own OpenMP: a second one would fight it for the cores.
    openmp = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    if not openmp:
        return "this PyTorch has no GNU OpenMP of its own"
    try:
        return native.load(_SOURCE, _OPTIONS[dtype], (str(openmp[0]), "-lm"))
    except OSError as error:
        return str(error)
