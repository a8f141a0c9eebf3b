"""Atomic files: a reader sees the old content or the new, never a half."""

import codecs
import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

_TOO_LARGE = "larger than {:,} bytes"
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_BESIDE = ".{}.{}.new"
"""The name of an unfinished file: after its target, and eight random digits."""


def read_text(path: Path, limit: int) -> str:
    """The text of a file that a stranger may have made.

    Args:
        path: to read.
        limit: of its size in bytes; a larger file is refused before it takes any memory.

    Raises:
        ValueError: naming the file, if it is missing, unreadable, too large or not text.
    """
    return decode(read_bytes(path, limit), str(path), limit)


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file that a stranger may have made; see `read_text`."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise ValueError(f"{path}: {_TOO_LARGE.format(limit)}")
            content = file.read(limit + 1)  # a pipe's size is not known before
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    if len(content) > limit:
        raise ValueError(f"{path}: {_TOO_LARGE.format(limit)}")
    return content


def decode(content: bytes, source: str, limit: int) -> str:
    """Text of no more than `limit` bytes: UTF-8, UTF-16 with its mark, or else Latin-1.

    Raises:
        ValueError: naming the source, if it is longer or not text.
    """
    if len(content) > limit:
        raise ValueError(f"{source}: {_TOO_LARGE.format(limit)}")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        encoding = "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # Every byte is a character of Latin-1; the control characters are those of other files.
        text, start = content.decode("latin-1"), error.start
        if _CONTROL.search(text):
            raise ValueError(f"{source}: not a text file (byte {start})") from None
    return text


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content` in one step, making its folder if needed.

    The content is written beside the target, flushed to disk and renamed over it; a process killed
    or a disk that fills halfway leaves the old file as it was.

    Raises:
        OSError: if the folder cannot be made or written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
    data = content.encode() if isinstance(content, str) else content
    path = path.resolve() if path.is_symlink() else path  # what it leads to is replaced
    if path.exists() and not path.is_file():  # a device or a pipe
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: whoever else is writing the same file must not be disturbed.
    beside = path.with_name(_BESIDE.format(path.name, secrets.token_hex(4)))
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.errno:
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        raise
    _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished in a folder that nobody else writes to."""
    for unfinished in folder.rglob(_BESIDE.format("*", "[0-9a-f]" * 8)):
        unfinished.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system has such a thing."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def markdown_table(titles: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    """A table in Markdown, without a newline at its end."""
    rows = [titles, ["---"] * len(titles), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
