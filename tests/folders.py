"""Data sets in the published layout, written and read the slow and obvious way."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hrm.tasks.folder.task import Folder, FolderSettings


class Example(NamedTuple):
    """One example and where it belongs."""

    input: list[int]
    label: list[int]
    puzzle: int
    group: int
    identifier: int


def task(path: Path, **keys: Any) -> Folder:
    """The task of a data set."""
    return Folder(FolderSettings(path=str(path), **keys))


def meta(**changes: Any) -> dict[str, Any]:
    """A sound `dataset.json`."""
    values = {
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "vocab_size": 5,
        "seq_len": 4,
        "num_puzzle_identifiers": 3,
        "total_groups": 2,
        "mean_puzzle_examples": 4 / 3,
        "sets": ["all"],
    }
    return {**values, **changes}


def arrays(**changes: Any) -> dict[str, Any]:
    """Four examples of three puzzles in two groups."""
    values = {
        "inputs": np.array([[1, 2, 3, 4], [1, 1, 2, 2], [4, 3, 2, 1], [2, 2, 2, 2]], np.uint8),
        "labels": np.array([[1, 2, 3, 4], [1, 0, 2, 2], [4, 3, 2, 1], [2, 0, 0, 0]], np.int64),
        "puzzle_identifiers": np.array([1, 2, 0], np.int32),
        "puzzle_indices": np.array([0, 2, 3, 4], np.int32),
        "group_indices": np.array([0, 1, 3], np.int32),
    }
    return {**values, **changes}


def write_split(
    folder: Path, split: str, metadata: dict[str, Any], sets: dict[str, dict[str, Any]]
) -> None:
    """A split of a data set; an array that is None is left out."""
    (folder / split).mkdir(parents=True, exist_ok=True)
    (folder / split / "dataset.json").write_text(json.dumps(metadata))
    for name, fields in sets.items():
        for field, array in fields.items():
            if array is not None:
                np.save(folder / split / f"{name}__{field}.npy", array, allow_pickle=True)


def write(folder: Path) -> Path:
    """A sound data set."""
    write_split(folder, "train", meta(), {"all": arrays()})
    few = {
        "inputs": np.array([[3, 3, 3, 3], [4, 4, 4, 4]]),
        "labels": np.array([[4, 4, 4, 0], [3, 3, 3, 3]]),
        "puzzle_identifiers": np.zeros(2, int),
        "puzzle_indices": np.arange(3),
        "group_indices": np.arange(3),
    }
    write_split(folder, "test", meta(), {"all": few})
    return folder


def read_slowly(folder: Path, split: str) -> list[Example]:
    """What the published code makes of a split: groups of puzzles of examples, by their indices."""
    examples = []
    group_cnt = 0
    for name in json.loads((folder / split / "dataset.json").read_text())["sets"]:
        fields = {
            file.stem.split("__")[1]: np.load(file).tolist()
            for file in (folder / split).glob(f"{name}__*.npy")
        }
        starts = fields["group_indices"]
        for group in range(len(starts) - 1):
            for puzzle in range(starts[group], starts[group + 1]):
                begin, end = fields["puzzle_indices"][puzzle : puzzle + 2]
                for i in range(begin, end):
                    examples.append(
                        Example(
                            fields["inputs"][i],
                            fields["labels"][i],
                            puzzle,
                            group_cnt + group,
                            fields["puzzle_identifiers"][puzzle],
                        )
                    )
        group_cnt += len(starts) - 1
    return examples
