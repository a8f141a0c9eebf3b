"""The C twins of this room, where the machine can compile them."""

import ctypes
import hashlib
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrm import native


@cache
def library(name: str) -> ctypes.CDLL | None:
    """The library of the C source of that name; None: use the plain twin, it gives the same."""
    source = Path(__file__).with_name(f"{name}.c")
    # One source may include another: what was compiled from an older one must not be used.
    digest = hashlib.sha256(b"".join(map(Path.read_bytes, sorted(source.parent.glob("*.c")))))
    try:
        return native.load(source, options=(f"-DSOURCES={digest.hexdigest()[:16]}",))
    except (OSError, subprocess.SubprocessError):
        return None


def address(array: NDArray[np.generic]) -> ctypes.c_void_p:
    """Of an array's memory, for a C function; the array must be contiguous and kept alive."""
    assert array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)
