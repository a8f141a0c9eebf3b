"""Ctrl-C, SIGTERM and SIGHUP are noted, so that the work can stop between two steps and save first.

SIGHUP comes when the terminal is closed or the connection to it is lost.
"""

import signal
from types import FrameType

_HANG_UP = getattr(signal, "SIGHUP", None)
"""None where there is no such signal (Windows)."""


class Interrupts:
    """While entered, signals are only noted; a second Ctrl-C ends the process.

    The other signals may come several times: a closed terminal sends two, one by its shell, and a
    scheduler may send one to a study and to its runs, which the study stops too.
    """

    signals = (signal.SIGINT, signal.SIGTERM) + ((_HANG_UP,) if _HANG_UP else ())

    def __init__(self) -> None:
        self.received: int | None = None

    def stop_for_lost_output(self) -> None:
        """Ask for a stop as if the signal of a closed pipe had come."""
        self.received = self.received or getattr(signal, "SIGPIPE", 13)

    def __call__(self) -> bool:
        """Whether a signal was received."""
        return self.received is not None

    def __enter__(self) -> "Interrupts":
        # Under nohup, SIGHUP is ignored, and stays so.
        noted = [n for n in self.signals if n != _HANG_UP or signal.getsignal(n) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in noted}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        if number == signal.SIGINT:
            signal.signal(number, self._before[signal.SIGINT])
