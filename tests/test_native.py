"""Compiled C: kept, checked before it is loaded, and its absence explained."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hrm import native

needs_compiler = pytest.mark.skipif(not native.compiler(), reason="no C compiler here")

SOURCE = "int answer(void) { return ANSWER; }\n"
IMPORT = "import os, sys, pwd; from pathlib import Path; from hrm import native\n"
LOAD = IMPORT + "print(native.load(Path(sys.argv[1]), ('-DANSWER=42',)).answer())\n"


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A C source, beside an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "six.c").write_text(SOURCE)
    return tmp_path / "six.c"


def answer(source: Path, number: int = 42) -> int:
    return native.load(source, (f"-DANSWER={number}",)).answer()


def kept(source: Path) -> list[Path]:
    return sorted((source.parent / "cache").rglob("*.*"))


def compilations(monkeypatch) -> list[str]:
    """Counts from here on."""
    sources, real = [], native._compile

    def compile(command, source, *rest):
        sources.append(source.name)
        return real(command, source, *rest)

    monkeypatch.setattr(native, "_compile", compile)
    return sources


@needs_compiler
def test_a_library_is_compiled_once_for_each_source_and_options(source, monkeypatch):
    compiled = compilations(monkeypatch)
    assert answer(source) == answer(source) == 42
    assert compiled == ["six.c"] and len(kept(source)) == 1
    assert answer(source, 7) == 7
    source.write_text(SOURCE.replace("ANSWER", "ANSWER + 1"))
    assert answer(source) == 43
    assert compiled == ["six.c"] * 3 and len(kept(source)) == 3


@needs_compiler
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_library_that_was_cut_short_is_made_again(source, share, monkeypatch):
    assert answer(source) == 42
    (file,) = kept(source)
    whole = file.read_bytes()
    file.unlink()  # this process has loaded it, and it must not change in its memory
    file.write_bytes(whole[: int(len(whole) * share)])
    # In a process of its own, which such a library would kill.
    command = [sys.executable, "-c", LOAD, str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    compiled = compilations(monkeypatch)
    assert answer(source) == 42 and not compiled
    assert len(kept(source)) == 1


@needs_compiler
def test_a_library_with_one_wrong_bit_is_not_loaded(source, monkeypatch):
    assert answer(source) == 42
    (file,) = kept(source)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)
    compiled = compilations(monkeypatch)
    assert answer(source) == 42 and compiled == ["six.c"]


@needs_compiler
@pytest.mark.parametrize("cache", ["a file", "no home", "full"])
def test_where_nothing_can_be_kept_it_is_compiled_each_time(source, cache, monkeypatch):
    compiled = compilations(monkeypatch)
    if cache == "a file":
        (source.parent / "cache").write_text("in its place")
    elif cache == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")

        def fail():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", fail)
    else:
        real = native.write_atomic

        def write(path, content):
            if path.is_relative_to(source.parent / "cache"):
                raise OSError(28, "No space left on device")
            real(path, content)

        monkeypatch.setattr(native, "write_atomic", write)
    assert answer(source) == answer(source) == 42
    assert compiled == ["six.c"] * 2


@needs_compiler
def test_a_failing_compiler_is_named_with_its_reason(source):
    source.write_text("this is no C\n")
    with pytest.raises(OSError, match=r"(cc|gcc|clang) failed with code 1: .*error") as caught:
        native.load(source)
    assert "\n" not in str(caught.value)


def test_without_a_compiler_that_is_said(source, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(OSError, match="no C compiler"):
        native.load(source)


@needs_compiler
def test_a_user_without_a_home_or_an_entry_has_kernels_or_none_but_no_traceback():
    if os.geteuid() != 0:
        pytest.skip("only root may become a user without an entry")
    for file in (sys.executable, native.__file__):
        if any(not folder.stat().st_mode & 0o001 for folder in Path(file).absolute().parents):
            pytest.skip("this checkout is closed to other users")
    become = "os.setgid(54321); os.setuid(54321); os.environ.pop('HOME', None)\n"
    code = IMPORT + become + LOAD
    environment = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"}
    # Not tmp_path: only its owner may enter the folders above it.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        source = Path(folder) / "six.c"
        source.write_text(SOURCE)
        command = [sys.executable, "-c", code, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
