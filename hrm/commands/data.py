"""`hrm data`: make boards, and check that two sets do not leak into one another."""

from pathlib import Path

import click

from hrm.commands.options import wall_prob_option
from hrm.errors import WorkFailed


@click.group()
def data() -> None:
    """Generate boards; check two sets for leaks."""


@data.command()
@click.option(
    "--size", type=click.IntRange(2, 64), default=10, show_default=True, help="Cells on a side."
)
@wall_prob_option
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, show_default=True,
              help="How many different boards.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True,
              help="Names the boards; 2147483647 are the held-out ones.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="File [default: standard output].")
def generate(size: int, wall_prob: float, count: int, seed: int, out: Path | None) -> None:
    """Random solvable boards as text, the same for the same arguments on every machine.

    With task.seed=SEED, a run's training and validation boards are the first of these.
    """
    from hrm.data import dataset as boards_data
    from hrm.files import write_atomic
    from hrm.tasks.boardpath.text import format_boards

    boards = boards_data.generate(size, wall_prob, count, seed)
    if out is None:
        click.echo(format_boards(boards), nl=False)
    else:
        write_atomic(out, format_boards(boards))
    click.echo(f"{count} boards, sha256 {boards_data.content_hash(boards)}", err=True)


@data.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def check(first: str, second: str) -> None:
    """Compare two board files: repeats, hashes, and boards in both (a leak).

    Exit code 1 if they share a board.
    """
    from hrm.data.dataset import check_leak, content_hash, stack_boards
    from hrm.tasks.boardpath.text import read_boards

    sets = [stack_boards(read_boards(file), file) for file in (first, second)]
    report = check_leak(*sets)
    for file, boards, repeats in zip((first, second), sets, report.repeats, strict=True):
        click.echo(
            f"{file}: {len(boards)} boards, {repeats} repeats, sha256 {content_hash(boards)}"
        )
    click.echo(
        f"in both: {report.shared} (up to rotation or reflection: {report.shared_up_to_symmetry})"
    )
    if report.shared:
        raise WorkFailed(f"{report.shared} boards are in both sets")
