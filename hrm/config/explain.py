"""What is wrong with settings, in one line a mistake."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from hrm.config import networks
from hrm.config.train import TrainConfig
from hrm.tasks import registry

SECTIONS = ("task", "model", "train")


def config_keys(task: str = registry.DEFAULT, network: str = networks.DEFAULT) -> dict[str, Any]:
    """Every dotted key and its pydantic field (default, description), in order.

    Args:
        task: the name of the task, whose keys are those of the section `task`.
        network: the name of the network, whose keys are those of the section `model`.

    Raises:
        ValueError: if there is no such task.
    """
    settings = {
        "task": registry.task_class(task).Config,
        "model": networks.SETTINGS[network],
        "train": TrainConfig,
    }
    return {
        f"{section}.{name}": field
        for section, cls in settings.items()
        for name, field in cls.model_fields.items()
    }


def explain(
    error: ValidationError,
    section: str = "",
    task: str = registry.DEFAULT,
    network: str = networks.DEFAULT,
) -> list[str]:
    """One line for each key at fault: what is wanted, the value, and for typos a guess.

    Args:
        error: of a `RunConfig`, or of one section.
        section: the section's name, if it is of one.
        task: whose keys are known.
        network: likewise.
    """
    lines: dict[str, str] = {}
    for problem in error.errors():
        # Of the branches of a union (int, "full") the first one speaks for all.
        lines.setdefault(_key_of(problem, section), _explain_one(problem, section, task, network))
    return list(lines.values())


def perhaps(name: str, known: Iterable[str], otherwise: str) -> str:
    """A guess at what was meant: the same name elsewhere or in another case, else the nearest.

    Args:
        name: that is unknown.
        known: names, perhaps dotted.
        otherwise: what to say without a guess.
    """
    known = list(known)
    last = {k.rpartition(".")[2].lower(): k for k in known}
    own = name.rpartition(".")[2].lower()
    close = [last[own]] if own in last else difflib.get_close_matches(name, known, n=1)
    close = close or [last[n] for n in difflib.get_close_matches(own, last, n=1)]
    return f"perhaps you meant {close[0]}" if close else otherwise


def unknown_key(key: str, task: str = registry.DEFAULT, network: str = networks.DEFAULT) -> str:
    """What to say of a key that there is not."""
    known = [*config_keys(task, network), *SECTIONS]
    return f"{key}: unknown key; {perhaps(key, known, '`hrm train --help` lists the keys')}"


def _key_of(problem: Any, section: str) -> str:
    # What follows the key in pydantic's location are the branches of a union.
    path = [str(part) for part in problem["loc"]]
    return ".".join([section, *path[:1]] if section else path[:2])


def _explain_one(problem: Any, section: str, task: str, network: str) -> str:
    key = _key_of(problem, section)
    if problem["type"] == "extra_forbidden":
        return unknown_key(key, task, network)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}.{message}" if key else message
    if problem["type"].startswith("bool_"):
        message = "Write true or false"  # in YAML 1.2, yes and on are texts
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r}"
