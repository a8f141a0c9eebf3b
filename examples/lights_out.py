"""Lights Out: pressing a light turns it and its four neighbours; which presses put all out?"""

from itertools import product

import numpy as np

from hrm import Code, Structure, Task


def lights_after(presses):
    """What is on after the presses, if all was off before."""
    lights = presses.copy()
    lights[..., 1:, :] ^= presses[..., :-1, :]
    lights[..., :-1, :] ^= presses[..., 1:, :]
    lights[..., :, 1:] ^= presses[..., :, :-1]
    lights[..., :, :-1] ^= presses[..., :, 1:]
    return lights


class LightsOut(Task):
    class Config(Task.Config):
        size: int = 7
        """Lights on a side."""
        presses: int = 8
        """Random presses that make a puzzle, at most."""

    config: Config
    codes = (Code(".", "off", (55, 65, 81)), Code("o", "on", (250, 204, 21)))
    answer_codes = (Code(".", "leave"), Code("+", "press"))
    structure = Structure(neighbourhood=((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)))
    turns = relabels = True
    contradiction_words = "stays on"

    def draw_one(self, numbers):
        count = 1 + numbers.below(self.config.presses)
        presses = numbers.order(self.grid.cell_cnt) < count
        return lights_after(presses.reshape(self.shape).astype(np.uint8))

    def answer_one(self, puzzle):
        """Row by row: what is on must be pressed away from below. The fewest presses win."""
        presses = np.zeros((2**self.config.size, *puzzle.shape), dtype=np.uint8)
        presses[:, 0] = list(product((0, 1), repeat=self.config.size))
        for row in range(1, self.config.size):
            presses[:, row] = (lights_after(presses) ^ puzzle)[:, row - 1]
        right = presses[~self.contradictions(puzzle, presses).any(axis=(1, 2))]
        return min(right, key=np.sum, default=None)

    def contradictions(self, inputs, answers):
        return lights_after(answers) != inputs
