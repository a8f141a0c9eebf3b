"""Boards for training: fixed sets, the endless stream, symmetries, hashes, and the leak check.

Everything is a function of (seed, purpose, epoch), so a run can be continued from any point, and
two runs with the same seed see the same boards in the same order on every machine.
"""

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hrm.config.schema import HELD_OUT_SEED, TaskConfig
from hrm.tasks.boardpath.boards import UNREACHABLE, Boards, label, random_boards, shortest_lengths
from hrm.tasks.boardpath.text import read_boards
from hrm.tasks.boardpath.views import END_TRIES, symmetries, turned, with_ends_moved

HELD_OUT_CNT = 2_000
"""Boards of `HELD_OUT_SEED` that the endless stream never yields."""

# What a random stream is for. Part of its key, so that no two purposes share numbers.
_SET, _STREAM, _ORDER, _SYMMETRY, _SIZES, _ENDS = 1, 2, 3, 4, 6, 7
_MAX_REPEATS = 100_000


def generate(size: int, wall_prob: float, count: int, seed: int) -> Boards:
    """`count` different random solvable boards, the same for the same arguments everywhere.

    Returns:
        ``(count, size, size)`` inputs.

    Raises:
        ValueError: if there are not that many different boards.
    """
    boards = _fresh(size, wall_prob, (seed, _SET, 0), seen=set())
    return np.stack([next(boards) for _ in range(count)])


def held_out(size: int, wall_prob: float, count: int) -> Boards:
    """`count` boards for testing that no run trains on: those of `HELD_OUT_SEED`.

    Raises:
        ValueError: if more than `HELD_OUT_CNT` are asked for; no more are kept back.
    """
    boards = _held_out(size, wall_prob, min(count, HELD_OUT_CNT))
    if count > len(boards):
        raise ValueError(f"count {count}: only {len(boards)} boards of this size are held out")
    return boards


