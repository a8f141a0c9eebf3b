"""`hrm import` and `hrm export`: checkpoints of other programs in, and out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.commands.options import Shapes

if TYPE_CHECKING:
    from hrm.tasks.grid import Shape

_LAYOUTS = ("published", "specification", "onnx")  # those of `hrm.models.exchange.convert`


@click.command("import")
@click.argument("place", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="MODEL", type=click.Path(path_type=Path),
              help="Model folder to write.")  # fmt: skip
@click.option("--size", type=Shapes(), help="Rows and columns, where the files do not tell them.")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def import_(place: Path, out: Path, size: "Shape | None", settings: tuple[str, ...]) -> None:
    """Make a model folder of a checkpoint of another program.

    \b
    hrm import downloads/sudoku --out models/sudoku
    hrm import boardpath.pt --out models/mine --size 10 model.head_cnt=4

    DIR is a folder or a file: a checkpoint of the published HRM or TRM (all_config.yaml and step_N,
    or a state dict alone), or a state dict of the specification's own code. Only tensors are read.
    A state dict does not tell everything, such as the number of heads: KEY=VALUE does, and defaults
    are the usual values.
    """
    from hrm.config.load import parse_override
    from hrm.config.nested import merge
    from hrm.models.exchange.convert import import_model

    _require_new(out)
    given: dict[str, Any] = {}
    for setting in settings:
        given = merge(given, parse_override(setting))
    others = [section for section in given if section != "model"]
    if others:
        raise ValueError(f"{others[0]}: only keys of the network can be given, model.KEY=VALUE")
    model = import_model(place, size, given.get("model"))
    model.save_pretrained(out)
    kind, count = model.config.network, model.parameter_cnt
    click.echo(f"Model: {out} (network {kind}, {count:,} parameters)")


@click.command()
@click.argument("model")
@click.option("--layout", required=True, type=click.Choice(_LAYOUTS), help="Of which program.")
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path),
              help="Folder to write to.")  # fmt: skip
def export(model: str, layout: str, out: Path) -> None:
    """Write a model for another program.

    \b
    hrm export runs/sudoku --layout published --out exported
    hrm export boardpath-10x10 --layout onnx --out graph

    published: the code of the published HRM and TRM (networks hrm_act and trm). specification: the
    specification's own code (network hrm, as far as that code has it). onnx: a graph of one
    segment, with the state and the puzzles in, and the state and the answer out. `hrm import` reads
    the first two back.
    """
    from hrm.models.exchange.convert import export_model
    from hrm.models.networks import from_pretrained

    _require_new(out)
    for file in export_model(from_pretrained(model), layout, out):
        click.echo(f"Written: {file}")


def _require_new(out: Path) -> None:
    """Refuse to write among files that are there already."""
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty:
        raise ValueError(f"--out: {out}: already there; name another folder")
