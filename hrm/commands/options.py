"""Options that several subcommands share."""

import click

from hrm.presets import DEFAULT_MODEL

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
