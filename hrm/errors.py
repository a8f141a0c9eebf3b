"""The one kind of failure that is not the user's input: the work itself. Exit code 1.

What a user can mend is a `ValueError` (or an `OSError`) instead: exit code 2.
"""


class WorkFailed(RuntimeError):
    """The work could not be done, or a check came out bad."""


class Diverged(WorkFailed):
    """A training loss is no longer a number."""