def content_hash(boards: Boards) -> str:
    """SHA-256 of the boards' size and codes, in order."""
    digest = hashlib.sha256(f"{boards.shape[1]}x{boards.shape[2]}:".encode())
    digest.update(boards.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class TrainingSet:
    """The boards that a run learns from: fixed, or with `stream` drawn afresh for each epoch."""

    task: TaskConfig
    fixed: Boards | None
    forbidden: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Boards (as bytes) that must not come up: for validation, or held out."""

    def epoch(self, epoch: int, seed: int) -> tuple[Boards, Boards]:
        """Inputs and labels of an epoch in the order of training, ``(train_count, N, N)`` each.

        Args:
            epoch: counted from 1.
            seed: of the run; the boards themselves depend on `task.seed` only.
        """
        if self.fixed is None:
            boards = self._draw(epoch)
        else:
            boards = self.fixed[
                _random(len(self.fixed), seed, _ORDER, epoch).argsort(kind="stable")
            ]
        boards = self._augmented(boards, seed, epoch)
        return boards, label(boards)

    def _augmented(self, boards: Boards, seed: int, epoch: int) -> Boards:
        """The views that the task asks for; a board whose view must not come up stays as it is."""
        views = boards
        if self.task.move_ends:
            numbers = _random(len(boards) * END_TRIES * 2, seed, _ENDS, epoch)
            views = with_ends_moved(views, numbers, self.task.move_ends)
        if self.task.augment:
            views = turned(views, _random(len(boards), seed, _SYMMETRY, epoch))
        if views is boards:
            return boards
        barred = np.array([view.tobytes() in self.forbidden for view in views])
        return np.where(barred[:, None, None], boards, views)

    def _draw(self, epoch: int) -> Boards:
        key = (self.task.seed, _STREAM, epoch)
        boards = _fresh(self.task.board_size, self.task.wall_prob, key, set(self.forbidden))
        return np.stack([next(boards) for _ in range(self.task.train_count)])


Batch = tuple[Boards, Boards]
"""Inputs and labels, ``(B, N, N)`` each."""


@dataclass(frozen=True)
class Dataset:
    """Training boards and validation boards that are disjoint from them."""

    train: TrainingSet
    val: Boards
    others: tuple["Dataset", ...] = ()
    """Those of the other sizes that a run trains on too (`task.board_sizes`)."""

    @property
    def val_sets(self) -> list[Boards]:
        """All validation boards, an array for each size."""
        return [self.val, *(other.val for other in self.others)]

    def batch_cnt(self, batch_size: int) -> int:
        """Batches an epoch."""
        own = math.ceil(self.train.task.train_count / batch_size)
        return own + sum(other.batch_cnt(batch_size) for other in self.others)

    def batches(self, epoch: int, seed: int, batch_size: int) -> list[Batch]:
        """An epoch's boards in the order of training (see `TrainingSet.epoch`), as batches.

        Each is of one size; the sizes take turns in an order that `seed` and `epoch` decide.
        """
        inputs, labels = self.train.epoch(epoch, seed)
        parts = [slice(i, i + batch_size) for i in range(0, len(inputs), batch_size)]
        batches = [(inputs[part], labels[part]) for part in parts]
        if not self.others:
            return batches
        batches += [b for other in self.others for b in other.batches(epoch, seed, batch_size)]
        order = _random(len(batches), seed, _SIZES, epoch).argsort(kind="stable")
        return [batches[i] for i in order]

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes; a stream has none, its boards follow from the seed."""
        hashes = {"val": content_hash(self.val)}
        if self.train.fixed is not None:
            hashes["train"] = content_hash(self.train.fixed)
        for other in self.others:
            size = f"{other.train.task.board_size}x{other.train.task.board_size}"
            hashes |= {f"{name}_{size}": digest for name, digest in other.hashes.items()}
        return hashes


def load_dataset(task: TaskConfig) -> Dataset:
    """The boards that a task names. Generated ones are never held-out boards.

    Raises:
        ValueError: if boards of a file cannot be used, or there are too few different boards.
    """
    sets = {part.board_size: _load_one_size(part) for part in task.of_each_size()}
    own = sets.pop(task.board_size)
    return replace(own, others=tuple(sets.values()))


def _load_one_size(task: TaskConfig) -> Dataset:
    if task.train_boards:
        train, val = _own_boards(task)
        return Dataset(TrainingSet(task, train, _contents(val)), val)
    kept_back = _contents(_held_out(task.board_size, task.wall_prob, HELD_OUT_CNT))
    fresh = _fresh(task.board_size, task.wall_prob, (task.seed, _SET, 0), seen=set(kept_back))
    count = task.val_count if task.stream else task.train_count + task.val_count
    boards = np.stack([next(fresh) for _ in range(count)])
    train, val = (None, boards) if task.stream else np.split(boards, [task.train_count])
    return Dataset(TrainingSet(task, train, kept_back | _contents(val)), val)


def own_board_size(file: str) -> int:
    """Cells on a side of the first board of a file.

    Raises:
        ValueError: if the file cannot be used.
    """
    return len(read_boards(file)[0])


def fit_to_own_boards(task: TaskConfig) -> TaskConfig:
    """`task` with the counts that its own board files hold, and with their absolute paths, by which
    a run is gone on with from any folder.

    Raises:
        ValueError: if the files cannot be used.
    """
    train, val = _own_boards(task)
    files = {"train_boards": task.train_boards, "val_boards": task.val_boards}
    absolute = {key: os.path.abspath(file) for key, file in files.items() if file}
    counts = {"train_count": len(train), "val_count": len(val)}
    return task.model_copy(update={**absolute, **counts})


def _own_boards(task: TaskConfig) -> tuple[Boards, Boards]:
    """Training and validation boards of the files that `task` names, without repeats."""
    assert task.train_boards
    train = _read_own(task.train_boards, "train_boards", task.board_size)
    if task.val_boards:
        val = _read_own(task.val_boards, "val_boards", task.board_size)
        if shared := check_leak(train, val).shared:
            raise ValueError(
                f"task.val_boards: {shared} of its boards are also in task.train_boards;"
                " take them out of one file"
            )
        return train, val
    if len(train) < 2:
        raise ValueError(
            f"task.train_boards: {task.train_boards} has one board, and none is left to validate"
            " on; give more boards, or name val_boards"
        )
    train, val = np.split(train, [len(train) - max(1, len(train) // 10)])
    return train, val


def _read_own(file: str, key: str, size: int) -> Boards:
    boards = stack_boards(read_boards(file), file)
    found = boards.shape[1]
    if found != size:
        raise ValueError(
            f"task.{key}: the boards of {file} are {found}×{found}, but task.board_size is {size}"
        )
    require_paths(boards, file)
    return np.stack(list({board.tobytes(): board for board in boards}.values()))


def stack_boards(boards: list[Boards], source: str) -> Boards:
    """Boards of one size as one array.

    Raises:
        ValueError: naming the first board of another size.
    """
    size = len(boards[0])
    for number, board in enumerate(boards, start=1):
        if len(board) != size:
            raise ValueError(
                f"{source}: board {number} is {len(board)}×{len(board)}, but board 1 is"
                f" {size}×{size}; give boards of one size"
            )
    return np.stack(boards)


def require_paths(boards: Boards, source: str, first: int = 1) -> None:
    """Refuse boards that cannot be solved; the first one's number is `first`.

    Raises:
        ValueError: naming the first board without a path.
    """
    barren = np.flatnonzero(shortest_lengths(boards) == UNREACHABLE)
    if len(barren):
        raise ValueError(
            f"{source}: board {barren[0] + first} has no path from S to E; take it out"
        )


@dataclass(frozen=True)
class LeakReport:
    """What two sets of boards have in common."""

    counts: tuple[int, int]
    repeats: tuple[int, int]
    """Boards of each set that stand in the same set before."""
    shared: int
    """Different boards that are in both."""
    shared_up_to_symmetry: int
    """Boards of the second set of which some rotation or reflection is in the first."""


def check_leak(first: Boards, second: Boards) -> LeakReport:
    """Compare two sets of boards, ``(B, N, N)`` each, of any sizes."""
    one, two = ({board.tobytes() for board in boards} for boards in (first, second))
    turned = {view.tobytes() for board in first for view in symmetries(board)}
    same_size = first.shape[1:] == second.shape[1:]
    return LeakReport(
        counts=(len(first), len(second)),
        repeats=(len(first) - len(one), len(second) - len(two)),
        shared=len(one & two) if same_size else 0,
        shared_up_to_symmetry=len(turned & two) if same_size else 0,
    )


def _held_out(size: int, wall_prob: float, count: int) -> Boards:
    """Up to `count` held-out boards; never more than half of those there are."""
    boards: list[Boards] = []
    # Only tiny or empty boards are so few that holding some back could leave none.
    scarce = size <= 5 or wall_prob < 0.01
    try:
        fresh = _fresh(size, wall_prob, (HELD_OUT_SEED, _SET, 0), seen=set())
        while len(boards) < (2 * HELD_OUT_CNT if scarce else count):
            boards.append(next(fresh))
    except ValueError:
        if not boards:
            raise
    return np.stack(boards[: min(count, len(boards) // 2 if scarce else count)])


def _contents(boards: Boards) -> frozenset[bytes]:
    return frozenset(board.tobytes() for board in boards)


def _fresh(size: int, wall_prob: float, key: tuple[int, ...], seen: set[bytes]) -> Iterator[Boards]:
    """Random boards that are not in `seen`, each of which is added to it."""
    repeats = 0
    for batch in random_boards(size, wall_prob, key):
        for board in batch:
            content = board.tobytes()
            repeats = repeats + 1 if content in seen else 0
            if not repeats:
                seen.add(content)
                yield board
        if repeats > _MAX_REPEATS:
            raise ValueError(
                f"board_size {size} with wall_prob {wall_prob} has too few different boards"
                f" ({len(seen):,} found); ask for fewer or for larger ones"
            )


def _random(count: int, seed: int, purpose: int, epoch: int) -> NDArray[np.uint64]:
    """Raw random numbers; unlike NumPy's distributions, their stream is guaranteed."""
    return np.random.PCG64(np.random.SeedSequence((seed, purpose, epoch))).random_raw(count)
