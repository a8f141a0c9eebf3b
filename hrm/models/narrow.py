"""Kernels for networks of many narrow vectors, on CPUs: mixing along groups (`mixing.c`), and
SwiGLU with the norm after it as one step (`narrow.c`).

Their plain twins are `GroupMixing` and `SwiGLU` with `AddNorm`.
"""

import ctypes
import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from hrm.models import kernels
from hrm.models.compiled import MIXING, NARROW, call, library
from hrm.models.fusable import first_derivative_only, is_plain, is_untouched
from hrm.models.layers import AddNorm, SwiGLU
from hrm.models.layout import Layout

LANES = 16
"""Widths are multiples of this: whole vectors of floats. Hidden layers are filled up with zeros."""
MOST_IN_A_CELL = 32_768
"""Numbers in the vectors of a cell, for `group_mix`: they lie on a thread's stack."""
WIDEST = 64
"""Above this, PyTorch's matrix products are as fast."""


def apply_to(x: Tensor, mlp: SwiGLU, norm: AddNorm) -> bool:
    """Whether SwiGLU and the norm after it can be one step here."""
    width = len(mlp.down.weight)
    return (
        width <= WIDEST
        and width % LANES == 0
        and not (norm.training and norm.dropout)
        and all(is_untouched(linear, nn.Linear) for linear in (mlp.gate_up, mlp.down))
        and mlp.gate_up.bias is None
        and mlp.down.bias is None
        and kernels.apply_to(x, weight=norm.weight)
        and all(is_plain(linear.weight, torch.float32) for linear in (mlp.gate_up, mlp.down))
        and not isinstance(library(kernels.product_dtype(), NARROW), str)
    )


def swiglu_norm(x: Tensor, gate_up: Tensor, down: Tensor, weight: Tensor | None) -> Tensor:
    """``RMSNorm(x + down(silu(gate(x)) · up(x)))`` over the last axis.

    Args:
        x: ``(B, S, D)``.
        gate_up: ``(2 · inner, D)`` weights of gates and ups.
        down: ``(D, inner)`` weights of the projection.
        weight: ``(D,)`` of the norm, or None.
    """
    return _SwiGLUNorm.apply(x, gate_up, down, weight, kernels.product_dtype())


def group_mix(x: Tensor, weight: Tensor, layout: Layout, with_codes: bool) -> Tensor:
    """What `GroupMixing` adds up.

    Args:
        x: ``(B, S · N, D)``.
        weight: ``(K, D)``, a row for each kind of group; the last one's are the vectors of a cell
            if `with_codes`.
        layout: of x.
        with_codes: see there.
    """
    return _GroupMix.apply(x, weight, layout, with_codes)


class _Layer(ctypes.Structure):
    """`Layer` of `narrow.c`."""

    _fields_ = (
        ("width", ctypes.c_long),
        ("inner", ctypes.c_long),
        *((name, ctypes.c_void_p) for name in ("gate_up", "gate_up_t", "down", "down_t", "weight")),
        ("eps", ctypes.c_float),
    )


class _SwiGLUNorm(Function):
    @staticmethod
    def forward(ctx: Any, x, gate_up, down, weight, dtype):
        x, ctx.dtype = x.contiguous(), dtype
        ctx.save_for_backward(x, gate_up, down, weight)
        out = torch.empty_like(x)
        layer, _alive = _layer(gate_up, down, weight, dtype)
        call(dtype, "swiglu_norm", _rows(x), layer, x, out, source=NARROW)
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout):
        x, gate_up, down, weight = ctx.saved_tensors
        dout, dx, threads = dout.contiguous(), torch.empty_like(x), torch.get_num_threads()
        layer, _alive = _layer(gate_up, down, weight, ctx.dtype)
        width, inner = down.shape
        dgate_up = x.new_empty(threads, 2, layer.inner, width)
        ddown_t = x.new_empty(threads, layer.inner, width)
        dweight = None if weight is None else x.new_empty(threads, len(weight))
        parts = (dgate_up, ddown_t, dweight)
        call(ctx.dtype, "swiglu_norm_backward", _rows(x), layer, x, dout, dx, *parts, source=NARROW)
        dscale = None if dweight is None else dweight.sum(0)
        dgate_up = dgate_up.sum(0)[:, :inner].flatten(0, 1)
        return dx, dgate_up, ddown_t.sum(0)[:inner].T, dscale, None


def _layer(
    gate_up: Tensor, down: Tensor, weight: Tensor | None, dtype: torch.dtype
) -> tuple[_Layer, list[Tensor]]:
    """The struct, and what has to live as long as it."""
    width, inner = down.shape
    whole = (0, -inner % LANES)
    gate_up = F.pad(gate_up.unflatten(0, (2, inner)), (0, 0, *whole)).flatten(0, 1)
    down = F.pad(down, whole)
    alive = [_factors(t, dtype) for t in (gate_up, gate_up.T, down, down.T)]
    addresses = [t.data_ptr() for t in alive]
    eps = torch.finfo(gate_up.dtype).eps
    norm = None if weight is None else weight.data_ptr()
    return _Layer(width, down.shape[1], *addresses, norm, eps), alive


def _factors(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """A right factor as `narrow.c` reads it: bfloat16 in pairs down the columns."""
    if dtype == torch.float32:
        return matrix.contiguous()
    return matrix.to(dtype).unflatten(0, (-1, 2)).transpose(1, 2).contiguous()


def _rows(x: Tensor) -> int:
    return x.numel() // x.shape[-1]


class _Groups(ctypes.Structure):
    """`Groups` of `mixing.c`."""

    _fields_ = (
        ("count", ctypes.c_long),
        *((name, ctypes.c_void_p) for name in ("starts", "cells", "shares", "kinds")),
    )


class _GroupMix(Function):
    @staticmethod
    def forward(ctx: Any, x, weight, layout, with_codes):
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.layout, ctx.with_codes = layout, with_codes
        y = torch.empty_like(x)
        groups, _alive = _tables(layout)
        sizes = (len(x), layout.cell_cnt, layout.code_cnt, x.shape[-1])
        codes = weight[-1] if with_codes else None
        call(x.dtype, "group_mix", *sizes, groups, x, weight, codes, y, source=MIXING)
        return y

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dy):
        x, weight = ctx.saved_tensors
        layout, codes = ctx.layout, weight[-1] if ctx.with_codes else None
        dy, dx = dy.contiguous(), torch.empty_like(x)
        dweight = x.new_empty(torch.get_num_threads(), *weight.shape)
        groups, _alive = _tables(layout)
        sizes = (len(x), layout.cell_cnt, layout.code_cnt, x.shape[-1], len(weight))
        arrays = (x, weight, codes, dy, dx, dweight)
        call(x.dtype, "group_mix_backward", *sizes, groups, *arrays, source=MIXING)
        return dx, dweight.sum(0), None, None


@functools.lru_cache(maxsize=64)
def _tables(layout: Layout) -> tuple[_Groups, list[Tensor]]:
    """The groups of a layout as lists of members, and what has to live as long as they."""
    members = layout.gather.nonzero()
    lengths = torch.bincount(members[:, 0], minlength=len(layout.gather))
    starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]).int()
    shares = layout.spread.T[members[:, 0], members[:, 1]].contiguous()
    counts = torch.tensor(layout.group_cnts, dtype=torch.long)
    kinds = torch.arange(len(counts)).repeat_interleave(counts).int()
    alive = [starts, members[:, 1].int().contiguous(), shares, kinds]
    return _Groups(len(layout.gather), *(table.data_ptr() for table in alive)), alive
