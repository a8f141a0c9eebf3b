"""Ctrl-C and SIGTERM are noted, so that the work can stop between two steps and save first."""

import signal
from types import FrameType


class Interrupts:
    """While entered, the first signal of a kind is only noted; the second ends the process."""

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: int | None = None

    def stop_for_lost_output(self) -> None:
        """Ask for a stop as if the signal of a closed pipe had come."""
        self.received = self.received or getattr(signal, "SIGPIPE", 13)

    def __call__(self) -> bool:
        """Whether a signal was received."""
        return self.received is not None

    def __enter__(self) -> "Interrupts":
        self._before = {number: signal.signal(number, self._note) for number in self.signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        signal.signal(number, self._before[signal.Signals(number)])
