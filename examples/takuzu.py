"""Takuzu: each row and column has as many 0 as 1, and never three alike next to each other."""

from itertools import product
from typing import Literal

import numpy as np

from hrm import NINE, Code, Completion, Structure

ZERO, ONE = 1, 2


def wrong(lines):
    """Along the last axis: the middle of three alike, and all cells of a kind that is too many."""
    sign = 2.0 * lines - (ZERO + ONE)
    cells = sign * sign.sum(axis=-1, keepdims=True) > 0
    cells[..., 1:-1] |= abs(sign[..., 2:] + sign[..., 1:-1] + sign[..., :-2]) == 3
    return cells


class Takuzu(Completion):
    class Config(Completion.Config):
        size: Literal[4, 6] = 6
        """Cells on a side."""

    config: Config
    codes = (Code(".", "open"), Code("0", "zero"), Code("1", "one"))
    structure = Structure(neighbourhood=NINE, interchangeable=((ZERO, ONE),))
    turns = True
    contradiction_words = "breaks a rule"

    def every_grid(self):
        """Row by row: each column must begin like some line."""
        lines = np.array(list(product((ZERO, ONE), repeat=self.config.size)), dtype=np.uint8)
        lines = lines[~wrong(lines).any(axis=1)]
        grids = lines[:, None]
        for rows in range(2, self.config.size + 1):
            below = np.tile(lines, (len(grids), 1))[:, None]
            grids = np.concatenate([grids.repeat(len(lines), axis=0), below], axis=1)
            columns = grids.swapaxes(1, 2)[:, :, None]
            grids = grids[(columns == lines[:, :rows]).all(-1).any(-1).all(-1)]
        return grids

    def contradictions(self, inputs, answers):
        columns = wrong(answers.swapaxes(1, 2)).swapaxes(1, 2)
        return wrong(answers) | columns | super().contradictions(inputs, answers)
