"""`hrm data`: generate puzzles, compare sets of puzzles, try out tasks, export data sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.commands.options import (
    TAKES_TASK_KEYS,
    Shapes,
    as_asked,
    task_keys_argument,
)
from hrm.errors import WorkFailed

if TYPE_CHECKING:
    from hrm.tasks.grid import Shape
    from hrm.tasks.task import Task

_SEED = click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True,
                     help="Names the puzzles; 2147483647 are the held-out ones.")  # fmt: skip
_SIZE = click.option("--size", type=Shapes(), help="Cells on a side [default: the task's].")


@click.group()
def data() -> None:
    """Generate puzzles, check sets for leaks and tasks for mistakes, export data sets."""


@data.command(context_settings=TAKES_TASK_KEYS)
@_SIZE
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, show_default=True,
              help="How many different puzzles.")  # fmt: skip
@_SEED
@click.option("--out", type=click.Path(path_type=Path), help="File [default: standard output].")
@task_keys_argument
def generate(
    size: "Shape | None", count: int, seed: int, out: Path | None, task_words: tuple[str, ...]
) -> None:
    """Random puzzles as text, the same for the same arguments on every machine.

    \b
    hrm data generate --size 20 --wall-prob 0.2 --count 5
    hrm data generate sudoku --count 100 --seed 3 --out sudokus.txt
    hrm data generate my_puzzle.py:LightsOut

    The first word is the task, by default board paths. Any of its keys is an option. A run with
    task.seed=SEED trains and validates on the first of these puzzles that are not held out.
    """
    from hrm.data.hashing import content_hash
    from hrm.data.source import generate as draw
    from hrm.files import write_atomic

    task = _task(task_words, size)
    puzzles = draw(task, count, seed)
    if out is None:
        click.echo(task.format_all(puzzles), nl=False)
    else:
        write_atomic(out, task.format_all(puzzles))
    click.echo(f"{count} boards, sha256 {content_hash(puzzles)}", err=True)


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="A B | TASK")
@click.option("--task", "task_name", metavar="TASK", help="Of the files [default: board paths].")
def check(names: tuple[str, ...], task_name: str | None) -> None:
    """Compare two puzzle files: repeats, hashes, puzzles in both (a leak). Or try out a task.

    \b
    hrm data check train.txt val.txt
    hrm data check my_puzzle.py:LightsOut

    To try out a task, puzzles are drawn. They must be the same each time, the task's answers must
    pass its own check, its symmetries must give puzzles of the same kind, and its text must be read
    back unchanged.

    Exit code 1 if the files share a puzzle, or if the task is not as it declares.
    """
    if len(names) == 1:
        _check_task(names[0])
    elif len(names) == 2:
        _check_files(names, _task((task_name,) if task_name else (), None))
    else:
        raise click.UsageError("give two files, or one task")


@data.command(context_settings=TAKES_TASK_KEYS)
@click.option("--layout", type=click.Choice(["folder"]), default="folder", show_default=True,
              help="Arrays as the published HRM and TRM read them.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--train-count", type=click.IntRange(1, 10_000_000),
              help="Examples [default: 1000, or all of a data set].")  # fmt: skip
@click.option("--test-count", type=click.IntRange(1, 10_000_000), help="Likewise.")
@_SIZE
@_SEED
@task_keys_argument
def export(
    layout: str,
    out: Path,
    train_count: int | None,
    test_count: int | None,
    size: "Shape | None",
    seed: int,
    task_words: tuple[str, ...],
) -> None:
    """Write a task's puzzles and answers as a data set for other programs.

    \b
    hrm data export sudoku --train-count 1000 --out sudoku-1k
    hrm train folder task.path=sudoku-1k
    hrm data export arc --augmentations 50 --out arc-aug-50

    The training puzzles are those of `hrm data generate` with this seed, the test puzzles those
    that this library holds out; none is in both.
    """
    from hrm.data.export import write_folder

    for line in write_folder(out, _task(task_words, size), train_count, test_count, seed):
        click.echo(line)


def _task(words: tuple[str, ...], size: "Shape | None") -> "Task":
    """The task that the first word names, with the keys that follow."""
    from hrm.tasks import registry

    name = words[0] if words and "=" not in words[0] and not words[0].startswith("--") else None
    task = registry.make(registry.read_settings({"name": name or registry.DEFAULT}))
    return as_asked(task, size, words[1:] if name else words)


def _check_task(name: str) -> None:
    from hrm.data.trial import try_out

    failed = 0
    for finding in try_out(_task((name,), None)):
        click.echo(f"{'ok  ' if finding.good else 'BAD '} {finding.words}")
        failed += not finding.good
    if failed:
        raise WorkFailed(f"{name}: {failed} check{'s' * (failed != 1)} failed")


def _check_files(files: tuple[str, ...], task: "Task") -> None:
    from hrm.data.hashing import check_leak, content_hash
    from hrm.data.source import stack_puzzles

    sets: list[Any] = [stack_puzzles(task, task.read(file), file) for file in files]
    report = check_leak(task, *sets)
    for file, puzzles, repeats in zip(files, sets, report.repeats, strict=True):
        click.echo(
            f"{file}: {len(puzzles)} boards, {repeats} repeats, sha256 {content_hash(puzzles)}"
        )
    click.echo(f"in both: {report.shared} (up to symmetry: {report.shared_up_to_symmetry})")
    if report.shared:
        raise WorkFailed(f"{report.shared} boards are in both sets")
