"""Reading a study's YAML file, and those that it extends."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hrm.config.explain import perhaps
from hrm.config.load import MAX_CONFIG_BYTES
from hrm.config.nested import ConfigError, merge, nest
from hrm.config.yaml_text import parse_yaml
from hrm.files import read_text
from hrm.study.schema import StudyFile


def read_study_file(path: Path) -> StudyFile:
    """The keys of a study, laid over those of the study that it extends.

    Raises:
        ValueError: one line that names the file, the key at fault and what to do.
    """
    try:
        return StudyFile.model_validate(_as_text_keys(_read(path)))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{path}: {place}: {_wording(problem, place)}") from None


def unknown(kind: str, name: str, known: list[str]) -> str:
    """What to say of a name that there is not."""
    return f"{name}: unknown {kind}; {perhaps(name, known, 'known: ' + ', '.join(known[:12]))}"


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The file's content, laid over that of the study which it extends."""
    content: Any = parse_yaml(read_text(path, MAX_CONFIG_BYTES), source=str(path))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected the keys of a study, such as title, rows, seeds")
    if isinstance(content.get("settings"), dict):
        content["settings"] = nest(content["settings"])
    if (extends := content.pop("extends", None)) is None:
        return content
    parent = path.parent / str(extends)
    if parent.resolve() in (file.resolve() for file in (path, *above)):
        raise ValueError(f"{path}: extends: {extends} extends this file in turn")
    return merge(_read(parent, (path, *above)), content)


def _as_text_keys(value: Any) -> Any:
    """The same with every key as text: YAML reads ``4:`` as a number."""
    if isinstance(value, dict):
        return {str(key): _as_text_keys(entry) for key, entry in value.items()}
    return value


def _wording(problem: Any, place: str) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown key; {unknown('key', place, list(StudyFile.model_fields)).split('; ')[1]}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    return f"{problem['msg'][0].lower()}{problem['msg'][1:]}, got {problem['input']!r}"
