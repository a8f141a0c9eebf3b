"""What a study is: a base, axes, rows of settings, seeds, and the hypotheses that it tests.

A study is a YAML file; `docs/studies.md` is its manual. Nothing here imports torch.
"""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrm.config.explain import config_keys
from hrm.config.load import validate
from hrm.config.nested import ConfigError, lay_over, nest
from hrm.config.networks import network_of
from hrm.config.presets import starting_point
from hrm.config.schema import RunConfig
from hrm.study.reading import read_study_file, unknown
from hrm.study.schema import GAPS, Expectation, Published, StudyFile
from hrm.tasks.registry import DEFAULT

_ROW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,79}")
_BY_SEED = ("task.seed", "train.seed")
_KEYS_OF_OWN_FILES = ("task.train_boards", "task.val_boards")


@dataclass(frozen=True)
class Hypothesis:
    """A claim and how it is tested; see `schema.HypothesisKeys`."""

    name: str
    claim: str
    measure: str
    expect: Expectation | None
    pairs: tuple[tuple[str, ...], ...]
    """Of rows (a, b); or rows (a,), whose own measure is a difference."""
    robust: tuple[str, ...]
    exploratory: bool = False


@dataclass(frozen=True)
class Row:
    """One setting of the study; run once for each seed."""

    name: str
    values: dict[str, str]
    """Its value on each axis; axes for which it has none are left out."""
    control: bool
    """Whether it is left out of the aggregates."""
    config: RunConfig


@dataclass(frozen=True)
class Run:
    """A row with a seed."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder and of its result file."""
        return f"{self.row.name}-seed{self.seed}"

    @property
    def config(self) -> RunConfig:
        """The row's config, with the seed for the puzzles and for the training."""
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
        """All runs, seed by seed, so that a study that is stopped early is balanced."""
        return [Run(row, seed) for seed in self.seeds for row in self.rows]


def load_study(path: Path, seeds: int | None = None) -> Study:
    """Read a study's YAML file.

    Args:
        path: of the file; the study gets its name.
        seeds: the number of seeds, instead of the one in the file.

    Raises:
        ValueError: one line that names the file, the key at fault and what to do.
    """
    file = read_study_file(path)
    try:
        return _study(path.stem, file, seeds)
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
            raise ConfigError(f"{place}: {unknown('row', found, names)}")
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
    """The rows of `rows`, then those of the grid, which are named after their values."""
    rows = list(file.rows.items())
    if not file.grid:
        return rows
    for values in itertools.product(*file.grid.values()):
        name = "-".join(map(_value_name, file.grid, values))
        rows.append((name, dict(zip(file.grid, values, strict=True))))
    return rows


def _value_name(axis: str, value: Any) -> str:
    """What a value of a grid adds to its row's name; true, false and null say nothing alone."""
    text = f"{axis}={value}" if value is None or isinstance(value, bool) else str(value)
    return re.sub(r"[^A-Za-z0-9._+=]+", "", text) or "none"


def _row(file: StudyFile, name: str, keys: dict[str, Any], control: bool) -> Row:
    place = f"rows.{name}"
    if not _ROW_NAME.fullmatch(name):
        raise ConfigError(f"{place}: a row's name is letters, digits and . _ + = -; rename it")
    settings = lay_over(_base(file).model_dump(), file.settings)
    values = {}
    for key, value in keys.items():
        if key in file.axes:
            values[key] = str(value)
            changes = _axis_changes(f"{place}.{key}", file.axes[key], value)
        else:
            changes = {key: value}
        changed = lay_over(settings, nest(changes))
        known = [*file.axes, *_keys_of(changed)]
        for name_of_key in changes:
            _require_settable(place, name_of_key, known)
        settings = changed
    try:
        config = validate(settings)
    except ConfigError as error:
        raise ConfigError(f"{place}: {str(error).splitlines()[0]}") from None
    for key in _KEYS_OF_OWN_FILES:
        if getattr(config.task, key.removeprefix("task.")) is not None:
            raise ConfigError(f"{place}: {key}: a study draws its boards by seed; leave it out")
    for axis, meaning in file.axes.items():
        if isinstance(meaning, str):  # every row has a value for the key, given or not
            section, _, field = meaning.partition(".")
            values[axis] = str(getattr(getattr(config, section), field, None))
    return Row(name, values, control, config)


