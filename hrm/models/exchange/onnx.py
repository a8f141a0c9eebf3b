"""One segment of a network as an ONNX graph.

Inputs are `tokens`, `puzzle_ids` (networks that have them), `zH` and, with two states, `zL`.
Outputs are `zH_out`, `zL_out`, `logits` and, with a Q head, `halt`. The first call gets the initial
state: the vectors in `initial_state.json` beside the graph, the same one at each position. Each
further call gets the state of the one before.

The number of puzzles is free. Where the network takes puzzles of any size, rows and columns are
free too: tokens are ``(B, R, C)`` and states ``(B, R, C, D)``. Elsewhere they are ``(B, S)`` and
``(B, S, D)``, with the tokens that stand in front of the cells.
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hrm.config.model import ModelConfig
from hrm.errors import WorkFailed
from hrm.files import write_atomic
from hrm.models import kernels
from hrm.models.network import Network
from hrm.models.published import PublishedNetwork
from hrm.models.segment import Inputs, State
from hrm.tasks.grid import Shape

GRAPH, STATE = "model.onnx", "initial_state.json"
_SAMPLES = 2
"""Puzzles to trace with: of one, the exporter would take the count to be fixed."""


class _Segment(nn.Module):
    """A segment with plain tensors in and out."""

    def __init__(self, model: Network, any_size: bool):
        super().__init__()
        self.model, self.any_size = model, any_size

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        tokens = tensors[0]
        rest: list[Any] = list(tensors[1:])
        ids = rest.pop(0) if isinstance(self.model, PublishedNetwork) else None
        if self.any_size:
            rest = [state.flatten(1, 2) for state in rest]
        zL = rest[1] if len(rest) == 2 else None
        state, output = self.model(State(rest[0], zL), Inputs(tokens, ids))
        if self.any_size:
            shape = tokens.shape[1], tokens.shape[2]
            zL = None if state.zL is None else state.zL.unflatten(1, shape)
            state = State(state.zH.unflatten(1, shape), zL)
        found = (*state, output.logits, output.halt)
        return tuple(tensor for tensor in found if tensor is not None)


def export(model: Network, out: Path) -> list[Path]:
    """Write a model's segment as an ONNX graph.

    Args:
        model: to write.
        out: the folder.

    Returns:
        The files.

    Raises:
        ValueError: if the packages for it are missing.
        WorkFailed: if the exporter cannot translate the network.
        OSError: if the files cannot be written.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ValueError(
            "--layout onnx: needs the packages onnx and onnxscript; pip install onnx onnxscript"
        ) from None
    inputs, any_size = sample_inputs(model, _SAMPLES), takes_any_size(model)
    free = {0: "batch", 1: "rows", 2: "columns"} if any_size else {0: "batch"}
    axes = {axis: torch.export.Dim(name, min=1, max=2**16) for axis, name in free.items()}
    names = [*inputs]
    outputs = ["zH_out"] + ["zL_out"] * ("zL" in inputs) + ["logits"]
    outputs += ["halt"] * isinstance(model, PublishedNetwork)
    was_training = model.training
    try:
        with kernels.use(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program: Any = torch.onnx.export(
                _Segment(model.eval(), any_size),
                tuple(inputs.values()),
                dynamo=True,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=(tuple(_axes_of(tensor, axes) for tensor in inputs.values()),),
                verbose=False,
            )
    except Exception as error:  # the exporter's own kinds, with pages of advice
        reason = str(error).strip().splitlines()[0]
        raise WorkFailed(f"--layout onnx: the network cannot be translated: {reason}") from None
    finally:
        model.train(was_training)
    state = model.initial_state(1)
    named = {name: part for name, part in zip(("zH", "zL"), state, strict=True) if part is not None}
    vectors = {name: part[0, 0].tolist() for name, part in named.items()}
    files = [out / GRAPH, out / STATE]
    write_atomic(files[0], program.model_proto.SerializeToString())
    write_atomic(files[1], json.dumps(vectors) + "\n")
    return files


def takes_any_size(model: Network) -> bool:
    """Whether the graph is of puzzles of any size."""
    config = model.config
    of_cells = isinstance(config, ModelConfig) and not config.code_axis
    return of_cells and not config.tied_to_size_by and not _uses_groups(model)


def _uses_groups(model: Network) -> bool:
    return bool(model.config.local_mixing and model.grid.structure.groups)


def _axes_of(tensor: Tensor, axes: dict[int, Any]) -> dict[int, Any]:
    return {axis: dim for axis, dim in axes.items() if axis < tensor.ndim}


def sample_inputs(model: Network, count: int, shape: Shape | None = None) -> dict[str, Tensor]:
    """Inputs of a first segment about so many empty puzzles, by name.

    Args:
        model: that gets them.
        count: puzzles.
        shape: rows and columns; by default the model's own.
    """
    shape, any_size = shape or model.grid.shape, takes_any_size(model)
    cells = shape if any_size else (model.grid.cell_cnt,)
    inputs = {"tokens": torch.zeros((count, *cells), dtype=torch.int64)}
    if isinstance(model, PublishedNetwork):
        inputs["puzzle_ids"] = torch.zeros(count, dtype=torch.int64)
    state = model.initial_state(count, shape)
    for name, part in zip(("zH", "zL"), state, strict=True):
        if part is not None:
            part = part.detach().clone()
            inputs[name] = part.unflatten(1, shape) if any_size else part
    return inputs
