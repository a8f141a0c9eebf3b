"""`hrm evaluate`: accuracy by segment count and size, and what each way of thinking gains."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.commands.options import (
    TAKES_TASK_KEYS,
    Shapes,
    as_asked,
    boards_option,
    device_option,
    find_task,
    load_to_use,
    model_option,
    refuse_with_boards,
    require_ending,
    say_which,
    size_name,
    task_keys_argument,
    task_option,
)

if TYPE_CHECKING:
    from hrm.inference.curve import Outcome
    from hrm.inference.evaluation import Scores
    from hrm.models.network import Network
    from hrm.tasks.examples import Examples
    from hrm.tasks.grid import Shape
    from hrm.tasks.task import Task

Sets = dict["Shape", "Examples"]
Found = dict["Shape", dict[int, "Scores"]]

_COUNT = 1000


class _Counts(click.ParamType):
    """Segment counts such as 2,8."""

    name = "2,8"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A sorted list of numbers."""
        if isinstance(value, list):
            return value
        try:
            numbers = [int(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as {self.name}", param, ctx)
        if not all(1 <= number <= 10_000 for number in numbers):
            self.fail(f"{value!r}: segment counts are from 1 to 10000", param, ctx)
        return sorted(set(numbers))


@click.command(context_settings=TAKES_TASK_KEYS)
@model_option
@boards_option
@task_option
@click.option("--segments", type=_Counts(), help="Segment counts [default: the model's, ×4].")
@click.option("--size", "shapes", type=Shapes(many=True),
              help="Held-out puzzles: one size or many [default: the model's].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--count", type=click.IntRange(1),
              help="Held-out puzzles of each size, if no file is given"
              f" [default: {_COUNT}, or as many as there are].")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path),
              help="Draw accuracy against size and difficulty (PNG, PDF or SVG).")  # fmt: skip
@click.option("--curve", type=click.Path(path_type=Path),
              help="Compare ways of thinking; draw what each gains (PNG, PDF, SVG).")  # fmt: skip
@click.option("--halted", is_flag=True,
              help="Think until the network says that it is done: what that saves.")  # fmt: skip
@device_option
@task_keys_argument
def evaluate(
    model: str,
    boards: str | None,
    task_name: str | None,
    segments: list[int] | None,
    shapes: "list[Shape] | None",
    as_json: bool,
    count: int | None,
    plot: Path | None,
    curve: Path | None,
    halted: bool,
    device: str,
    task_words: tuple[str, ...],
) -> None:
    """Measure a model: on puzzles of a file, or on held-out puzzles that no run trains on.

    \b
    hrm evaluate --segments 1,4,16
    hrm evaluate --size 10,20,40 --count 100 --plot sizes.png
    hrm evaluate --curve thinking.png

    cell_acc: cells that equal the label. open_acc: the same, of the cells that are to be filled in.
    board_acc: puzzles of which every cell equals the label. solved: puzzles with a right answer,
    the label or another one. q_halt_acc: puzzles of which the network says rightly whether its
    answer is exact (networks hrm_act and trm). --plot and --curve need Matplotlib.

    pass_1, pass_2, where the puzzles are views of questions: questions of which the first answer,
    or one of the first two, is right when all views vote.

    Any key of the task is an option here, such as --wall-prob 0.2.
    """
    from hrm.rendering.plots import require_matplotlib

    if curve and (segments or plot):
        raise ValueError(
            "--curve: chooses the segment counts itself; leave out --segments and --plot"
        )
    if halted and (segments or plot or curve):
        raise ValueError(
            "--halted: chooses the segment counts itself; leave out --segments, --plot and --curve"
        )
    refuse_with_boards(boards, task_words, "shapes", "count")
    require_ending("--plot", plot, ".png", ".pdf", ".svg")
    require_ending("--curve", curve, ".png", ".pdf", ".svg")
    if plot or curve:
        require_matplotlib()
    network = load_to_use(model, device)
    own = find_task(model, network, task_name)
    tasks = [as_asked(own, shape, task_words) for shape in shapes or [None]]
    task, sets = tasks[0], _sets(tasks, boards, count)
    for shape in sets:
        network.require_shape(shape)
    say_which(model, network, quiet=as_json)
    title = f"{Path(model).name}, {_described(sets)}"
    if curve or halted:
        _print_ways(network, task, sets, as_json, curve, title)
        return
    short = network.config.infer_segment_cnt
    found = _scores(network, task, sets, segments or [short, 4 * short], quiet=as_json)
    if plot:
        _plot_sizes(plot, task, sets, found, title)
    rows = {shape: {str(n): s.as_dict() for n, s in f.items()} for shape, f in found.items()}
    if as_json:
        click.echo(json.dumps(_as_json(sets, rows)))
    else:
        _print_table(sets, rows)


