"""Writing a task's puzzles as a data set that the published HRM and TRM read.

There, 0 is padding: a cell's number is the code of the task plus one, and a label of 0 is not
graded. What comes from such a data set keeps its numbers.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from hrm.files import write_atomic
from hrm.tasks.examples import Examples
from hrm.tasks.folder.arrays import Array, array_file
from hrm.tasks.folder.codes import legible, write_codes
from hrm.tasks.folder.layout import DATASET, GRID, IDENTIFIERS, Metadata
from hrm.tasks.given import GivenTask
from hrm.tasks.grid import IGNORE, MAX_CODES, Cells, Code
from hrm.tasks.task import Task

_SET = "all"


class FolderWriter:
    """Writes a data set once.

    Args:
        out: the folder, which must not be there yet.
        task: of the puzzles, of their shape.

    Raises:
        ValueError: if the folder is there, or the task has too many codes.
    """

    def __init__(self, out: Path, task: Task):
        if out.exists() or out.is_symlink():
            raise ValueError(f"--out: {out}: already there; name another folder")
        self._out, self._task = out, task
        self._numbering, self._names = _Numbering.of(task), task.identifier_names

    def write(self, train: Examples, test: Examples) -> Iterator[str]:
        """Write both splits.

        Yields:
            Lines for a person on what was written.

        Raises:
            OSError: if the folder cannot be written.
        """
        out, numbering = self._out, self._numbering
        write_atomic(out / GRID, numbering.grid_file(self._task))
        write_atomic(out / IDENTIFIERS, json.dumps([*self._names], ensure_ascii=False) + "\n")
        for split, examples in (("test", test), ("train", train)):
            arrays = _arrays(examples, numbering)
            for field, array in arrays.items():
                write_atomic(array_file(out, split, _SET, field), _npy(array))
            # By this file a split is known as one, so it comes last.
            write_atomic(out / split / DATASET, numbering.dataset_file(arrays, len(self._names)))
            puzzles, groups = (len(arrays[f"{what}_indices"]) - 1 for what in ("puzzle", "group"))
            words = f"{puzzles:,} puzzles in {groups:,} groups"
            several = f"{len(examples):,} examples of " if len(examples) > puzzles else ""
            yield f"{split}: {several}{words}"
        names = (f"{number} = {code.word}" for number, code in enumerate(numbering.codes))
        yield f"codes: {', '.join(names)}"


class _Numbering(NamedTuple):
    """Which number stands for a code in the files."""

    added: int
    """To the codes of the task."""
    pad_id: int
    ignore_label_id: int | None
    codes: tuple[Code, ...]
    """By number."""
    answer_codes: tuple[Code, ...]

    @classmethod
    def of(cls, task: Task) -> Self:
        """The published one; of a data set, its own."""
        if isinstance(task, GivenTask):
            codes, answer_codes = tuple(task.codes), tuple(task.answer_codes)
            return cls(0, task.pad_id, task.ignore_label_id, codes, answer_codes)
        count = 1 + max(len(task.codes), len(task.answer_codes))
        if count > MAX_CODES:
            raise ValueError(
                f"task {task.config.name}: {count - 1} codes and one for padding; this layout is"
                f" written with at most {MAX_CODES}"
            )
        padding = Code("", "padding")
        codes, answer_codes = (
            legible([padding, *own], count) for own in (task.codes, task.answer_codes)
        )
        return cls(1, 0, 0, codes, answer_codes)

    def inputs(self, cells: Cells) -> Array:
        """The numbers of puzzles, ``(n, seq_len)``."""
        return (cells + np.uint8(self.added)).reshape(len(cells), -1)

    def labels(self, answers: Cells) -> Array:
        """The numbers of answers; `ignore_label_id` where they are not graded."""
        flat = answers.reshape(len(answers), -1)
        fits = self.ignore_label_id is None or 0 <= self.ignore_label_id <= 255
        kind = np.uint8 if fits else np.int32
        numbers = flat.astype(kind) + kind(self.added)
        if self.ignore_label_id is not None:
            numbers[flat == IGNORE] = self.ignore_label_id
        return numbers

    def dataset_file(self, arrays: dict[str, Array], identifier_cnt: int) -> str:
        """The content of `dataset.json`."""
        puzzles, groups = (len(arrays[f"{what}_indices"]) - 1 for what in ("puzzle", "group"))
        metadata = Metadata(
            pad_id=self.pad_id,
            ignore_label_id=self.ignore_label_id,
            blank_identifier_id=0,
            vocab_size=len(self.codes),
            seq_len=arrays["inputs"].shape[1],
            num_puzzle_identifiers=identifier_cnt,
            total_groups=groups,
            mean_puzzle_examples=len(arrays["inputs"]) / puzzles,
            total_puzzles=puzzles,
            sets=[_SET],
        )
        return _json(metadata.model_dump())

    def grid_file(self, task: Task) -> str:
        """The content of `grid.json`."""
        rows, columns = task.shape
        content: dict[str, object] = {"format_version": 1, "rows": rows, "columns": columns}
        content["codes"] = write_codes(self.codes)
        if self.answer_codes != self.codes:
            content["answer_codes"] = write_codes(self.answer_codes)
        return _json(content)


def _arrays(examples: Examples, numbering: _Numbering) -> dict[str, Array]:
    """The arrays of a split. Neighbours of one group and one identifier are of one puzzle; without
    identifiers every example is a puzzle of its own."""
    count = len(examples)
    groups = np.arange(count) if examples.groups is None else examples.groups
    known = examples.puzzle_ids
    identifiers = np.zeros(count, dtype=np.int64) if known is None else known
    new_group = np.diff(groups, prepend=-1) != 0
    new_puzzle = new_group | (np.diff(identifiers, prepend=-1) != 0) | (identifiers == 0)
    puzzles = np.flatnonzero(new_puzzle)
    return {
        "inputs": numbering.inputs(examples.inputs),
        "labels": numbering.labels(examples.answers),
        "puzzle_identifiers": identifiers[puzzles].astype(np.int32),
        "puzzle_indices": np.array([*puzzles, count], dtype=np.int32),
        "group_indices": np.array(
            [*np.flatnonzero(new_group[puzzles]), len(puzzles)], dtype=np.int32
        ),
    }


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
