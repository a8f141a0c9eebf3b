"""Options that several subcommands share."""

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
