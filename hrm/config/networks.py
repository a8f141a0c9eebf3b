"""The networks that there are, and the settings of each: `model.network` chooses."""

import difflib
from typing import Any

from hrm.config.model import ModelConfig
from hrm.config.published import HRMActConfig, TRMConfig

NetworkConfig = ModelConfig | HRMActConfig | TRMConfig

SETTINGS: dict[str, type[NetworkConfig]] = {
    "hrm": ModelConfig,
    "hrm_act": HRMActConfig,
    "trm": TRMConfig,
}
"""By the network's name."""

DEFAULT = "hrm"
"""The network of a config that names none: the specification's."""


def network_of(settings: Any) -> str:
    """The name of the network that the section `model` of a config names, where there is one of
    that name; else the default one."""
    name = settings.get("network") if isinstance(settings, dict) else None
    return name if isinstance(name, str) and name in SETTINGS else DEFAULT


def read_settings(values: dict[str, Any]) -> NetworkConfig:
    """The settings of a network from plain values, such as the section `model` of a config.

    Raises:
        pydantic.ValidationError: (a ValueError) with every key at fault.
        ValueError: if there is no such network.
    """
    name = values.get("network", DEFAULT)
    if not isinstance(name, str) or name not in SETTINGS:
        close = difflib.get_close_matches(str(name), SETTINGS, n=1)
        guess = f"perhaps you meant {close[0]}" if close else f"there are {', '.join(SETTINGS)}"
        raise ValueError(f"network: {name!r}: unknown network; {guess}")
    return SETTINGS[name].model_validate(values)
