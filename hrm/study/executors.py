"""Where jobs are carried out: in child processes, or on a Ray cluster."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from hrm.study.job import Job
from hrm.study.results import Result, failure, left_by_child

_STOP_SECONDS = 60


class Executor(Protocol):
    """Carries out jobs. The study asks it regularly which of them have ended."""

    threads: int
    """CPU threads of each run."""

    @property
    def free(self) -> int:
        """How many more jobs it could start now."""
        ...

    def start(self, job: Job) -> None:
        """Begin with a job."""

    def finished(self) -> list[tuple[Job, Result]]:
        """Jobs that have ended since the last call, each with its result or failure."""
        ...

    def stop(self) -> None:
        """Let all jobs save themselves and end."""


class LocalExecutor:
    """Child processes, each with its share of the cores.

    Threads of several runs must not share cores. Two trainings of two threads on two cores were
    slowed down to a fifth and to a hundredth of their speed (docs/log.md).

    Args:
        workers: runs at a time.
        threads: of each run; 0: the number of cores divided by the workers.
    """

    def __init__(self, workers: int, threads: int = 0):
        self.workers = workers
        self.threads = threads or max(1, core_cnt() // workers)
        self._children: dict[Job, subprocess.Popen[bytes]] = {}

    @property
    def free(self) -> int:
        """See `Executor`."""
        return self.workers - len(self._children)

    def start(self, job: Job) -> None:
        """See `Executor`."""
        _log(job).parent.mkdir(parents=True, exist_ok=True)
        with open(_log(job), "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "hrm", "study", "work"],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": str(job.threads)},
            )
        assert child.stdin
        # The pipe stays open: where it ends, however this process ended, the child stops too.
        # A child that is gone already has its reason in its log; see `_outcome`.
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(vars(job)).encode() + b"\n")
        self._children[job] = child

    def finished(self) -> list[tuple[Job, Result]]:
        """See `Executor`."""
        ended = [job for job, child in self._children.items() if child.poll() is not None]
        return [(job, self._outcome(job, self._children.pop(job).returncode)) for job in ended]

    def stop(self) -> None:
        """See `Executor`."""
        for child in self._children.values():
            child.send_signal(signal.SIGTERM)
        for child in self._children.values():
            child.wait()

    def _outcome(self, job: Job, code: int) -> Result:
        if code == 0:
            return json.loads(left_by_child(job).read_text(encoding="utf-8"))
        if code < 0:
            return failure(job, f"ended by signal {signal.Signals(-code).name}")
        lines = _log(job).read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
        return failure(job, last.removeprefix("hrm: "))


class RayExecutor:
    """Tasks of a Ray cluster. Run folders are on the machine of the task, or on a shared disk.

    Args:
        address: of a cluster ("auto": the one of this machine), or None to start one here.
        threads: of each run; each run takes as many CPUs.

    Raises:
        ValueError: if Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str | None = None, threads: int = 0):
        try:
            import ray
            import ray.exceptions
        except ImportError:
            raise ValueError(
                "--executor ray: Ray is not installed; in your clone: pip install -e '.[cluster]'"
            ) from None
        self._ray = ray
        self.threads = threads or 1
        self._jobs: dict[Any, Job] = {}
        if not ray.is_initialized():
            self._connect(address)
        self._task = ray.remote(num_cpus=self.threads, max_retries=3)(_attempt)

    @property
    def free(self) -> int:
        """See `Executor`."""
        slots = int(self._ray.cluster_resources().get("CPU", 0)) // self.threads
        return max(0, slots - len(self._jobs))

    def start(self, job: Job) -> None:
        """See `Executor`."""
        self._jobs[self._task.options(name=job.name).remote(job)] = job

    def finished(self) -> list[tuple[Job, Result]]:
        """See `Executor`."""
        if not self._jobs:
            return []
        ready, _ = self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=0)
        return [(self._jobs[task], self._outcome(task)) for task in ready if task in self._jobs]

    def stop(self) -> None:
        """See `Executor`."""
        for task in self._jobs:
            self._ray.cancel(task)
        self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=_STOP_SECONDS)

    def _outcome(self, task: Any) -> Result:
        job = self._jobs.pop(task)
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayError as error:  # its worker or its machine was lost
            return failure(job, str(error).splitlines()[0])

    def _connect(self, address: str | None) -> None:
        try:
            self._ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"--address {address}: no Ray cluster there: {reason}") from None


def _attempt(job: Job) -> Result:
    from hrm.study.work import attempt  # imports torch, on the machine of the task only

    return attempt(job)


def core_cnt() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def _log(job: Job) -> Path:
    return Path(f"{job.folder}.log")
