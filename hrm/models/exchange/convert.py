"""A foreign checkpoint becomes a model, and a model a foreign checkpoint."""

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from hrm.config import networks
from hrm.config.explain import explain
from hrm.models.exchange import checkpoint, onnx, published, specification
from hrm.models.hrm import HRM
from hrm.models.network import Network
from hrm.models.networks import make_network
from hrm.models.published import PublishedNetwork
from hrm.tasks.grid import Shape, shape_words
from hrm.tasks.settings import LARGEST_SIDE

LAYOUTS = ("published", "specification", "onnx")


def import_model(
    place: Path, shape: Shape | None = None, settings: dict[str, Any] | None = None
) -> Network:
    """The model of a foreign checkpoint: of the published HRM or TRM, or the specification's code.

    Args:
        place: the checkpoint, or the folder that it stands in.
        shape: rows and columns of its puzzles, where the files do not tell them.
        settings: of the network, where the files do not tell them or tell others.

    Raises:
        ValueError: if it is no such checkpoint, is damaged, or its settings do not fit its weights.
    """
    file = checkpoint.find(place)
    named = checkpoint.read(file)
    layout = published if published.is_published(named) else specification
    values, grid, weights = layout.describe(file, named, shape)
    values |= settings or {}
    if not all(1 <= side <= LARGEST_SIDE for side in grid.shape):
        sides = shape_words(grid.shape)
        raise ValueError(
            f"{file}: puzzles of {sides} cells; up to {LARGEST_SIDE} on a side are taken"
        )
    try:
        config = networks.read_settings(values)
    except ValidationError as error:
        lines = explain(error, "model", network=networks.network_of(values))
        raise ValueError("\n".join(f"{file}: {line}" for line in lines)) from None
    with torch.device("meta"):
        expected = make_network(config, grid).state_dict()
    _require_fit(file, weights, expected)
    model = make_network(config, grid, layout.task_of(file, grid))
    model.load_state_dict(weights)
    return model.eval()


def export_model(model: Network, layout: str, out: Path) -> list[Path]:
    """Write a model in the layout of another program, and return the files.

    Args:
        model: to write.
        layout: one of `LAYOUTS`.
        out: the folder.

    Raises:
        ValueError: if that program has no such network.
        OSError: if the files cannot be written.
    """
    if layout == "onnx":
        return onnx.export(model, out)
    if layout == "published":
        if isinstance(model, PublishedNetwork):
            return published.export(model, out)
        raise ValueError(
            f"--layout published: is for the networks hrm_act and trm, and this is"
            f" {model.config.network}; use specification or onnx"
        )
    if isinstance(model, HRM):
        return specification.export(model, out)
    raise ValueError(
        f"--layout specification: is for the network hrm, and this is {model.config.network}; use"
        " published or onnx"
    )


def _require_fit(file: Path, weights: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name in sorted(weights.keys() | expected.keys()):
        found = tuple(weights[name].shape) if name in weights else "missing"
        wanted = tuple(expected[name].shape) if name in expected else "nothing"
        if found != wanted:
            raise ValueError(
                f"{file}: does not fit its settings: {name} is {found}, expected {wanted}; correct"
                " the settings, or give them as KEY=VALUE"
            )
