"""Ctrl-C and SIGTERM as a question to ask between two steps, so that nothing is cut in half."""

import signal
from types import FrameType


class Interrupts:
    """While entered, a first signal is only noted; a second of its kind ends the process."""

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: int | None = None

    def stop_for_lost_output(self) -> None:
        """Ask for a stop as if the signal of a closed pipe had come."""
        self.received = self.received or getattr(signal, "SIGPIPE", 13)

    def __call__(self) -> bool:
        """Whether a signal has come."""
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
