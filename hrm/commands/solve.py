"""`hrm solve`: one board or many, as text, as JSON, as an animation."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrm.commands.options import model_option, refuse_with_boards, require_ending, wall_prob_option

if TYPE_CHECKING:
    from hrm.inference.solving import Solution
    from hrm.models.hrm import HRM
    from hrm.tasks.boardpath.boards import Boards


@click.command()
@model_option
@click.option("--boards", metavar="FILE", help="Boards as text; - reads standard input.")
@click.option(
    "--segments", type=click.IntRange(1, 10_000), help="Think time [default: the model's]."
)
@click.option(
    "--until",
    type=click.Choice(["fixed", "settled", "solved"]),
    default="fixed",
    show_default=True,
    help="Think for a fixed time; until the answer stands still; until it checks out.",
)
@click.option(
    "--max-segments",
    type=click.IntRange(1, 10_000),
    help="Abstain if it takes an attempt longer to settle or to be solved [default: 32].",
)
@click.option(
    "--patience",
    type=click.IntRange(1, 10_000),
    help="Segments that an answer must stand still for to be settled [default: 2].",
)
@click.option(
    "--symmetries",
    is_flag=True,
    help="7 more attempts: the board turned and mirrored, the answer turned back.",
)
@click.option(
    "--restarts",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="N more attempts, from noisy initial states.",
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
    until: str,
    max_segments: int | None,
    patience: int | None,
    symmetries: bool,
    restarts: int,
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
    hrm solve --boards my.txt --until solved --max-segments 32
    printf 'S.#\\n..#\\n#.E\\n' | hrm solve --boards - --json

    A board is rows of . floor, # wall, S start, E end; blank lines separate boards.

    Further attempts are made until one checks out with --until solved; otherwise all are made, and
    the answer that most of them gave is taken.
    """
    from hrm.inference.solving import solve_all
    from hrm.inference.thinking import plan
    from hrm.models.hrm import HRM
    from hrm.tasks.boardpath.text import read_boards

    refuse_with_boards(boards, "size", "wall_prob", "seed")
    require_ending("--gif", gif, ".gif")
    if gif and (symmetries or restarts):
        raise ValueError("--gif: shows a single attempt; leave out --symmetries and --restarts")
    network = HRM.from_pretrained(model)
    if boards is not None:
        chosen = read_boards(boards)
    else:
        chosen = [_random_board(size or network.board_size, wall_prob, seed, quiet=as_json)]
    how = {
        "until": until,
        "max_segments": max_segments,
        "patience": patience,
        "symmetries": symmetries,
        "restarts": restarts,
    }
    if gif:
        from hrm.rendering.animation import require_few_frames

        longest = plan(network.config.infer_segment_cnt, segments, **how).max_segments
        require_few_frames(1 + longest * network.config.frames_per_segment)
    solutions = solve_all(chosen, network, segments, **how)
    for number, solution in enumerate(solutions, start=1):
        click.echo(json.dumps(solution.as_json()) if as_json else f"\n{solution}")
        if gif:
            path = gif if len(chosen) == 1 else gif.with_stem(f"{gif.stem}-{number}")
            _animate(path, solution, network)
            click.echo(f"Animation: {path}", err=as_json)


def _random_board(size: int, wall_prob: float, seed: int | None, quiet: bool) -> "Boards":
    """A fresh board, and how to get it again: on standard error, if the output is for a program."""
    from hrm.data.dataset import generate

    seed = secrets.randbelow(2**31 - 1) if seed is None else seed
    board = generate(size, wall_prob, 1, seed)[0]
    click.echo(f"Random board, --seed {seed}", err=quiet)
    return board


def _animate(path: Path, solution: "Solution", network: "HRM") -> None:
    from hrm.inference.solving import watch
    from hrm.rendering.animation import save_animation

    frames = watch(solution.input, network, solution.segments)
    save_animation(path, solution.input, frames, solution.verdict)
