"""One run of a study as plain data, so that it can be sent to another process or machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrm.config.schema import RunConfig
from hrm.study.definition import Run, Study

OPEN = {"threads": 0, "device": "auto", "micro_batch": 0, "kernels": "auto"}
"""Settings with these values are settled when a run begins."""


@dataclass(frozen=True, eq=False)
class Job:
    """A run to be done, and where."""

    study: str
    row: str
    seed: int
    config: dict[str, Any]
    """Nested, as the study has it."""
    folder: str
    """Of the run; absolute."""
    test_count: int
    threads: int
    """For this run, unless its config says so itself."""

    @property
    def name(self) -> str:
        """The run's."""
        return f"{self.row}-seed{self.seed}"


def make_job(study: Study, run: Run, runs_folder: Path, threads: int) -> Job:
    """The job of a run, in its folder below `runs_folder`."""
    folder = str((runs_folder / run.name).absolute())
    config = run.config.model_dump()
    return Job(study.name, run.row.name, run.seed, config, folder, study.test_count, threads)


def settled_as(found: RunConfig, asked: RunConfig) -> RunConfig:
    """`asked` with whatever it leaves to the machine settled as in the config of a run folder."""
    settled = {
        key: getattr(found.train, key)
        for key, open_value in OPEN.items()
        if getattr(asked.train, key) == open_value
    }
    return asked.model_copy(update={"train": asked.train.model_copy(update=settled)})
