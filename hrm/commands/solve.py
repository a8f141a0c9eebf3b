"""`hrm solve`: one board or many, as text, as JSON, as an animation."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrm.commands.options import model_option, wall_prob_option

if TYPE_CHECKING:
    from hrm.hrm import HRM
    from hrm.solving import Solution


@click.command()
@model_option
@click.option("--boards", metavar="FILE", help="Boards as text; - reads standard input.")
@click.option(
    "--segments", type=click.IntRange(1, 10_000), help="Think time [default: the model's]."
)
@click.option("--gif", type=click.Path(path_type=Path), help="Write an animation of the thinking.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a board.")
@click.option("--size", type=click.IntRange(2, 64), help="Random board: cells on a side.")
@wall_prob_option
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random board: its seed.")
def solve(
    model: str,
    boards: str | None,
    segments: int | None,
    gif: Path | None,
    as_json: bool,
    size: int | None,
    wall_prob: float,
    seed: int | None,
) -> None:
    """Solve a random board, or your own, and watch the model think.

    \b
    hrm solve --seed 7 --gif thinking.gif
    hrm solve --boards my.txt --segments 16
    printf 'S.#\\n..#\\n#.E\\n' | hrm solve --boards - --json

    A board is rows of . floor, # wall, S start, E end; blank lines separate boards.
    """
    from hrm.board_text import read_boards
    from hrm.data import generate
    from hrm.hrm import HRM
    from hrm.solving import solve_all

    network = HRM.from_pretrained(model)
    if boards is not None:
        chosen = read_boards(boards)
    else:
        seed = secrets.randbelow(2**31 - 1) if seed is None else seed
        chosen = list(generate(size or network.board_size, wall_prob, 1, seed))
        click.echo(f"Random board, --seed {seed}", err=as_json)
    segments = segments or network.config.infer_segment_cnt
    for number, solution in enumerate(solve_all(chosen, network, segments), start=1):
        click.echo(json.dumps(solution.as_json()) if as_json else f"\n{solution}")
        if gif:
            path = gif if len(chosen) == 1 else gif.with_stem(f"{gif.stem}-{number}")
            _animate(path, solution, network)
            click.echo(f"Animation: {path}", err=as_json)


def _animate(path: Path, solution: "Solution", network: "HRM") -> None:
    from hrm.rendering import save_animation
    from hrm.solving import watch

    frames = watch(solution.input, network, solution.segments)
    save_animation(path, solution.input, frames, solution.verdict)
