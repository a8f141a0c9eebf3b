"""The arrays of a split: read, checked, and put together as examples.

Each set has five: inputs and labels, ``(examples, seq_len)``; puzzle_indices, where in them each
puzzle begins, and the end; group_indices, where among the puzzles each group begins, and the end;
puzzle_identifiers, one number for each puzzle.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.examples import Examples
from hrm.tasks.folder.layout import DATASET, Metadata, read_metadata
from hrm.tasks.grid import IGNORE, Cells, Shape, shape_words

FIELDS = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")

Array = NDArray[Any]


def array_file(folder: Path, split: str, set_name: str, field: str) -> Path:
    """Where an array stands."""
    return folder / split / f"{set_name}__{field}.npy"


def read_split(
    folder: Path, split: str, shape: Shape, vocab_size: int, identifier_cnt: int | None
) -> Examples:
    """All examples of a split, the sets one after another, with the numbers of their groups and,
    where there is more than one, their puzzle identifiers.

    Args:
        folder: of the data set.
        split: "train" or "test".
        shape: rows and columns that are expected.
        vocab_size: that is expected.
        identifier_cnt: puzzle identifiers that are expected; None: any number.

    Raises:
        ValueError: naming the file, the value at fault and what to do.
    """
    metadata = read_metadata(folder, split)
    file = folder / split / DATASET
    if metadata.seq_len != shape[0] * shape[1]:
        raise ValueError(
            f"{file}: seq_len: {metadata.seq_len}, but the settings are of {shape_words(shape)}"
            " cells; set task.rows=R and task.columns=C"
        )
    if metadata.vocab_size != vocab_size:
        raise ValueError(
            f"{file}: vocab_size: {metadata.vocab_size}, but the settings have {vocab_size}; set"
            f" task.vocab_size={metadata.vocab_size}, or name another data set"
        )
    if identifier_cnt not in (None, metadata.num_puzzle_identifiers):
        raise ValueError(
            f"{file}: num_puzzle_identifiers: {metadata.num_puzzle_identifiers}, but the settings"
            f" have {identifier_cnt}; write the same in both splits, or name another data set"
        )
    sets = [_Set(folder, split, name, metadata) for name in metadata.sets]
    group_cnt = sum(part.group_cnt for part in sets)
    if group_cnt != metadata.total_groups:
        raise ValueError(
            f"{file}: total_groups: {metadata.total_groups}, but the sets have {group_cnt}; write"
            f" {group_cnt} there"
        )
    starts = np.cumsum([0, *(part.group_cnt for part in sets)])
    groups = [part.groups + start for part, start in zip(sets, starts[:-1], strict=True)]
    inputs, answers = ([getattr(part, key) for part in sets] for key in ("inputs", "answers"))
    several = metadata.num_puzzle_identifiers > 1
    puzzle_ids = np.concatenate([part.identifiers for part in sets]) if several else None
    grids = _grids(inputs, shape), _grids(answers, shape)
    return Examples(*grids, np.concatenate(groups), puzzle_ids)


class _Set:
    """One set, checked."""

    def __init__(self, folder: Path, split: str, name: str, metadata: Metadata):
        self._files = {field: array_file(folder, split, name, field) for field in FIELDS}
        self._metadata = metadata
        inputs, labels = (self._load(field, axes=2) for field in ("inputs", "labels"))
        if not len(inputs):
            raise self._error("inputs", "holds no examples; leave the set out of sets")
        if len(labels) != len(inputs):
            words = f"{len(labels)} of them, but {len(inputs)} inputs; give one for each"
            raise self._error("labels", words)
        puzzles = self._indices("puzzle_indices", len(inputs), "examples")
        groups = self._indices("group_indices", len(puzzles) - 1, "puzzles")
        self.identifiers = np.repeat(self._identifiers(len(puzzles) - 1), np.diff(puzzles))
        """``(n,)`` of the puzzle of each example."""
        self.group_cnt = len(groups) - 1
        self.groups = np.repeat(np.arange(self.group_cnt), np.diff(puzzles[groups]))
        """``(n,)`` the group of each example, from 0."""
        self._check_codes("inputs", inputs, np.True_)
        self.inputs: Cells = np.asarray(inputs, dtype=np.uint8)
        self.answers = self._answers(labels)

    def _load(self, field: str, axes: int) -> Array:
        file = self._files[field]
        # A large array stays in its file until it is used. Nothing is unpickled.
        try:
            array = np.lib.format.open_memmap(file, mode="r")
        except OSError as error:
            words = f"{error.strerror}; write it, or leave its set out of sets in {DATASET}"
            raise ValueError(f"{file}: {words}") from None
        except Exception:  # NumPy reads a header as Python, whose parser has many errors
            raise self._error(field, "damaged: not an array of numbers; write it anew") from None
        if array.dtype.kind not in "iu":
            raise self._error(field, f"holds {array.dtype}; write it as integers")
        wanted = "(examples, seq_len)" if axes == 2 else "one axis"
        if array.ndim != axes:
            raise self._error(field, f"has shape {array.shape}; expected {wanted}")
        if axes == 2 and array.shape[1] != self._metadata.seq_len:
            words = f"has shape {array.shape}, but {DATASET} has seq_len {self._metadata.seq_len}"
            raise self._error(field, f"{words}; correct one of them")
        return array

    def _indices(self, field: str, end: int, what: str) -> NDArray[np.int64]:
        indices = self._load(field, axes=1).astype(np.int64)
        if not len(indices) or indices[0] != 0:
            first = indices[0] if len(indices) else "nothing"
            raise self._error(field, f"begins with {first}; begin with 0")
        if len(backwards := np.flatnonzero(indices[1:] <= indices[:-1])):
            place = int(backwards[0])
            words = f"{indices[place]} is followed by {indices[place + 1]} (entry {place + 1})"
            raise self._error(field, f"{words}; each must be larger than the one before")
        if indices[-1] != end:
            raise self._error(field, f"ends with {indices[-1]}; end with {end}, the {what}")
        return indices

    def _identifiers(self, puzzle_cnt: int) -> NDArray[np.int64]:
        field, limit = "puzzle_identifiers", self._metadata.num_puzzle_identifiers
        identifiers = self._load(field, axes=1)
        if len(identifiers) != puzzle_cnt:
            words = f"{len(identifiers)} of them, but {puzzle_cnt} puzzles; give one for each"
            raise self._error(field, words)
        if len(wrong := np.flatnonzero((identifiers < 0) | (identifiers >= limit))):
            place = int(wrong[0])
            words = f"puzzle {place + 1} has {identifiers[place]}; give 0 to {limit - 1}, as in"
            raise self._error(field, f"{words} num_puzzle_identifiers")
        return identifiers.astype(np.int64)

    def _check_codes(self, field: str, cells: Array, counted: "Array | np.bool_") -> None:
        """Whether the cells that are counted hold codes."""
        limit = self._metadata.vocab_size
        wrong = counted & ((cells < 0) | (cells >= limit))
        if wrong.any():
            example, cell = (int(axis[0]) for axis in np.nonzero(wrong))
            words = f"example {example + 1} holds {cells[example, cell]} in cell {cell + 1}"
            raise self._error(field, f"{words}; codes are 0 to {limit - 1}, as in vocab_size")

    def _answers(self, labels: Array) -> Cells:
        """The labels, `IGNORE` where they are not graded."""
        ignored = self._metadata.ignore_label_id
        graded = np.ones(labels.shape, dtype=bool) if ignored is None else labels != ignored
        self._check_codes("labels", labels, graded)
        if len(without := np.flatnonzero(~graded.any(axis=1))):
            words = f"example {without[0] + 1} has nothing but ignore_label_id {ignored}"
            raise self._error("labels", f"{words}; take it out, it cannot be graded")
        answers = labels.astype(np.uint8)
        answers[~graded] = IGNORE
        return answers

    def _error(self, field: str, words: str) -> ValueError:
        return ValueError(f"{self._files[field]}: {words}")


def _grids(parts: list[Cells], shape: Shape) -> Cells:
    """The cells of all sets as ``(n, R, C)``."""
    cells = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return cells.reshape(-1, *shape)
