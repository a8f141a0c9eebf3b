"""Which of several processes this one is, as torchrun says in the environment; without torch."""

import os


def world_size() -> int:
    """Processes that train together; 1 without torchrun.

    Raises:
        ValueError: if the environment holds no number of at least 1.
    """
    return _number("WORLD_SIZE", 1, at_least=1)


def rank() -> int:
    """This process's number, from 0; a lone process is number 0, whatever `RANK` says.

    Schedulers and earlier commands leave a `RANK` behind, and number 1 of one would train without
    writing or printing anything.

    Raises:
        ValueError: if the environment holds no number from 0 on.
    """
    return _number("RANK", 0, at_least=0) if world_size() > 1 else 0


def _number(name: str, default: int, at_least: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < at_least:
        raise ValueError(
            f"{name}={text}: not a number from {at_least} on; unset it, or start with torchrun"
        )
    return int(text)