def _base(file: StudyFile) -> RunConfig:
    try:
        base = starting_point(file.base)
    except ValueError as error:
        raise ConfigError(f"base: {error}") from None
    known = _keys_of(lay_over(base.model_dump(), file.settings))
    for axis, meaning in file.axes.items():
        if isinstance(meaning, str) and meaning not in known:
            raise ConfigError(f"axes.{axis}: {unknown('key', meaning, known)}")
    for section, values in file.settings.items():
        for key in values if isinstance(values, dict) else ():
            _require_settable("settings", f"{section}.{key}", known)
    return base


def _keys_of(settings: dict[str, Any]) -> list[str]:
    """All keys of a config with the task and the network that the settings name.

    Raises:
        ConfigError: if there is no such task.
    """
    task = settings.get("task")
    name = task.get("name") if isinstance(task, dict) else None
    try:
        return list(config_keys(str(name or DEFAULT), network_of(settings.get("model"))))
    except ValueError as error:
        raise ConfigError(f"task.{error}") from None


def _axis_changes(place: str, meaning: str | dict[str, dict[str, Any]], value: Any) -> dict:
    if isinstance(meaning, str):
        return {meaning: value}
    if str(value) not in meaning:
        raise ConfigError(f"{place}: {value!r} is no value of this axis; {', '.join(meaning)} are")
    return meaning[str(value)]


def _require_settable(place: str, key: str, known: list[str]) -> None:
    if key not in known:
        raise ConfigError(f"{place}: {unknown('axis or key', key, known)}")
    if key in _BY_SEED:
        raise ConfigError(f"{place}: {key}: a study sets it from its seeds; leave it out")


def _require_different(rows: list[Row]) -> None:
    for first, second in itertools.combinations(rows, 2):
        if first.name.lower() == second.name.lower():  # on some systems file names have no case
            raise ConfigError(f"rows.{second.name}: two rows have this name; rename one")
        if first.config == second.config:
            raise ConfigError(f"rows.{second.name}: the same settings as {first.name}; drop one")


def _mentioned(file: StudyFile) -> list[tuple[str, str]]:
    """Every row that is mentioned, and where."""
    found = [("only", name) for name in file.only or ()]
    found += [("published.rows", name) for name in (file.published.rows if file.published else ())]
    for name, pairs in file.comparisons.items():
        found += [(f"comparisons.{name}", row) for pair in pairs for row in pair]
    return found


def _hypotheses(file: StudyFile, rows: set[str]) -> tuple[Hypothesis, ...]:
    """The hypotheses that the rows can test, each with the pairs of which both rows exist."""
    found: dict[str, Hypothesis] = {}
    # Hypotheses about the robustness of others come last, wherever they stand in the file.
    for name, keys in sorted(file.hypotheses.items(), key=lambda item: bool(item[1].robust)):
        place = f"hypotheses.{name}"
        if keys.compare is not None and keys.compare not in file.comparisons:
            known = list(file.comparisons)
            raise ConfigError(f"{place}.compare: {unknown('comparison', keys.compare, known)}")
        for other in keys.robust:
            tested = file.hypotheses.get(other)
            if not tested or not tested.compare:
                raise ConfigError(f"{place}.robust: {other}: no hypothesis with a comparison")
        compared = file.comparisons.get(keys.compare or "", [])
        if keys.measure not in GAPS and any(len(pair) < 2 for pair in compared):
            raise ConfigError(
                f"{place}.measure: {keys.measure}, but comparisons.{keys.compare} has a row without"
                f" a second one; take {' or '.join(GAPS)}, or give pairs"
            )
        pairs = [tuple(pair) for pair in compared if {*pair} <= rows]
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
