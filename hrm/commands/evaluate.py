"""`hrm evaluate`: accuracy by segment count, on boards of one size or many; what thinking buys."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.commands.options import model_option, refuse_with_boards, require_ending, wall_prob_option

if TYPE_CHECKING:
    from hrm.inference.evaluation import Scores
    from hrm.inference.tradeoff import Outcome
    from hrm.models.hrm import HRM
    from hrm.tasks.boardpath.boards import Boards


class _Numbers(click.ParamType):
    """A list such as 2,8."""

    def __init__(self, name: str, what: str, least: int, most: int):
        self.name, self.what, self.least, self.most = name, what, least, most

    def convert(self, value, param, ctx):
        if isinstance(value, list):
            return value
        try:
            numbers = [int(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as {self.name}", param, ctx)
        if not all(self.least <= number <= self.most for number in numbers):
            self.fail(f"{value!r}: {self.what} are from {self.least} to {self.most}", param, ctx)
        return sorted(set(numbers))


@click.command()
@model_option
@click.option("--boards", metavar="FILE", help="Boards as text; - reads standard input.")
@click.option(
    "--segments",
    type=_Numbers("2,8", "segment counts", 1, 10_000),
    help="Segment counts [default: the model's, ×4].",
)
@click.option(
    "--size",
    "sizes",
    type=_Numbers("10,14,20", "sizes", 2, 64),
    help="Held-out boards: cells on a side, one size or many [default: the model's].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True,
              help="Held-out boards of each size, if no file is given.")  # fmt: skip
@wall_prob_option
@click.option("--plot", type=click.Path(path_type=Path),
              help="Draw accuracy against size and path length (PNG, PDF or SVG).")  # fmt: skip
@click.option("--curve", type=click.Path(path_type=Path),
              help="Try all ways of thinking; draw what each buys (PNG, PDF or SVG).")  # fmt: skip
def evaluate(
    model: str,
    boards: str | None,
    segments: list[int] | None,
    sizes: list[int] | None,
    as_json: bool,
    count: int,
    wall_prob: float,
    plot: Path | None,
    curve: Path | None,
) -> None:
    """Measure a model: on boards of a file, or on held-out boards that no run trains on.

    \b
    hrm evaluate --segments 1,4,16
    hrm evaluate --size 10,20,40 --count 100 --plot sizes.png
    hrm evaluate --curve thinking.png

    cell_acc counts cells that equal the label, board_acc boards that do altogether, and solved
    boards answered by a shortest path, be it the label's or another.
    """
    from hrm.models.hrm import HRM
    from hrm.rendering.plots import require_matplotlib

    if curve and (segments or plot):
        raise ValueError(
            "--curve: tries segment counts of its own; leave out --segments and --plot"
        )
    refuse_with_boards(boards, "sizes", "count", "wall_prob")
    require_ending("--plot", plot, ".png", ".pdf", ".svg")
    require_ending("--curve", curve, ".png", ".pdf", ".svg")
    if plot or curve:
        require_matplotlib()
    network = HRM.from_pretrained(model)
    sets = _boards(boards, sizes or [network.board_size], wall_prob, count)
    for size in sets:
        network.require_size(size)
    if curve:
        _print_ways(network, sets, as_json, curve, f"{Path(model).name}, {_described(sets)}")
        return
    short = network.config.infer_segment_cnt
    scores = _scores(network, sets, segments or [short, 4 * short], quiet=as_json)
    if plot:
        _plot_sizes(plot, sets, scores, f"{Path(model).name} ({_described(sets)})")
    rows = {size: {str(n): s.as_dict() for n, s in found.items()} for size, found in scores.items()}
    if as_json:
        click.echo(json.dumps(_as_json(sets, rows)))
    else:
        _print_table(sets, rows)


def _boards(
    file: str | None, sizes: list[int], wall_prob: float, count: int
) -> dict[int, "Boards"]:
    """The boards to measure on, by size."""
    import numpy as np

    from hrm.data.dataset import held_out, require_paths
    from hrm.tasks.boardpath.text import read_boards

    if file is None:
        return {size: held_out(size, wall_prob, count) for size in sizes}
    boards = read_boards(file)
    for number, board in enumerate(boards, start=1):
        require_paths(board[None], file, number)
    found = sorted({len(board) for board in boards})
    return {size: np.stack([b for b in boards if len(b) == size]) for size in found}


def _scores(
    network: "HRM", sets: dict[int, "Boards"], segments: list[int], quiet: bool
) -> dict[int, dict[int, "Scores"]]:
    from rich.progress import Progress

    from hrm.inference.evaluation import score_boards

    scores = {}
    with Progress(transient=True, disable=quiet) as progress:
        for size, boards in sets.items():
            task = progress.add_task(f"{len(boards)} boards, {size}×{size}", total=len(boards))
            scores[size] = score_boards(
                network,
                boards,
                segments,
                on_batch=lambda done, task=task: progress.advance(task, done),
            )
    return scores


def _as_json(sets: dict[int, "Boards"], rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """One object; of several sizes, `sizes` holds what `segments` is of one."""
    total = sum(map(len, sets.values()))
    if len(rows) == 1:
        return {"boards": total, "segments": next(iter(rows.values()))}
    parts = {str(size): {"boards": len(sets[size]), "segments": row} for size, row in rows.items()}
    return {"boards": total, "sizes": parts}


def _described(sets: dict[int, "Boards"]) -> str:
    counts = {len(boards) for boards in sets.values()}
    if len(sets) > 1 and len(counts) == 1:
        return f"{counts.pop():,} boards of each size"
    return ", ".join(f"{len(boards):,} boards of {size}×{size}" for size, boards in sets.items())


def _print_table(sets: dict[int, "Boards"], rows: dict[int, dict[str, dict[str, float]]]) -> None:
    titles = ["size"] * (len(rows) > 1) + ["segments", "cell acc", "board acc", "solved"]
    lines = [
        [f"{size}×{size}"] * (len(rows) > 1) + [n, *(f"{value:.4f}" for value in row.values())]
        for size, found in rows.items()
        for n, row in found.items()
    ]
    _show(f"{sum(map(len, sets.values())):,} boards", titles, lines)


def _plot_sizes(
    path: Path, sets: dict[int, "Boards"], scores: dict[int, dict[int, "Scores"]], title: str
) -> None:
    from hrm.rendering.plots import save_sizes
    from hrm.tasks.boardpath.boards import shortest_lengths

    lengths = {size: shortest_lengths(boards) for size, boards in sets.items()}
    save_sizes(path, scores, lengths, title)
    click.echo(f"Plot: {path}", err=True)


def _print_ways(
    network: "HRM", sets: dict[int, "Boards"], as_json: bool, curve: Path, title: str
) -> None:
    from dataclasses import asdict

    from rich.progress import Progress

    from hrm.inference.tradeoff import compare, ways
    from hrm.rendering.plots import save_tradeoff

    if len(sets) > 1:
        raise ValueError("--curve: is of boards of one size; name one with --size")
    (boards,) = sets.values()
    names = ways(network.config)
    with Progress(transient=True, disable=as_json) as progress:
        task = progress.add_task(
            "ways of thinking", total=sum(len(limits) for _, limits in names.values())
        )
        outcomes = compare(network, boards, list(names), lambda: progress.advance(task))
    save_tradeoff(curve, outcomes, title)
    if as_json:
        ways_json = [asdict(outcome) for outcome in outcomes]
        click.echo(json.dumps({"boards": len(boards), "ways": ways_json}))
    else:
        _show(title, *_ways_table(outcomes, len(boards)))
    click.echo(f"Curve: {curve}", err=True)


def _ways_table(outcomes: list["Outcome"], boards: int) -> tuple[list[str], list[list[str]]]:
    from hrm.inference.evaluation import wilson

    lines = []
    for o in outcomes:
        low, high = wilson(o.solved, boards)
        costs = [str(o.max_segments), f"{o.segments:.3f}", _gigaflops(o.flops)]
        solved = f"{o.solved:.3f} ({low:.3f}-{high:.3f})"
        lines.append([o.way, *costs, f"{o.board_acc:.3f}", solved])
    return ["way", "limit", "segments", "GFLOP", "board acc", "solved (95 %)"], lines


def _gigaflops(flops: float) -> str:
    """Short enough for the table to fit 80 columns."""
    return f"{flops / 1e9:.3f}" if flops < 1e10 else f"{flops / 1e9:.1f}"


def _show(title: str, titles: list[str], lines: list[list[str]]) -> None:
    from rich import box
    from rich import print as show
    from rich.table import Table

    # Within 80 columns.
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False
    )
    for name in titles:
        table.add_column(name, justify="left" if name == "way" else "right")
    for line in lines:
        table.add_row(*line)
    show(table)
