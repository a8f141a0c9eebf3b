"""The C sources of this room as functions: compiled once for each type of products, called with
tensors."""

import ctypes
import functools
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hrm import native

ATTENTION_AND_NORMS, MIXING, NARROW = "kernels.c", "mixing.c", "narrow.c"
# To compile with, not to link with: there, -ffast-math would change how the whole process treats
# tiny numbers.
_COMPILE = ("-march=native", "-ffast-math", "-fopenmp")
OPTIONS = {torch.float32: _COMPILE, torch.bfloat16: (*_COMPILE, "-DBF16")}


class Dropout(NamedTuple):
    """The masks of one sublayer. They are not stored but drawn again when they are needed.

    PyTorch's dropout of the attention weights took three times as long as attention itself (3.8 and
    1.2 ms for a 20×20 board; docs/performance.md).
    """

    key: int
    boards: Tensor
    probability: float

    @property
    def scale(self) -> float:
        return 1 / (1 - self.probability) if self.probability else 1.0

    def as_struct(self) -> "_Struct":
        threshold = min(2**32 - 1, round(self.probability * 2**32))
        return _Struct(self.key, self.boards.data_ptr(), threshold, self.scale)


class _Struct(ctypes.Structure):
    """`Dropout` of `kernels.c`."""

    _fields_ = (
        ("key", ctypes.c_uint64),
        ("boards", ctypes.c_void_p),
        ("threshold", ctypes.c_uint32),
        ("scale", ctypes.c_float),
    )


NO_DROPOUT = Dropout(0, torch.empty(0), 0.0)


def call(dtype: torch.dtype, name: str, *arguments: Any, source: str = ATTENTION_AND_NORMS) -> None:
    """Run the kernel for products of that type: tensors as pointers, None as null, then threads."""
    kernels = library(dtype, source)
    assert not isinstance(kernels, str), kernels
    getattr(kernels, name)(*map(_as_c, arguments), torch.get_num_threads())


def _as_c(value: Any) -> Any:
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, Dropout):
        return ctypes.byref(value.as_struct())
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_void_p() if value is None else ctypes.c_long(value)


@functools.cache
def library(dtype: torch.dtype, source: str = ATTENTION_AND_NORMS) -> ctypes.CDLL | str:
    """The kernels of a source for products of that type, or why there are none."""
    # PyTorch's own OpenMP: a second one would fight it for the cores.
    openmp = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    if not openmp:
        return "this PyTorch has no GNU OpenMP of its own"
    try:
        return native.load(
            Path(__file__).with_name(source), OPTIONS[dtype], (str(openmp[0]), "-lm")
        )
    except OSError as error:
        return str(error)