def _sets(tasks: "list[Task]", file: str | None, count: int | None) -> Sets:
    """The puzzles to measure on, by shape."""
    from hrm.data.source import group_by_shape, held_out

    if file is None:
        most = slice(0, count or _COUNT)
        return {task.shape: held_out(task, count).take(most) for task in tasks}
    return group_by_shape(tasks[0], tasks[0].read(file), file)


def _scores(
    network: "Network", task: "Task", sets: Sets, segments: list[int], quiet: bool
) -> Found:
    from rich.progress import Progress

    from hrm.inference.evaluation import joined, score

    scores = {}
    with Progress(transient=True, disable=quiet) as progress:
        for shape, examples in sets.items():
            bar = progress.add_task(_described({shape: examples}), total=len(examples))
            batches = []
            for batch in score(network, task, examples, segments):
                batches.append(batch)
                progress.advance(bar, len(batch[segments[0]].exact))
            scores[shape] = joined(batches)
    return scores


def _as_json(sets: Sets, rows: "dict[Shape, dict[str, Any]]") -> dict[str, Any]:
    """One object. With several sizes, `sizes` takes the place of `segments`."""
    total = sum(map(len, sets.values()))
    if len(rows) == 1:
        return {"boards": total, "segments": next(iter(rows.values()))}
    sizes = {
        size_name(shape): {"boards": len(sets[shape]), "segments": r} for shape, r in rows.items()
    }
    return {"boards": total, "sizes": sizes}


def _described(sets: Sets) -> str:
    from hrm.tasks.grid import shape_words

    counts = {len(examples) for examples in sets.values()}
    if len(sets) > 1 and len(counts) == 1:
        return f"{counts.pop():,} boards of each size"
    return ", ".join(f"{len(found):,} boards of {shape_words(s)}" for s, found in sets.items())


def _print_table(sets: Sets, rows: "dict[Shape, dict[str, dict[str, float]]]") -> None:
    from hrm.tasks.grid import shape_words

    names = next(iter(next(iter(rows.values())).values()))
    titles = ["size"] * (len(rows) > 1) + ["segments", *(name.replace("_", " ") for name in names)]
    lines = [
        [shape_words(shape)] * (len(rows) > 1) + [n, *(f"{value:.4f}" for value in row.values())]
        for shape, found in rows.items()
        for n, row in found.items()
    ]
    _show(f"{sum(map(len, sets.values())):,} boards", titles, lines)


def _plot_sizes(path: Path, task: "Task", sets: Sets, found: Found, title: str) -> None:
    from hrm.rendering.plots import save_sizes

    difficulties = {
        shape: task.of_shape(shape).difficulty(examples.inputs)
        for shape, examples in (sets.items() if task.difficulty_words else ())
    }
    solved = {shape: {n: s.solved for n, s in scores.items()} for shape, scores in found.items()}
    save_sizes(path, solved, difficulties, task.difficulty_words, title)
    click.echo(f"Plot: {path}", err=True)


def _print_ways(
    network: "Network", task: "Task", sets: Sets, as_json: bool, curve: Path | None, title: str
) -> None:
    from dataclasses import asdict

    from rich.progress import Progress

    from hrm.inference.curve import FIXED, HALTED, compare, ways
    from hrm.inference.thinking import require_halting
    from hrm.rendering.plots import save_tradeoff

    if len(sets) > 1:
        option = "--curve" if curve else "--halted"
        raise ValueError(f"{option}: needs boards of one size; name one with --size")
    (examples,) = sets.values()
    names = ways(network.config, task)
    if not curve:
        require_halting(network)
        names = {name: how for name, how in names.items() if name in (FIXED, HALTED)}
    with Progress(transient=True, disable=as_json) as progress:
        bar = progress.add_task(
            "ways of thinking", total=sum(len(limits) for _, limits in names.values())
        )
        advance = lambda: progress.advance(bar)  # noqa: E731
        outcomes = compare(network, task, examples, list(names), advance)
    if curve:
        save_tradeoff(curve, outcomes, len(examples), title)
    if as_json:
        ways_json = [asdict(outcome) for outcome in outcomes]
        click.echo(json.dumps({"boards": len(examples), "ways": ways_json}))
    else:
        _show(title, *_ways_table(outcomes, len(examples)))
    if curve:
        click.echo(f"Curve: {curve}", err=True)


def _ways_table(outcomes: list["Outcome"], boards: int) -> tuple[list[str], list[list[str]]]:
    from hrm.intervals import wilson

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
