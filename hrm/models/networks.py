"""The networks by their settings: making one, and loading one whatever it is."""

from pathlib import Path
from typing import Any

from hrm.config.networks import NetworkConfig
from hrm.models import hub
from hrm.models.hrm import HRM
from hrm.models.hrm_act import HRMAct
from hrm.models.network import Network
from hrm.models.trm import TRM
from hrm.tasks.grid import Grid

_CLASSES: tuple[type[Network], ...] = (HRM, HRMAct, TRM)


def class_of(config: NetworkConfig) -> type[Network]:
    """The network that settings are of."""
    return next(cls for cls in _CLASSES if isinstance(config, cls.Config))


def make_network(
    config: NetworkConfig, grid: Grid | int, task: dict[str, Any] | None = None
) -> Network:
    """A network with new weights.

    Args:
        config: its settings.
        grid: of its puzzles; a number N means board paths on N×N boards.
        task: what a model folder says of the task.
    """
    make: Any = class_of(config)
    return make(config, grid, task)


def from_pretrained(name_or_folder: str | Path, **download: Any) -> Network:
    """A trained model, of whichever network it is; see `Pretrained.from_pretrained`.

    Raises:
        ValueError: if there is no such model or its files are damaged.
    """
    folder = hub.find_model(name_or_folder, **download)
    return class_of(hub.read_config(folder).config).from_pretrained(folder)
