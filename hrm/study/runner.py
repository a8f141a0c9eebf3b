"""Run a study: start the runs that have no result yet, and record each result."""

import signal
import time
from pathlib import Path

from hrm.errors import Stopped, WorkFailed
from hrm.runs import folder as runs
from hrm.runs.interrupts import Interrupts
from hrm.study.definition import Run, Study
from hrm.study.display import StudyDisplay
from hrm.study.executors import Executor
from hrm.study.job import Job, make_job, resolved_as
from hrm.study.results import Result, first_difference, read_results, write_result

_LOOK_SECONDS = 0.2


def run_study(study: Study, runs_folder: Path, results_folder: Path, executor: Executor) -> None:
    """Carry out every run that has no result yet; failed runs are tried again.

    Args:
        study: what to run.
        runs_folder: gets a run folder for each run.
        results_folder: gets a result file for each run.
        executor: carries the runs out.

    Raises:
        ValueError: if a folder holds results or runs of another study, or is in use; nothing is
            then written.
        WorkFailed: after all runs were tried, with a line for each run that failed.
        Stopped: if a signal asked to stop; runs in progress have saved themselves.
        OSError: if a result cannot be written.
    """
    results = read_results(results_folder, study)
    waiting = [run for run in study.runs if "failed" in results.get(run.name, {"failed": ""})]
    for run in waiting:
        _require_own(runs_folder / run.name, run)
    interrupts = Interrupts()
    display = StudyDisplay(study, results, runs_folder, interrupts.stop_for_lost_output)
    with runs.locked(runs_folder), interrupts, display:
        jobs = [make_job(study, run, runs_folder, executor.threads) for run in waiting]
        failed = _carry_out(jobs, results_folder, executor, interrupts, display)
    if failed:
        raise WorkFailed(
            f"{len(failed)} of {len(study.runs)} runs failed; start again to retry them\n"
            + "\n".join(f"{name}: {reason}" for name, reason in failed.items())
        )


def _carry_out(
    waiting: list[Job],
    results_folder: Path,
    executor: Executor,
    interrupts: Interrupts,
    display: StudyDisplay,
) -> dict[str, str]:
    """Carry out all jobs.

    Returns:
        The reasons of those that failed, by name.
    """
    running: set[Job] = set()
    failed = {}

    def record(job: Job, result: Result) -> None:
        write_result(results_folder, job, result)
        running.discard(job)
        display.ended(job, result)
        if "failed" in result:
            failed[job.name] = result["failed"]

    while waiting or running:
        while waiting and executor.free and not interrupts():
            job = waiting.pop(0)
            executor.start(job)
            running.add(job)
            display.started(job)
        for job, result in executor.finished():
            # Ctrl-C reaches the children too, perhaps earlier. A run that it stops has not failed.
            if not interrupts() or "failed" not in result:
                record(job, result)
        if interrupts():
            executor.stop()
            raise Stopped(
                "stopped; every run is saved, and the same command goes on",
                interrupts.received or signal.SIGINT,
            )
        display.refresh()
        time.sleep(_LOOK_SECONDS)
    return failed


def _require_own(folder: Path, run: Run) -> None:
    """Refuse a run folder of another study, or of this study with other settings."""
    if not runs.is_taken(folder):
        return
    found = runs.read_config(folder)
    asked = resolved_as(found, run.config)
    if found != asked:
        difference = first_difference(found.model_dump(), asked.model_dump())
        raise ValueError(
            f"{folder}: a run of another study: {difference}; name another place with --runs, or"
            " move this one away"
        )
