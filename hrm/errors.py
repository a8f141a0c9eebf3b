"""Failures that are not the user's input: the work itself (exit code 1), or a stop on request.

What a user can mend is a `ValueError` (or an `OSError`) instead: exit code 2. What fails in a
file that holds a task is made one, and its message names the line.
"""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

OWN_MODULE = "hrm_task_"
"""How the modules of tasks' own files are called, before a digest of path and content."""


class WorkFailed(RuntimeError):
    """The work could not be done, or a check came out bad."""


class Diverged(WorkFailed):
    """A training loss is no longer a number."""


class SavedAndStopped(KeyboardInterrupt):
    """Training was asked to stop, and has saved itself."""


class Stopped(Exception):
    """A signal asked the work to stop; it is saved and can go on. Exit code 128 + the signal."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


def place_in_own_file(error: BaseException) -> str | None:
    """Where a task's own file failed, such as "lights_out.py: line 12".

    None: nowhere. What hrm itself says of what the file gave it needs no line.
    """
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(OWN_MODULE):
            place = f"{os.path.basename(frame.f_code.co_filename)}: line {line}"
        elif module.partition(".")[0] == "hrm" and isinstance(error, ValueError):
            place = None
    return place


@contextmanager
def own_files_named() -> Iterator[None]:
    """While entered, what fails in a task's own file is raised as an error that names the line.

    Raises:
        ValueError: with file, line and error.
    """
    try:
        yield
    except Exception as error:
        if (place := place_in_own_file(error)) is None:
            raise
        raise ValueError(f"{place}: {in_one_line(error)}") from error


def in_one_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
