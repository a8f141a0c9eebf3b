"""What a study is: a base, axes, rows of settings, seeds, and the hypotheses that it tests.

A study is a YAML file; `docs/studies.md` is its manual. Nothing here imports torch.
"""

import difflib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hrm.config.presets import PRESETS
from hrm.config.schema import (
    MAX_CONFIG_BYTES,
    ConfigError,
    RunConfig,
    config_keys,
    merge,
    nest,
    validate,
)
from hrm.config.yaml_text import parse_yaml
from hrm.files import read_text
from hrm.study.schema import Expectation, Published, StudyFile

_ROW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,79}")
_BY_SEED = ("task.seed", "train.seed")
_NOT_HERE = ("task.train_boards", "task.val_boards")


@dataclass(frozen=True)
class Hypothesis:
    """A claim and how it is tested; see `schema.HypothesisKeys`."""

    name: str
    claim: str
    measure: str
    expect: Expectation | None
    pairs: tuple[tuple[str, str], ...]
    robust: tuple[str, ...]
    exploratory: bool = False


@dataclass(frozen=True)
class Row:
    """One setting of the study; run once for each seed."""

    name: str
    values: dict[str, str]
    """Its value on each axis; axes that it says nothing about are left out."""
    control: bool
    """Whether it stands outside the aggregates."""
    config: RunConfig


@dataclass(frozen=True)
class Run:
    """A row with a seed."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and its result file."""
        return f"{self.row.name}-seed{self.seed}"

    @property
    def config(self) -> RunConfig:
        """The row's, with the seed for the boards and for the training."""
        return self.row.config.derive(task__seed=self.seed, train__seed=self.seed)


