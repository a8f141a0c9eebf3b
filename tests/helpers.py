"""What several test modules need: small runs, boards with labels, a reporter that is silent."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from hrm import RunConfig, machine
from hrm.data.load import load_dataset
from hrm.data.source import generate, held_out
from hrm.models.batch import to_cells, to_tokens
from hrm.models.hrm import HRM
from hrm.tasks import registry
from hrm.tasks.boardpath.boards import Boards, label
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Cells
from hrm.tasks.task import Task
from hrm.training.learner import Learner
from hrm.training.trainer import Trainer

CPU = torch.device("cpu")
TIMES = ("seconds", "boards_per_second")
"""The metrics that differ from run to run."""
MIXED = {"task__board_sizes": [3, 4, 5], "model__rope_2d": True, "model__local_mixing": True}
"""Boards of several sizes, and what a model for them needs."""
MINES = f"{Path(__file__).parent / 'mines.py'}:Mines"
"""The name of the tests' own task."""


class Silent:
    """A `Reporter` that remembers what it was told."""

    def __init__(self):
        self.rows, self.calls = [], []

    def advance(self, epoch, phase, done, total):
        self.calls.append((epoch, phase, done, total))

    def epoch(self, row):
        self.rows.append(row)


def tiny(**changes) -> RunConfig:
    """A run of a second, resolved; keys are named with two underscores."""
    board_size = {} if "task__name" in changes else {"task__board_size": 4}
    config = RunConfig().derive(
        **{
            **board_size,
            "task__train_count": 24,
            "task__val_count": 8,
            "model__d_model": 16,
            "model__head_cnt": 2,
            "model__H_block_cnt": 1,
            "model__dropout": 0.0,
            "model__sdpa_dropout": 0.0,
            "train__lr": 2e-3,
            "train__batch_size": 10,
            "train__epoch_cnt": 3,
            "train__threads": 1,
            **changes,
        }
    )
    return machine.resolve(config)


def trainer_of(config: RunConfig, folder: Path, **more) -> Trainer:
    """A trainer that is silent."""
    dataset = load_dataset(config.task)
    return Trainer(config, dataset, folder, more.pop("reporter", Silent()), **more)


def digest(folder: Path) -> str:
    """Of everything that a finished run leaves, times aside."""
    sha = hashlib.sha256()
    for name in ("checkpoints/last/model.safetensors", "checkpoints/best/model.safetensors"):
        sha.update((folder / name).read_bytes())
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = {key: value for key, value in json.loads(line).items() if key not in TIMES}
        sha.update(json.dumps(row).encode())
    return sha.hexdigest()


def learner_of(fused: bool, model: dict, **train) -> Learner:
    """Of a tiny model for boards of 5×5, with the fused kernels or with plain PyTorch.

    Args:
        fused: which.
        model: keys of the section `model`.
        **train: keys of the section `train`.
    """
    changes = {f"model__{key}": value for key, value in {"d_model": 24, **model}.items()}
    changes |= {f"train__{key}": value for key, value in train.items()}
    config = tiny(**changes, train__kernels="fused" if fused else "plain")
    torch.manual_seed(0)
    return Learner(config.train, HRM(config.model, 5).train(), 100)


def board_path(size: int, wall_prob: float = 0.3) -> Task:
    """Board paths of a size."""
    return registry.make(registry.read_settings({"board_size": size, "wall_prob": wall_prob}))


def some_boards(size: int, count: int, seed: int = 0, wall_prob: float = 0.3) -> Boards:
    """Different random boards."""
    return generate(board_path(size, wall_prob), count, seed)


def labelled(boards: Boards) -> Examples:
    """Boards with their labels."""
    return Examples(boards, label(boards))


def held_out_boards(size: int, count: int, wall_prob: float = 0.3) -> Examples:
    """Boards that no run trains on, with their labels."""
    return held_out(board_path(size, wall_prob), count)


def answers_one_by_one(model: HRM, puzzles: Cells, segments: int) -> Cells:
    """What a model answers after so many segments about each puzzle alone."""
    answers = []
    with torch.no_grad():
        for puzzle in puzzles:
            state = model.initial_state(1, puzzle.shape)
            for _ in range(segments):
                state, logits = model(state, to_tokens(puzzle[None], CPU))
            answers.append(to_cells(logits.argmax(-1), puzzle.shape)[0])
    return np.stack(answers)
