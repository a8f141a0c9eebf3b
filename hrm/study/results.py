"""Result files: one for each run, small enough to be committed, and all that a report needs.

A study continues from its result files, even on a machine that does not have its run folders.
"""

import json
from pathlib import Path
from typing import Any

from hrm.config.load import validate
from hrm.config.nested import differences
from hrm.config.schema import RunConfig
from hrm.files import read_text, write_atomic
from hrm.study.definition import Run, Study
from hrm.study.job import Job

Result = dict[str, Any]
"""What `work.carry_out` returned; for a failed run, which run it was and the reason as `failed`."""

FORMAT_VERSION = 1
_MAX_BYTES = 2**26
_NEEDED = ("study", "row", "seed", "config", "test_count")


def left_by_child(job: Job) -> Path:
    """The file in which a child process leaves its result: beside the run folder, which may not
    exist yet."""
    return Path(f"{job.folder}.result")


def write_result(folder: Path, job: Job, result: Result) -> None:
    """Write a run's result to its file; it replaces an earlier failure."""
    content = {"format_version": FORMAT_VERSION, "test_count": job.test_count, **result}
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in content.items()]
    write_atomic(folder / f"{job.name}.json", "{\n" + ",\n".join(lines) + "\n}\n")


def failure(job: Job, reason: str) -> Result:
    """The result of a run that failed."""
    described = {"study": job.study, "row": job.row, "seed": job.seed, "config": job.config}
    return {**described, "failed": reason}


def read_results(folder: Path, study: Study) -> dict[str, Result]:
    """All results in a folder, failures included, by the name of their run.

    Raises:
        ValueError: naming the file, if one is damaged or of another study.
    """
    rows = {row.name: row for row in study.rows}
    results = {}
    for file in sorted(folder.glob("*.json")):
        result = _read(file)
        elsewhere = f"{file}: a result of another study"
        remedy = "name another folder with --results, or move this one away"
        if result["study"] != study.name:
            raise ValueError(f"{elsewhere}, {result['study']}; {remedy}")
        if result["row"] not in rows:
            raise ValueError(f"{elsewhere}: row {result['row']} is not in this one; {remedy}")
        run = Run(rows[result["row"]], result["seed"])
        now = {**run.config.model_dump(), "test_count": study.test_count}
        then = {**_config(file, result).model_dump(), "test_count": result["test_count"]}
        if then != now:
            raise ValueError(f"{elsewhere}: {first_difference(then, now)}; {remedy}")
        results[run.name] = result
    return results


def first_difference(then: Any, now: Any) -> str:
    """The first place where two nested dictionaries differ, in words."""
    place, before, after = differences(then, now)[0]
    return f"{place} is {before!r} there and {after!r} here"


def _read(file: Path) -> Result:
    try:
        result = json.loads(read_text(file, _MAX_BYTES))
        version = result["format_version"]
        named = all(key in result for key in _NEEDED) and isinstance(result["seed"], int)
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError):
        named, version = False, None
    if not named:
        raise ValueError(f"{file}: no result of a run; move it away")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{file}: in format {version}, but this version of hrm reads {FORMAT_VERSION}"
        )
    return result


def _config(file: Path, result: Result) -> RunConfig:
    try:
        return validate(result["config"])  # keys that are missing in an old result get defaults
    except ValueError as error:
        raise ValueError(f"{file}: {str(error).splitlines()[0]}") from None


def _value(value: Any) -> str:
    """JSON on one line, except for epochs, which have a line each."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(entry) for entry in value) + "\n]"
    return json.dumps(value)
