"""Settings as nested dictionaries, and one laid over the other."""

from typing import Any

from hrm.config import networks
from hrm.tasks.settings import TaskSettings


class ConfigError(ValueError):
    """Settings that cannot be used; the message has one line a field."""


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with `above` laid over it, at every depth; neither is altered."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            value = merge(old, value)
        merged[key] = value
    return merged


def lay_over(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run with changes. With another task, the keys that only the old one has are
    left out: they mean nothing to the new one. With another network, all keys of the old one are:
    each network has defaults of its own.

    Args:
        settings: by section, complete.
        changes: by section.
    """
    task, new = settings.get("task"), changes.get("task")
    if isinstance(task, dict) and isinstance(new, dict):
        name = task.get("name")
        if new.get("name", name) != name:
            kept = {k: v for k, v in task.items() if k in TaskSettings.model_fields}
            settings = {**settings, "task": kept}
    model, new = settings.get("model"), changes.get("model")
    if isinstance(model, dict) and isinstance(new, dict):
        name = model.get("network", networks.DEFAULT)
        if new.get("network", name) != name:
            settings = {**settings, "model": {}}
    return merge(settings, changes)


def nest(keys: dict[str, Any]) -> dict[str, Any]:
    """``{"train.lr": 1}`` as ``{"train": {"lr": 1}}``.

    Raises:
        ConfigError: if a key is there in both spellings.
    """
    nested: dict[str, Any] = {}
    for key, value in keys.items():
        section, _, name = str(key).partition(".")
        part = {name: value} if name else value
        before = nested.get(section)
        if isinstance(part, dict) and isinstance(before, dict) and part.keys() & before.keys():
            twice = next(name for name in part if name in before)
            raise ConfigError(f"{section}.{twice}: is given twice; leave one out")
        nested = merge(nested, {section: part})
    return nested


def differences(old: Any, new: Any, place: str = "") -> list[tuple[str, Any, Any]]:
    """Where nested dictionaries differ: the dotted key, the old value and the new one."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(place.removeprefix("."), old, new)]
    found = []
    for key in [*new, *(key for key in old if key not in new)]:
        found += differences(old.get(key), new.get(key), f"{place}.{key}")
    return found
