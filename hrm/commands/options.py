"""Options that several subcommands share."""

from pathlib import Path

import click
from click.core import ParameterSource

from hrm.config.presets import DEFAULT_MODEL

model_option = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="A bundled model, a model or run folder, or a hub repository.",
)

wall_prob_option = click.option(
    "--wall-prob",
    type=click.FloatRange(0, 0.9),
    default=0.3,
    show_default=True,
    help="Random boards: probability that a cell is a wall.",
)


def refuse_with_boards(boards: str | None, *names: str) -> None:
    """Refuse options that are about drawn boards where a file gives the boards.

    Raises:
        ValueError: naming the option.
    """
    context = click.get_current_context()
    for name in names if boards is not None else ():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(p.opts[0] for p in context.command.params if p.name == name)
            raise ValueError(f"{option}: is about drawn boards; leave it out with --boards")


def require_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse a file whose name says another format than the one that would be written to it.

    Args:
        option: for the message.
        path: that was given, if any; a name without an ending says nothing (`/dev/stdout`).
        endings: that are written, such as ``.gif``.

    Raises:
        ValueError: naming the option and the endings.
    """
    if path and path.suffix and path.suffix.lower() not in endings:
        raise ValueError(f"{option}: {path}: end its name in {' or '.join(endings)}")
