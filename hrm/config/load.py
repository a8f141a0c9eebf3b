"""From words to a config: YAML files, `key=value`, and how one is laid over the other."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hrm.config import networks
from hrm.config.explain import SECTIONS, explain, unknown_key
from hrm.config.nested import ConfigError, lay_over, merge, nest
from hrm.config.schema import RunConfig
from hrm.config.yaml_text import parse_yaml
from hrm.files import read_text
from hrm.tasks import registry

MAX_CONFIG_BYTES = 2**16


def load_config(
    base: RunConfig, files: tuple[str, ...] = (), overrides: tuple[str, ...] = ()
) -> RunConfig:
    """`base`, then the YAML files in order, then the ``key=value`` settings in order.

    Raises:
        ValueError: naming every field at fault, its value and what to do, or the file and line.
    """
    changes: dict[str, Any] = {}
    for file in files:
        changes = merge(changes, read_sections(file))
    for override in overrides:
        changes = merge(changes, parse_override(override))
    return validate(lay_over(base.model_dump(), changes))


def validate(settings: dict[str, Any]) -> RunConfig:
    """The config of a nested dictionary.

    Raises:
        ConfigError: one line a field.
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        task, network = _task_of(settings), networks.network_of(settings.get("model"))
        raise ConfigError("\n".join(explain(error, task=task, network=network))) from None


def parse_override(override: str) -> dict[str, Any]:
    """``train.lr=1e-3`` as ``{"train": {"lr": 0.001}}``.

    Raises:
        ConfigError: if it is not of that form.
    """
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override}: expected key=value, such as train.lr=1e-3")
    if "." not in key and key not in SECTIONS:
        raise ConfigError(unknown_key(key))
    return nest({key: parse_yaml(value, source=key)})


def _task_of(settings: dict[str, Any]) -> str:
    """The name of the task, where there is one of that name."""
    section = settings.get("task")
    name = section.get("name") if isinstance(section, dict) else getattr(section, "name", None)
    try:
        registry.task_class(str(name or registry.DEFAULT))
    except ValueError:
        return registry.DEFAULT
    return str(name or registry.DEFAULT)


def read_sections(file: str) -> dict[str, Any]:
    """What a YAML file says, by section, unchecked.

    Raises:
        ValueError: naming the file, if it cannot be read or is no YAML of sections.
    """
    settings = parse_yaml(read_text(Path(file), MAX_CONFIG_BYTES), source=file)
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}: expected sections {', '.join(SECTIONS)}")
    return nest(settings)
