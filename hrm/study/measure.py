"""How well a model answers each board, after each number of segments up to the largest."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hrm.boards import Boards, label, solved
from hrm.distributed import boards_at_a_time
from hrm.evaluation import to_boards, to_tokens
from hrm.hrm import HRM


@dataclass(frozen=True)
class Answers:
    """What became of each board; every array is ``(segments, boards)``."""

    cell_acc: NDArray[np.float64]
    """Share of its cells that equal the label."""
    exact: NDArray[np.bool_]
    """Whether all of them do."""
    solved: NDArray[np.bool_]
    """Whether the answer is a shortest path, the label's or another."""


@torch.inference_mode()
def answer(model: HRM, boards: Boards, segment_cnt: int) -> Answers:
    """Think about ``(B, N, N)`` solvable boards for `segment_cnt` segments, answering after each.

    The boards go through in the batches of `evaluation.evaluate`, so that both see the same.
    """
    model.eval()
    device = next(model.parameters()).device
    labels = label(boards)
    cell_acc = np.zeros((segment_cnt, len(boards)))
    exact, good = (np.zeros((segment_cnt, len(boards)), dtype=bool) for _ in range(2))
    size = boards_at_a_time(device, boards.shape[1])
    for start in range(0, len(boards), size):
        part = slice(start, start + size)
        tokens = to_tokens(boards[part], device)
        state = model.initial_state(len(tokens))
        for segment in range(segment_cnt):
            state, logits = model(state, tokens)
            answers = to_boards(logits.argmax(-1))
            right = (answers == labels[part]).reshape(len(answers), -1)
            cell_acc[segment, part] = right.mean(axis=1)
            exact[segment, part] = right.all(axis=1)
            good[segment, part] = solved(boards[part], answers)
    return Answers(cell_acc, exact, good)