@dataclass(frozen=True)
class Study:
    """A study, checked and ready."""

    name: str
    title: str
    about: str
    seeds: tuple[int, ...]
    test_count: int
    axes: tuple[str, ...]
    rows: tuple[Row, ...]
    margin: float
    published: Published | None
    hypotheses: tuple[Hypothesis, ...]
    seen: tuple[int, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """All of them, seed by seed, so that a study that is stopped early is a balanced one."""
        return [Run(row, seed) for seed in self.seeds for row in self.rows]


def load_study(path: Path, seeds: int | None = None) -> Study:
    """Read a study's YAML file.

    Args:
        path: of the file; the study has its name.
        seeds: how many, instead of what the file says.

    Raises:
        ValueError: one line that names the file, the key at fault and what to do.
    """
    try:
        file = StudyFile.model_validate(_as_text_keys(_read(path)))
        return _study(path.stem, file, seeds)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{path}: {place}: {_wording(problem, place)}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _study(name: str, file: StudyFile, seed_cnt: int | None) -> Study:
    rows = [
        *(_row(file, name, keys, control=False) for name, keys in _row_keys(file)),
        *(_row(file, name, keys, control=True) for name, keys in file.controls.items()),
    ]
    if not rows:
        raise ConfigError("no runs: give rows, or a grid of which no axis is empty")
    names = [row.name for row in rows]
    rows = [row for row in rows if file.only is None or row.name in file.only]
    _require_different(rows)
    seeds = seed_cnt or file.seeds
    seeds = list(range(seeds)) if isinstance(seeds, int) else seeds
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds: {seeds} names one twice")
    for place, found in _mentioned(file):
        if found not in names:
            raise ConfigError(f"{place}: {_unknown('row', found, names)}")
    return Study(
        name=name,
        title=file.title,
        about=file.about,
        seeds=tuple(seeds),
        test_count=file.test_count,
        axes=tuple(axis for axis in file.axes if any(axis in row.values for row in rows)),
        rows=tuple(rows),
        margin=file.margin,
        published=file.published,
        hypotheses=_hypotheses(file, {row.name for row in rows}),
        seen=tuple(file.seen),
    )


def _row_keys(file: StudyFile) -> list[tuple[str, dict[str, Any]]]:
    """The rows that are named, then those of the grid, which are named after their values."""
    rows = list(file.rows.items())
    if not file.grid:
        return rows
    for values in itertools.product(*file.grid.values()):
        name = "-".join(re.sub(r"[^A-Za-z0-9._+=]+", "", str(value)) or "none" for value in values)
        rows.append((name, dict(zip(file.grid, values, strict=True))))
    return rows


def _row(file: StudyFile, name: str, keys: dict[str, Any], control: bool) -> Row:
    place = f"rows.{name}"
    if not _ROW_NAME.fullmatch(name):
        raise ConfigError(f"{place}: a row's name is letters, digits and . _ + = -; rename it")
    settings = merge(_base(file).model_dump(), file.settings)
    values = {}
    for key, value in keys.items():
        if key in file.axes:
            values[key] = str(value)
            changes = _axis_changes(f"{place}.{key}", file.axes[key], value)
        else:
            changes = {key: value}
        for changed in changes:
            _require_settable(place, changed, [*file.axes, *config_keys()])
        settings = merge(settings, nest(changes))
    try:
        config = validate(settings)
    except ConfigError as error:
        raise ConfigError(f"{place}: {str(error).splitlines()[0]}") from None
    for key in _NOT_HERE:
        if getattr(config.task, key.removeprefix("task.")) is not None:
            raise ConfigError(f"{place}: {key}: a study draws its boards by seed; leave it out")
    for axis, meaning in file.axes.items():
        if isinstance(meaning, str):  # every row has a value there, said or not
            section, _, field = meaning.partition(".")
            values[axis] = str(getattr(getattr(config, section), field))
    return Row(name, values, control, config)


def _base(file: StudyFile) -> RunConfig:
    if file.base not in PRESETS:
        raise ConfigError(f"base: {_unknown('preset', file.base, list(PRESETS))}")
    for axis, meaning in file.axes.items():
        if isinstance(meaning, str) and meaning not in config_keys():
            raise ConfigError(f"axes.{axis}: {_unknown('key', meaning, list(config_keys()))}")
    for section, values in file.settings.items():
        for key in values if isinstance(values, dict) else ():
            _require_settable("settings", f"{section}.{key}", list(config_keys()))
    return PRESETS[file.base][1]


def _axis_changes(place: str, meaning: str | dict[str, dict[str, Any]], value: Any) -> dict:
    if isinstance(meaning, str):
        return {meaning: value}
    if str(value) not in meaning:
        raise ConfigError(f"{place}: {value!r} is no value of this axis; {', '.join(meaning)} are")
    return meaning[str(value)]


def _require_settable(place: str, key: str, known: list[str]) -> None:
    if key not in known:
        raise ConfigError(f"{place}: {_unknown('axis or key', key, known)}")
    if key in _BY_SEED:
        raise ConfigError(f"{place}: {key}: a study sets it from its seeds; leave it out")


def _require_different(rows: list[Row]) -> None:
    for first, second in itertools.combinations(rows, 2):
        if first.name.lower() == second.name.lower():  # also where files' names have no case
            raise ConfigError(f"rows.{second.name}: two rows have this name; rename one")
        if first.config == second.config:
            raise ConfigError(f"rows.{second.name}: the same settings as {first.name}; drop one")


def _mentioned(file: StudyFile) -> list[tuple[str, str]]:
    """Every row that is spoken of, and where."""
    found = [("only", name) for name in file.only or ()]
    found += [("published.rows", name) for name in (file.published.rows if file.published else ())]
    for name, pairs in file.comparisons.items():
        found += [(f"comparisons.{name}", row) for pair in pairs for row in pair]
    return found


def _hypotheses(file: StudyFile, rows: set[str]) -> tuple[Hypothesis, ...]:
    """Those that the rows can test, each with the pairs of which both rows are there."""
    found: dict[str, Hypothesis] = {}
    # Those about the robustness of others come after these, wherever they stand in the file.
    for name, keys in sorted(file.hypotheses.items(), key=lambda item: bool(item[1].robust)):
        place = f"hypotheses.{name}"
        if keys.compare is not None and keys.compare not in file.comparisons:
            known = list(file.comparisons)
            raise ConfigError(f"{place}.compare: {_unknown('comparison', keys.compare, known)}")
        for other in keys.robust:
            tested = file.hypotheses.get(other)
            if not tested or not tested.compare:
                raise ConfigError(f"{place}.robust: {other}: no hypothesis with a comparison")
        pairs = [(a, b) for a, b in file.comparisons.get(keys.compare or "", []) if {a, b} <= rows]
        robust = tuple(other for other in keys.robust if other in found)
        if pairs or robust:
            found[name] = Hypothesis(
                name,
                keys.claim,
                keys.measure,
                keys.expect,
                tuple(pairs),
                robust,
                keys.exploratory,
            )
    return tuple(found.values())


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
    return _laid_over(_read(parent, (path, *above)), content)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    laid = dict(below)
    for key, value in above.items():
        old = below.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            laid[key] = _laid_over(old, value)
        else:
            laid[key] = value
    return laid


def _as_text_keys(value: Any) -> Any:
    """The same with every key as text: YAML reads ``4:`` as a number."""
    if isinstance(value, dict):
        return {str(key): _as_text_keys(entry) for key, entry in value.items()}
    return value


def _unknown(kind: str, name: str, known: list[str]) -> str:
    # The same name in another section, else the nearest.
    close = [k for k in known if k.rpartition(".")[2] == name.rpartition(".")[2]]
    close = close or difflib.get_close_matches(name, known, n=1)
    guess = f"perhaps you meant {close[0]}" if close else f"known: {', '.join(known[:12])}"
    return f"{name}: unknown {kind}; {guess}"


def _wording(problem: Any, place: str) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown key; {_unknown('key', place, list(StudyFile.model_fields)).split('; ')[1]}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    return f"{problem['msg'][0].lower()}{problem['msg'][1:]}, got {problem['input']!r}"
