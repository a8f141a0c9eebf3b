"""Atomic files: a reader sees the old content or the new, never a half."""

import contextlib
import os
from pathlib import Path


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content` in one step, making its folder if needed.

    The content is written beside the target, flushed to disk and renamed over it; a process killed
    or a disk that fills halfway leaves the old file as it was.

    Raises:
        OSError: if the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system has such a thing."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
