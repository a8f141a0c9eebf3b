"""Failures that are not the user's input: the work itself (exit code 1), or a stop on request.

What a user can mend is a `ValueError` (or an `OSError`) instead: exit code 2.
"""


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
