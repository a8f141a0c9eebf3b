"""Files are replaced whole or not at all; text is read in its encoding or refused."""

import os
import tracemalloc

import pytest

from hrm.files import decode, markdown_table, read_text, sweep, write_atomic


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("content", "expected"),
    [("é\n", "é\n".encode()), (b"\x00\xff\r\n", b"\x00\xff\r\n"), ("", b""), (b"", b"")],
)
def test_content_is_written_as_it_is(tmp_path, content, expected):
    write_atomic(tmp_path / "file.txt", content)
    assert (tmp_path / "file.txt").read_bytes() == expected
    assert files_below(tmp_path) == ["file.txt"]


def test_content_is_replaced_whole(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("a long old content")
    write_atomic(file, "new")
    assert file.read_text() == "new"
    assert files_below(tmp_path) == ["file.txt"]


def test_only_what_an_unfinished_write_left_is_swept_away(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda source, target: os._exit(9))  # as if killed
    if not (child := os.fork()):
        try:
            write_atomic(tmp_path / "a" / "file.txt", "new")
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    others = [".notes.new", "a/.mine.new", "a/b.12345678.new", "a/file.txt"]
    for name in others:
        (tmp_path / name).write_text("")
    assert len(files_below(tmp_path)) == 5
    sweep(tmp_path)
    assert files_below(tmp_path) == sorted(others)


def test_a_pipe_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", "new")
    assert os.read(reader, 9) == b"new" and (tmp_path / "pipe").is_fifo()
    os.close(reader)


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "file.txt").write_text("old")
    (tmp_path / "link").symlink_to("file.txt")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file.txt").read_text() == "new"


def test_missing_folders_are_made(tmp_path):
    write_atomic(tmp_path / "a" / "b" / "file.txt", "x")
    assert files_below(tmp_path) == [os.path.join("a", "b", "file.txt")]


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("old")
    with open(file) as reader:
        write_atomic(file, "new")
        assert reader.read() == "old"


def test_the_content_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    order, real_sync, real_replace = [], os.fsync, os.replace

    def note(name, real):
        return lambda *args: order.append(name) or real(*args)

    monkeypatch.setattr(os, "fsync", note("sync", real_sync))
    monkeypatch.setattr(os, "replace", note("replace", real_replace))
    write_atomic(tmp_path / "file.txt", "new")
    assert order[:2] == ["sync", "replace"]


@pytest.mark.parametrize("broken", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_midway_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, broken, error
):
    file = tmp_path / "file.txt"
    file.write_text("old")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)) as caught:
        patch.setattr(os, broken, fail)
        write_atomic(file, "new")
    assert getattr(caught.value, "filename", str(file)) == str(file)
    assert file.read_text() == "old"
    assert files_below(tmp_path) == ["file.txt"]
    write_atomic(file, "newer")
    assert file.read_text() == "newer"


def test_a_first_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, "replace", fail)
        write_atomic(tmp_path / "file.txt", "new")
    assert files_below(tmp_path) == []


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path, monkeypatch):
    file, real_sync = tmp_path / "file.txt", os.fsync

    def meanwhile(descriptor):
        monkeypatch.setattr(os, "fsync", real_sync)
        write_atomic(file, "the other's")
        assert file.read_text() == "the other's"
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    write_atomic(file, "the slower one's")
    assert file.read_text() == "the slower one's"
    assert files_below(tmp_path) == ["file.txt"]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError):
        write_atomic(tmp_path / "taken" / "file.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "folder", "x")
    assert files_below(tmp_path) == ["taken"]


def test_a_large_file_is_refused_before_it_takes_memory(tmp_path):
    file = tmp_path / "large"
    with open(file, "wb") as large:
        large.truncate(2**40)
    tracemalloc.start()
    with pytest.raises(ValueError, match="large: larger than 100,000,000 bytes"):
        read_text(file, 10**8)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_text_is_read_in_the_encodings_that_editors_write(encoding):
    text = "größer: S.#\r\nähnlich: #.E\n"
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    assert decode((mark + text).encode(encoding), "mine.txt", 1000) == text


@pytest.mark.parametrize(
    ("content", "byte"),
    [
        (b"S.#\n\xff\x00\x01", 4),  # no text in any encoding
        (b"\xff\xfeS\x00.", 4),  # half a character
        (b"\x89PNG\r\n\x1a\n", 0),
    ],
)
def test_what_is_no_text_is_refused_with_the_byte_at_fault(content, byte):
    with pytest.raises(ValueError, match=rf"^mine\.txt: not a text file \(byte {byte}\)"):
        decode(content, "mine.txt", 1000)


def test_text_that_is_too_long_is_refused_however_it_came():
    with pytest.raises(ValueError, match="standard input: larger than 3 bytes"):
        decode(b"four", "standard input", 3)


def test_a_table_has_a_line_for_each_row_under_its_titles():
    assert markdown_table(("a", 1), [("b", None)]) == "| a | 1 |\n| --- | --- |\n| b | None |"
