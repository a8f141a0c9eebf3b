"""`hrm evaluate`: accuracy at each segment count asked for."""

import json
from typing import TYPE_CHECKING

import click

from hrm.commands.options import model_option, wall_prob_option

if TYPE_CHECKING:
    from hrm.boards import Boards


class _SegmentCounts(click.ParamType):
    name = "2,8"

    def convert(self, value, param, ctx):
        if isinstance(value, list):
            return value
        try:
            counts = [int(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 2,8", param, ctx)
        if not all(1 <= count <= 10_000 for count in counts):
            self.fail(f"{value!r}: segment counts are from 1 to 10000", param, ctx)
        return counts


@click.command()
@model_option
@click.option("--boards", metavar="FILE", help="Boards as text; - reads standard input.")
@click.option(
    "--segments", type=_SegmentCounts(), help="Segment counts [default: the model's, ×4]."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True,
              help="Held-out boards, if no file is given.")  # fmt: skip
@wall_prob_option
def evaluate(
    model: str,
    boards: str | None,
    segments: list[int] | None,
    as_json: bool,
    count: int,
    wall_prob: float,
) -> None:
    """Measure a model: on boards of a file, or on held-out boards that no run trains on.

    cell_acc counts cells that equal the label, board_acc boards that do altogether, and solved
    boards answered by a shortest path, be it the label's or another.
    """
    from rich.progress import Progress

    from hrm import evaluation
    from hrm.hrm import HRM

    network = HRM.from_pretrained(model)
    short = network.config.infer_segment_cnt
    chosen = _boards(boards, network.board_size, wall_prob, count)
    with Progress(transient=True, disable=as_json) as progress:
        task = progress.add_task(f"{len(chosen)} boards", total=len(chosen))
        results = evaluation.evaluate(
            network,
            chosen,
            segments or [short, 4 * short],
            on_batch=lambda done: progress.advance(task, done),
        )
    rows = {str(n): m.as_dict() for n, m in results.items()}
    for row in rows.values():
        del row["loss"]
    if as_json:
        click.echo(json.dumps({"boards": len(chosen), "segments": rows}))
    else:
        _print_table(len(chosen), rows)


def _boards(file: str | None, size: int, wall_prob: float, count: int) -> "Boards":
    from hrm.board_text import read_boards
    from hrm.data import held_out, require_paths, stack_boards

    if file is None:
        return held_out(size, wall_prob, count)
    boards = stack_boards(read_boards(file), file)
    require_paths(boards, file)
    if boards.shape[1] != size:
        found = f"{boards.shape[1]}×{boards.shape[1]}"
        raise ValueError(f"{file}: boards are {found}, but the model works on {size}×{size} boards")
    return boards


def _print_table(count: int, rows: dict[str, dict[str, float]]) -> None:
    from rich import print as show
    from rich.table import Table

    table = Table(title=f"{count:,} boards", title_justify="left")
    for title in ("segments", "cell acc", "board acc", "solved"):
        table.add_column(title, justify="right")
    for segments, row in rows.items():
        table.add_row(segments, *(f"{value:.4f}" for value in row.values()))
    show(table)
