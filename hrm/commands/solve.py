"""`hrm solve`: one puzzle or many, as text, as JSON, as an animation."""

import json
import secrets
import time
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
    task_keys_argument,
    task_option,
)

if TYPE_CHECKING:
    from rich.console import Console

    from hrm.inference.solving import Solution
    from hrm.tasks.grid import Cells, Shape
    from hrm.tasks.task import Task

_TRIES = 16
"""Number of puzzles to draw if no seed is given; the hardest is shown. Of random 10×10 boards 17 %
have a path of three steps or fewer, too short to watch a model think."""


@click.command(context_settings=TAKES_TASK_KEYS)
@model_option
@boards_option
@task_option
@click.option(
    "--segments", type=click.IntRange(1, 10_000), help="Think time [default: the model's]."
)
@click.option(
    "--until",
    type=click.Choice(["fixed", "settled", "solved", "halted"]),
    default="fixed",
    show_default=True,
    help="Think for a fixed time; until the answer stops changing; until it is right; until the"
    " network says that it is done.",
)
@click.option(
    "--max-segments",
    type=click.IntRange(1, 10_000),
    help="Longest time of an attempt, after which the model abstains unless --until is halted"
    " [default: 32; with --until halted the model's].",
)
@click.option(
    "--patience",
    type=click.IntRange(1, 10_000),
    help="An answer is settled if it does not change for so many segments [default: 2]. With"
    " --until solved: give up an attempt whose answer does not [default: never].",
)
@click.option(
    "--symmetries",
    is_flag=True,
    help="Up to 7 more attempts: other views of the puzzle, the answer mapped back.",
)
@click.option(
    "--restarts",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="N more attempts, from noisy initial states.",
)
@click.option("--noise-seed", type=click.IntRange(0), default=0, metavar="N",
              help="Seed of the noise of the restarts.")  # fmt: skip
@click.option("--guesses", type=click.IntRange(0, 10_000), default=0, metavar="N",
              help="One more attempt that fills in open cells, at most N times, and takes them back"
              " where they contradict each other (with --until solved).")  # fmt: skip
@click.option("--gif", type=click.Path(path_type=Path), help="Write an animation of the thinking.")
@click.option("--html", type=click.Path(path_type=Path),
              help="Write the thinking as a page for any browser.")  # fmt: skip
@click.option("--watch", is_flag=True, help="Show the thought in the terminal, step by step.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a puzzle.")
@click.option("--size", type=Shapes(), help="Random puzzle: cells on a side, or rows x columns.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1),
              help="Random puzzle: its seed [default: the hardest of up to 16].")  # fmt: skip
