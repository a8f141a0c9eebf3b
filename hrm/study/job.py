"""One run of a study as plain data, so that it can be sent to another process or machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrm.config.schema import RunConfig
from hrm.machine import LEFT_OPEN
from hrm.study.definition import Run, Study


@dataclass(frozen=True, eq=False)
class Job:
    """A run to be done, and where."""

    study: str
    row: str
    seed: int
    config: dict[str, Any]
    """Nested, as in the study."""
    folder: str
    """Of the run; absolute."""
    test_count: int
    threads: int
    """For this run, unless its config sets them."""

    @property
    def name(self) -> str:
        """The name of the run."""
        return f"{self.row}-seed{self.seed}"


def make_job(study: Study, run: Run, runs_folder: Path, threads: int) -> Job:
    """The job of a run, in its folder below `runs_folder`."""
    folder = str((runs_folder / run.name).absolute())
    config = run.config.model_dump()
    return Job(study.name, run.row.name, run.seed, config, folder, study.test_count, threads)


def resolved_as(found: RunConfig, asked: RunConfig) -> RunConfig:
    """`asked`, with the settings that it leaves to the machine taken from a run folder's config."""
    resolved = {
        key: getattr(found.train, key)
        for key, open_value in LEFT_OPEN.items()
        if getattr(asked.train, key) == open_value
    }
    return asked.model_copy(update={"train": asked.train.model_copy(update=resolved)})
