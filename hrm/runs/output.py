"""The console of long work: when its output can no longer be written, the work is told.

A closed pipe (`hrm train … | head`), a full disk behind `> log` or a terminal that is gone must not
end a process between two saves.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console


def make_console(on_lost: Callable[[], None], **options: Any) -> Console:
    """A console on standard output that raises no `OSError`.

    Args:
        on_lost: called once, when the output can no longer be written. It may be called from
            another thread, and should only take a note.
        options: of `rich.console.Console`.
    """
    # rich's own answer to a closed pipe is to end the process.
    output: Any = _Output(on_lost)
    return Console(file=output, markup=False, **options)


class _Output:
    """Standard output; after its first failure it leads nowhere."""

    def __init__(self, on_lost: Callable[[], None]):
        # The stream of now: for a live display, rich puts its own in the place of `sys.stdout`.
        # A process may be started without one.
        self._file = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        self._on_lost: Callable[[], None] | None = on_lost

    def write(self, text: str) -> int:
        try:
            self._file.write(text)
        except OSError:
            self._lose()
        return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        lead_nowhere(self._file)
        if self._on_lost:
            self._on_lost()
        self._on_lost = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lead_nowhere(file: Any) -> None:
    """Let whatever is still written to a stream vanish, so that Python's last flush cannot fail."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def duration(seconds: float) -> str:
    """Such as ``2 h 05 min``, ``12 min``, ``40 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