@device_option
@task_keys_argument
def solve(
    model: str,
    boards: str | None,
    task_name: str | None,
    gif: Path | None,
    html: Path | None,
    watch: bool,
    as_json: bool,
    size: "Shape | None",
    seed: int | None,
    device: str,
    task_words: tuple[str, ...],
    **how: Any,
) -> None:
    """Solve a random puzzle, or your own, and watch the model think.

    \b
    hrm solve --seed 2085 --gif thinking.gif
    hrm solve --html thinking.html
    hrm solve --boards my.txt --segments 16
    hrm solve --boards my.txt --until solved --max-segments 32
    hrm solve --model runs/arc --boards task.json
    printf 'S.#\\n..#\\n#.E\\n' | hrm solve --boards - --json

    Boards are rows of . floor, # wall, S start, E end; blank lines separate boards. Random puzzles
    are of the kind that the model was trained on. Any key of its task is an option here, such as
    --wall-prob 0.2.

    With --until solved, further attempts are made until one is right. Otherwise all attempts are
    made, and the most frequent answer is taken.
    """
    from hrm.commands.progress import ThoughtLine
    from hrm.inference.solving import solve_all
    from hrm.inference.thinking import Thinking
    from hrm.tasks.grid import Puzzle

    refuse_with_boards(boards, task_words, "size", "seed")
    require_ending("--gif", gif, ".gif")
    require_ending("--html", html, ".html")
    if watch and as_json:
        raise ValueError("--watch: is for a person, --json for a program; leave one out")
    network = load_to_use(model, device)
    task = as_asked(find_task(model, network, task_name), size, task_words)
    if gif or html:
        from hrm.rendering.animation import require_few_frames

        longest = Thinking.of(network.config.infer_segment_cnt, **how).max_segments
        require_few_frames(1 + longest * network.config.frames_per_segment)
    puzzles = [] if boards is None else task.read(boards)
    say_which(model, network, quiet=as_json)
    if boards is None:
        puzzles = [Puzzle(_random_puzzle(task, seed, quiet=as_json))]
    watched = bool(gif or html or watch)
    with ThoughtLine() as line:
        how |= {"task": task, "watch": watched, "on_segment": line}
        for number, solution in enumerate(solve_all(puzzles, network, **how), start=1):
            line.clear()
            if as_json:
                click.echo(json.dumps(solution.as_json()))
            else:
                _show(solution, watch)
            for path, write, kind in ((gif, _animate, "Animation"), (html, _write_page, "Page")):
                if path:
                    path = path if len(puzzles) == 1 else path.with_stem(f"{path.stem}-{number}")
                    write(path, solution)
                    click.echo(f"{kind}: {path}", err=as_json)


def _random_puzzle(task: "Task", seed: int | None, quiet: bool) -> "Cells":
    """A random puzzle. Its seed is printed, to standard error if `quiet`."""
    from hrm.data.source import generate

    tries = _TRIES if seed is None and task.difficulty_words else 1
    seeds = [secrets.randbelow(2**31 - 1) for _ in range(tries)] if seed is None else [seed]
    drawn = {seed: generate(task, 1, seed) for seed in seeds}
    best = max(seeds, key=lambda s: int(task.difficulty(drawn[s])[0]) if tries > 1 else 0)
    click.echo(f"Random puzzle, --seed {best}", err=quiet)
    return drawn[best][0]


def _show(solution: "Solution", watch: bool) -> None:
    """For a person: in colour and side by side in a terminal, plain text elsewhere."""
    from rich.console import Console

    from hrm.rendering import terminal

    console = Console(markup=False, highlight=False)
    if watch:
        _replay(console, solution)
    if not console.is_terminal:
        click.echo(f"\n{solution}")
        return
    task, puzzle = solution.task, solution.input
    console.print(
        terminal.solution(
            task, puzzle, solution.target, solution.predicted, f"\n{solution.summary()}"
        )
    )


def _replay(console: "Console", solution: "Solution") -> None:
    """Every moment of the thought, as fast as it changes; without a terminal one after another."""
    from rich.live import Live

    from hrm.rendering import terminal
    from hrm.rendering.animation import durations

    task, puzzle, frames = solution.task, solution.input, solution.frames
    pictures = [
        terminal.moment(
            task, puzzle, frame.predicted if frame.segment else puzzle,
            f"segment {frame.segment}, step {frame.step}" if frame.segment else "the puzzle",
        )
        for frame in frames
    ]  # fmt: skip
    if not console.is_terminal:
        console.print(*pictures, sep="\n")
        return
    with Live(console=console, refresh_per_second=20, transient=True) as live:
        for picture, milliseconds in zip(pictures, durations(frames), strict=True):
            live.update(picture, refresh=True)
            time.sleep(milliseconds / 1000)


def _animate(path: Path, solution: "Solution") -> None:
    from hrm.rendering.animation import save_animation

    frames, verdict = solution.frames, solution.verdict
    save_animation(path, solution.task, solution.input, frames, verdict)


def _write_page(path: Path, solution: "Solution") -> None:
    from hrm.page.record import save_recorded

    save_recorded(path, solution.task, solution.input, solution.target, solution.frames)
