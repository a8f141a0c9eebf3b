"""How far a long thought has come, as a line in a terminal."""

import time
from typing import Self

from rich.console import Console
from rich.status import Status

from hrm.inference.thinking import Stage

_PATIENCE_SECONDS = 1.0
"""A thought that is over sooner shows nothing."""


class ThoughtLine:
    """A line that follows a thought, on standard error; nothing where that is no terminal.

    It is called after each segment; `clear` takes the line away before anything else is printed,
    and so does the end of its context.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._began: float | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __call__(self, stage: Stage) -> None:
        """For `on_segment`."""
        if not self._console.is_terminal:
            return
        self._began = self._began or time.monotonic()
        if time.monotonic() < self._began + _PATIENCE_SECONDS:
            return
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(words(stage))

    def clear(self) -> None:
        """Take the line away; the next thought begins a new one."""
        if self._status is not None:
            self._status.stop()
        self._began = self._status = None


def words(stage: Stage) -> str:
    """Such as "segment 12 of at most 40, attempt 2 of 8, 5 puzzles left"."""
    parts = [f"segment {stage.segment:,}"]
    if stage.segments is not None:
        parts[0] += f" of at most {stage.segments:,}"
    if stage.attempts > 1:
        parts.append(f"attempt {stage.attempt} of {stage.attempts}")
    if stage.left > 1:
        parts.append(f"{stage.left:,} puzzles left")
    return ", ".join(parts)
