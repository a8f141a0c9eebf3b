"""The data set of a run, put together from what its task and settings say."""

from pathlib import Path

import numpy as np

from hrm.data.hashing import check_leak, contents
from hrm.data.sets import Dataset, Part, TrainingSet
from hrm.data.source import fresh, kept_back, read_examples, require_answers
from hrm.randomness import Purpose
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.tasks.grid import Shape, shape_words
from hrm.tasks.settings import TaskSettings
from hrm.tasks.task import Task


def load_dataset(settings: TaskSettings) -> Dataset:
    """The puzzles that the settings name. Drawn ones are never held-out ones.

    Raises:
        ValueError: if puzzles of a file cannot be used, or there are too few different ones.
    """
    return Dataset(tuple(_part(registry.make(part)) for part in settings.parts()))


def file_shape(task: Task, file: str) -> Shape:
    """Rows and columns of the first puzzle of a file to train on.

    Raises:
        ValueError: if the file cannot be used.
    """
    _require_lasting(file, "train_boards")
    return task.shape_of(task.read(file)[0].input)


def fit_to_own_puzzles(settings: TaskSettings) -> TaskSettings:
    """The settings with the counts that a data set or the user's own files hold, and with absolute
    paths, by which a run is gone on with from any folder.

    Raises:
        ValueError: if the files cannot be used.
    """
    for key in ("train_boards", "val_boards"):
        if file := getattr(settings, key):
            _require_lasting(file, key)
    settings = registry.with_absolute_paths(settings)
    task = registry.make(settings)
    if (given := task.given("train")) is not None:
        train, val = task.part(given)
    elif settings.train_boards:
        train, val = _own_puzzles(task)
    else:
        return settings
    try:
        return settings.changed({"train_count": len(train), "val_count": len(val)})
    except ValueError as error:
        raise ValueError(f"task.{error}") from None


def _require_lasting(file: str, key: str) -> None:
    """Refuse standard input and pipes, which can be read only once."""
    path = Path(file)
    if file == "-" or (path.exists() and not (path.is_file() or path.is_dir())):
        raise ValueError(
            f"task.{key}: {file}: a run reads its puzzles several times, also when it is resumed;"
            " write them to a file and name that"
        )


def _part(task: Task) -> Part:
    settings = task.config
    if (given := task.given("train")) is not None:
        train, val = task.part(given)
        return Part(TrainingSet(task, train, contents(val.inputs)), val, given=True)
    if settings.train_boards:
        train, val = _own_puzzles(task)
        return Part(TrainingSet(task, train, contents(val.inputs)), val)
    forbidden = contents(kept_back(task, task.held_out_cnt))
    puzzles = fresh(task, (settings.seed, Purpose.SET, 0), seen=set(forbidden))
    count = settings.val_count if settings.stream else settings.train_count + settings.val_count
    inputs = np.stack([next(puzzles) for _ in range(count)])
    drawn = Examples(inputs, require_answers(task, inputs))
    train = None if settings.stream else drawn.take(slice(0, settings.train_count))
    val = drawn.take(slice(0 if settings.stream else settings.train_count, None))
    return Part(TrainingSet(task, train, forbidden | contents(val.inputs)), val)


def _own_puzzles(task: Task) -> tuple[Examples, Examples]:
    """Training and validation puzzles of the files that the settings name."""
    file = task.config.train_boards
    assert file
    train = _read_own(task, file, "train_boards")
    if task.config.val_boards:
        val = _read_own(task, task.config.val_boards, "val_boards")
        if shared := check_leak(task, train.inputs, val.inputs).shared:
            raise ValueError(
                f"task.val_boards: {shared} of its puzzles are also in task.train_boards;"
                " take them out of one file"
            )
        return train, val
    if len(train) < 2:
        raise ValueError(
            f"task.train_boards: {file} has one puzzle, and none is left to validate on; give"
            " more, or name val_boards"
        )
    kept = len(train) - max(1, len(train) // 10)
    return train.take(slice(0, kept)), train.take(slice(kept, None))


def _read_own(task: Task, file: str, key: str) -> Examples:
    examples = read_examples(task, file)
    found = task.shape_of(examples.inputs)
    if found != task.shape:
        keys = ", ".join(f"task.{name}" for name in task.config.keys_of_shape())
        raise ValueError(
            f"task.{key}: the puzzles of {file} are {shape_words(found)}, but {keys} says"
            f" {shape_words(task.shape)}; all have to be of one size"
        )
    return examples
