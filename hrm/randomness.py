"""Random numbers that are a function of a key: the same on every machine and in every version.

They come straight from the raw output of PCG64, whose stream NumPy guarantees, and use none of its
distributions, which it does not. Nothing is saved or restored: who knows the key has the numbers.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What numbers are for: part of each key, so that no two purposes share numbers."""

    SET = 1
    """Training, validation and held-out puzzles."""
    STREAM = 2
    """The fresh puzzles of an epoch."""
    ORDER = 3
    SYMMETRY = 4
    DROPOUT = 5
    SIZES = 6
    VARIATION = 7
    """Changes to the training puzzles of an epoch, other than by a symmetry."""
    EXPLORATION = 8
    """How long puzzles must be thought about that a network would rather be done with."""
    FREE_SEGMENTS = 9
    """How long a batch is thought about before it is learned from."""


class Numbers:
    """An endless stream of random numbers.

    Args:
        *key: non-negative integers; the same ones give the same stream.
    """

    def __init__(self, *key: int):
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def raw(self, count: int) -> NDArray[np.uint64]:
        """`count` numbers from 0 to 2⁶⁴ - 1."""
        return self._bits.random_raw(count)

    def below(self, limit: int, shape: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
        """An array of numbers from 0 to `limit` - 1, all equally likely; by default of one."""
        numbers = self.raw(int(np.prod(shape))) % np.uint64(limit)
        return numbers.astype(np.int64).reshape(shape)

    def uniform(self, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
        """An array of numbers in [0, 1)."""
        return to_uniform(self.raw(int(np.prod(shape)))).reshape(shape)

    def order(self, count: int) -> NDArray[np.int64]:
        """The numbers 0 to `count` - 1 in random order."""
        return self.raw(count).argsort(kind="stable")


def to_uniform(raw: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Raw numbers as numbers in [0, 1), with all 53 bits that a float holds."""
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
