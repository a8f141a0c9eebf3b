"""A task's training and held-out puzzles as a data set for other programs."""

from collections.abc import Iterator
from pathlib import Path

from hrm.data.hashing import content_hash
from hrm.data.source import for_training, held_out
from hrm.tasks.folder.writing import FolderWriter
from hrm.tasks.task import Task


def write_folder(
    out: Path, task: Task, train_count: int | None, test_count: int | None, seed: int
) -> Iterator[str]:
    """Write puzzles with their answers in the layout of the published HRM and TRM.

    Args:
        out: the folder, which must not be there yet.
        task: of the puzzles, of their shape.
        train_count: puzzles that are not held out; None: all of a data set, or 1,000.
        test_count: held-out puzzles; likewise.
        seed: names the training puzzles.

    Yields:
        Lines for a person on what was written.

    Raises:
        ValueError: if the folder is there, or the task has too few puzzles or too many codes.
        OSError: if the folder cannot be written.
    """
    writer = FolderWriter(out, task)  # refuses before anything is drawn
    train, test = for_training(task, train_count, seed), held_out(task, test_count, views=True)
    yield from writer.write(train, test)
    for split, examples in (("train", train), ("test", test)):
        yield f"{split}: sha256 of the puzzles {content_hash(examples.inputs)}"
    yield f"train on it with: hrm train folder task.path={out}"
