"""One segment of a network as an ONNX graph.

Inputs are `tokens`, `puzzle_ids` (networks that have them), `zH` and, with two states, `zL`; outputs
are `zH`, `zL`, `logits` and, with a Q head, `halt`. The first call gets the initial state, which
stands beside the graph in `initial_state.json`; each further call gets the state of the one before.
The number of puzzles is free.
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hrm.errors import WorkFailed
from hrm.files import write_atomic
from hrm.models import kernels
from hrm.models.network import Network
from hrm.models.published import PublishedNetwork
from hrm.models.segment import Inputs, State

GRAPH, STATE = "model.onnx", "initial_state.json"
_SAMPLES = 2
"""Puzzles to trace with: of one, the exporter would take the count to be fixed."""


class _Segment(nn.Module):
    """A segment with plain tensors in and out."""

    def __init__(self, model: Network):
        super().__init__()
        self.model = model

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        tokens, *rest = tensors
        ids = rest.pop(0) if isinstance(self.model, PublishedNetwork) else None
        state, output = self.model(State(*rest, *[None] * (2 - len(rest))), Inputs(tokens, ids))
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
    inputs = sample_inputs(model, _SAMPLES)
    batch = torch.export.Dim("batch", min=1, max=2**20)
    names = [*inputs]
    outputs = ["zH_out"] + ["zL_out"] * ("zL" in inputs) + ["logits"]
    outputs += ["halt"] * isinstance(model, PublishedNetwork)
    was_training = model.training
    try:
        with kernels.use(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program: Any = torch.onnx.export(
                _Segment(model.eval()),
                tuple(inputs.values()),
                dynamo=True,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=(tuple({0: batch} for _ in names),),
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


def sample_inputs(model: Network, count: int) -> dict[str, Tensor]:
    """Inputs of a first segment about so many empty puzzles, by name."""
    shape = (count, model.grid.cell_cnt)
    inputs = {"tokens": torch.zeros(shape, dtype=torch.int64)}
    if isinstance(model, PublishedNetwork):
        inputs["puzzle_ids"] = torch.zeros(count, dtype=torch.int64)
    zH, zL = model.initial_state(count)
    inputs["zH"] = zH.detach().clone()
    if zL is not None:
        inputs["zL"] = zL.detach().clone()
    return inputs
