"""A trained model together with its task."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from hrm.machine import pick_device
from hrm.models import hub, trust
from hrm.models.network import Network
from hrm.models.networks import from_pretrained
from hrm.tasks import registry
from hrm.tasks.task import Task


def load_model(model: Network | str | Path, device: str | None = None) -> Network:
    """A model, read if it is a name or a folder, on a device.

    Args:
        model: a model, or what `hrm.from_pretrained` takes.
        device: such as "cpu"; None: where a model is, and the CPU for one that is read.

    Raises:
        ValueError: if there is no such model or device.
    """
    if not isinstance(model, Network):
        bundled = str(model) in hub.bundled_models()
        model = _bundled(str(model)) if bundled else from_pretrained(model)
    return model if device is None else model.to(pick_device(device))


def task_of(model: Network, name: str | None = None) -> Task:
    """The task that a model was trained on.

    Args:
        model: that says which it is.
        name: FILE.py:Class, where the file of one's own task is not at hand under the name that the
            model knows it by.

    Raises:
        ValueError: if it says nothing, or its task is one's own and not here.
    """
    known = str(model.task.get("name", ""))
    if not known and name is None:
        raise ValueError("the model does not say which task it is of; name it with --task")
    if name is None:
        _require_at_hand(known)
    values = {**model.task, "name": name or known}
    task = registry.make(registry.read_settings(values))
    if len(task.codes) != model.grid.input_codes:
        raise ValueError(
            f"task {values['name']}: has {len(task.codes)} codes, but the model was trained"
            f" with {model.grid.input_codes}; name the task that it was trained on"
        )
    return task


@contextmanager
def thinking_mode(model: Network) -> Iterator[None]:
    """While entered, the model drops nothing out and keeps no gradients."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def _require_at_hand(name: str) -> None:
    file, remedy = name.rpartition(":")[0], f"give its place with --task PATH/{name}"
    if registry.is_file_of_ones_own(name) and not os.path.isfile(file):
        raise ValueError(f"the model is of the task {name}, and there is no {file} here; {remedy}")
    trust.require_own(name, remedy)


@functools.lru_cache(maxsize=2)
def _bundled(name: str) -> Network:
    return from_pretrained(name)
