"""C sources of this package, compiled once on the machine that runs them.

Every such source has a plain Python twin that gives the same results, slower; a machine without a
C compiler uses that one.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_COMPILERS = ("cc", "gcc", "clang")
_FOR_ALL = ("-O3", "-fPIC", "-c")


def compiler() -> str | None:
    """The C compiler of this machine; None: there is none that is known to work here."""
    return next(filter(None, map(shutil.which, _COMPILERS)), None) if _on_linux() else None


def load(source: Path, options: tuple[str, ...] = (), link: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The library of a C source, from the cache or compiled now.

    Args:
        source: one file.
        options: to compile with, besides optimisation.
        link: libraries and options to link with.

    Raises:
        OSError: if there is no compiler, no place to write, or the library cannot be loaded.
        CalledProcessError: if the compiler refuses.
    """
    command = compiler()
    if command is None:
        raise OSError("no C compiler (cc, gcc or clang) on Linux")
    return ctypes.CDLL(str(_build(command, source, (*_FOR_ALL, *options), link)))


def _on_linux() -> bool:
    return sys.platform == "linux"


def _build(command: str, source: Path, options: tuple[str, ...], link: tuple[str, ...]) -> Path:
    """Compile into the user's cache, under a name that says for what and with what."""
    version = subprocess.run([command, "--version"], capture_output=True, check=True).stdout
    words = repr((options, [Path(word).name for word in link])).encode()
    made_of = (source.read_bytes(), version, words, _processor())
    name = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hrm"
    target = cache / f"{source.stem}-{name}.so"
    if target.exists():
        return target
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        compiled, linked = Path(folder) / "compiled.o", Path(folder) / "linked.so"
        for arguments in (
            [*options, str(source), "-o", str(compiled)],
            ["-shared", str(compiled), *link, "-o", str(linked)],
        ):
            subprocess.run([command, *arguments], capture_output=True, check=True)
        os.replace(linked, target)
    return target


def _processor() -> bytes:
    """What the processor can do: a home folder may be shared between machines."""
    lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    return b"".join(dict.fromkeys(ln for ln in lines if ln.startswith((b"model", b"flags"))))
