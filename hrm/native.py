"""C sources of this package, compiled once on the machine that runs them.

Every such source has a plain Python twin that gives the same results, slower; a machine without a
C compiler uses that one.
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hrm.files import write_atomic

_COMPILERS = ("cc", "gcc", "clang")
_FOR_ALL = ("-O3", "-fPIC", "-c")
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_LINES = (b"model", b"flags", b"Features", b"CPU part")
"""On x86 and on ARM."""


def compiler() -> str | None:
    """The C compiler of this machine; None: there is none that is known to work here."""
    return next(filter(None, map(shutil.which, _COMPILERS)), None) if _on_linux() else None


def load(source: Path, options: tuple[str, ...] = (), link: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The library of a C source, from the user's cache or compiled now.

    Where the cache cannot be used, the library is compiled anew in each process.

    Args:
        source: one file.
        options: to compile with, besides optimisation.
        link: libraries and options to link with.

    Raises:
        OSError: saying in a line why there is none: no compiler, a compiler that fails, no place
            to write, a library that cannot be loaded.
    """
    command = compiler()
    if command is None:
        raise OSError("there is no C compiler (cc, gcc or clang) on Linux here")
    options = (*_FOR_ALL, *options)
    made_of = (source.read_bytes(), _version(command), _words(options, link), processor())
    name = f"{source.stem}-{_digest(*made_of)}"
    cache = _cache()
    if cache and (library := _from_cache(cache, name)):
        return library
    content = _compile(command, source, options, link)
    # The name tells whether the content is whole: a library that was cut short by a crash or a
    # full disk would end the process with a bus error, as soon as it is loaded.
    file = f"{name}-{_digest(content)}.so"
    if cache:
        with contextlib.suppress(OSError):
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(cache / file, content)
            return ctypes.CDLL(str(cache / file))
    with tempfile.TemporaryDirectory() as folder:  # its file is needed only until it is loaded
        write_atomic(Path(folder) / file, content)
        return ctypes.CDLL(str(Path(folder) / file))


def _on_linux() -> bool:
    return sys.platform == "linux"


def _cache() -> Path | None:
    """Where compiled libraries are kept; None: this user has no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hrm"
    except RuntimeError:
        return None


def _from_cache(cache: Path, name: str) -> ctypes.CDLL | None:
    """The library, if it is there and whole; damaged ones are removed."""
    for file in cache.glob(f"{name}-*.so"):
        with contextlib.suppress(OSError):
            if file.stem == f"{name}-{_digest(file.read_bytes())}":
                return ctypes.CDLL(str(file))
            file.unlink()
    return None


def _compile(command: str, source: Path, options: tuple[str, ...], link: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        compiled, linked = Path(folder) / "compiled.o", Path(folder) / "linked.so"
        _run(command, *options, str(source), "-o", str(compiled))
        _run(command, "-shared", str(compiled), *link, "-o", str(linked))
        return linked.read_bytes()


def _version(command: str) -> bytes:
    return _run(command, "--version")


def _run(*words: str) -> bytes:
    done = subprocess.run(words, capture_output=True)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        reason = next((line for line in lines if "error" in line), lines[0])
        raise OSError(f"{words[0]} failed with code {done.returncode}: {reason}".rstrip(": "))
    return done.stdout


def _words(options: tuple[str, ...], link: tuple[str, ...]) -> bytes:
    return repr((options, [Path(word).name for word in link])).encode()


def processor() -> bytes:
    """What the processor is and can do, in Linux's words. (A home folder may be shared between
    machines, so the names of libraries depend on it.)

    Raises:
        OSError: where it is not known.
    """
    lines = _CPU_INFO.read_bytes().splitlines()
    return b"\n".join(dict.fromkeys(line for line in lines if line.startswith(_CPU_LINES)))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
