"""Boards as text: what is read, what is refused and where, what is written."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.tasks.boardpath.boards import END, PATH, START
from hrm.tasks.boardpath.task import BoardPath
from hrm.tasks.grid import Cells
from hrm.tasks.text import LONGEST_LINE, PuzzleTextError

TASK = BoardPath()
FEW = settings(deadline=None, max_examples=100, derandomize=True)
GOOD = "S.\n.E\n"


def parse_boards(text: str, source: str = "boards") -> list[Cells]:
    return [puzzle.input for puzzle in TASK.parse(text, source)]


def read_boards(file) -> list[Cells]:
    puzzles = TASK.read(file)
    assert all(puzzle.answer is None for puzzle in puzzles)
    return [puzzle.input for puzzle in puzzles]


@st.composite
def boards(draw, largest=7):
    size = draw(st.integers(2, largest))
    cells = draw(st.lists(st.integers(0, 1), min_size=size**2, max_size=size**2))
    start, end = draw(st.lists(st.integers(0, size**2 - 1), min_size=2, max_size=2, unique=True))
    cells[start], cells[end] = START, END
    return np.array(cells, dtype=np.uint8).reshape(size, size)


@st.composite
def texts_with_boards(draw):
    """Boards, and a text that means them, with everything the format lets people do."""
    given_boards = draw(st.lists(boards(), min_size=1, max_size=3))
    noise = st.lists(st.sampled_from(["// a comment", "  // S . E *", "//"]), max_size=2)
    blank = st.lists(st.sampled_from(["", "   ", "\t"]), min_size=1, max_size=2)
    lines = [*draw(st.lists(st.sampled_from(["", " ", "// first"]), max_size=2))]
    for board in given_boards:
        for row in board:
            lines += draw(noise)
            separator = draw(st.sampled_from(["", " ", "  ", "\t"]))
            padding = draw(st.sampled_from(["", " ", "   "]))
            lines.append(padding + separator.join(".#SE"[code] for code in row) + padding)
        lines += draw(blank)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(lines)
    return given_boards, draw(st.sampled_from(["", "\ufeff"])) + text


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.uint8


def assert_valid(board):
    assert board.ndim == 2 and board.shape[0] == board.shape[1]
    assert 2 <= len(board) <= 64
    assert (board == START).sum() == (board == END).sum() == 1
    assert board.max() < PATH


@FEW
@given(st.lists(boards(), min_size=1, max_size=4))
def test_what_is_formatted_is_read_back(given_boards):
    assert_same(parse_boards(TASK.format_all(given_boards)), given_boards)
    for separator in ("", " ", "  "):
        rows = (map(separator.join, TASK.rows(board)) for board in given_boards)
        spaced = "\n\n".join(map("\n".join, rows))
        assert_same(parse_boards(spaced), given_boards)


@FEW
@given(texts_with_boards())
def test_comments_blank_lines_spaces_and_line_ends_do_not_matter(case):
    given_boards, text = case
    assert_same(parse_boards(text), given_boards)


def test_board_text_looks_as_people_know_it():
    board = np.array([[2, 0, 1], [1, 0, 0], [1, 1, 3]], dtype=np.uint8)
    answer = np.array([[2, 4, 1], [1, 4, 4], [1, 1, 3]], dtype=np.uint8)
    assert TASK.format(board) == "S . #\n# . .\n# # E"
    assert TASK.format(answer, answer=True) == "S * #\n# * *\n# # E"
    assert TASK.rows(answer, answer=True) == ["S*#", "#**", "##E"]
    assert TASK.format_all([board, board]) == "S.#\n#..\n##E\n\nS.#\n#..\n##E\n"


@pytest.mark.parametrize("size", [2, 64])
def test_smallest_and_largest_boards_are_read(size):
    board = np.zeros((size, size), dtype=np.uint8)
    board[0, 0], board[-1, -1] = START, END
    assert_same(parse_boards(TASK.format_all([board])), [board])


def test_a_comment_does_not_end_a_board_and_a_blank_line_does():
    assert len(parse_boards("S.\n// between\n.E")) == 1
    assert len(parse_boards("S.\n.E\n \nS.\n.E")) == 2
    with pytest.raises(PuzzleTextError, match="line 1, column 1: the board has 1 rows"):
        parse_boards("S.\n\n.E")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("S.\n.x\n", "line 2, column 2", "unexpected 'x'"),
        ("S .\n. x\n", "line 2, column 3", "unexpected 'x'"),
        ("s.\n.E\n", "line 1, column 1", "unexpected 's'"),
        ("S*\n.E\n", "line 1, column 2", r"unexpected '\*'"),
        ("S.\n.\u0405\n", "line 2, column 2", "unexpected"),
        ("S. // note\n.E\n", "line 1, column 4", "unexpected '/'"),
        ("S..\n..\n..E\n", "line 2, column 2", "2 cells in this row.* 3 rows.*square"),
        ("S..\n....\n..E\n", "line 2, column 4", "4 cells in this row.* 3 rows.*square"),
        ("S..\n..E\n", "line 1, column 3", "3 cells in this row.* 2 rows.*square"),
        ("S.\n..\n.E\n", "line 1, column 2", "2 cells in this row.* 3 rows.*square"),
        ("SS\n.E\n", "line 1, column 2", "second S.*line 1"),
        ("S.\nSE\n", "line 2, column 1", "second S.*line 1"),
        ("SE\n. E\n", "line 2, column 3", "second E.*line 1"),
        ("S.\n..\n", "line 1, column 1", "no E"),
        ("E.\n..\n", "line 1, column 1", "no S"),
        ("..\n..\n", "line 1, column 1", "no S"),
        (("." * 257 + "\n") * 257, "line 1, column 1", "257 rows.* 2 to 256"),
        ("." * 65 + "\n" + "." * 65, "line 1, column 3", "65 cells"),
        ("S\n", "line 1, column 1", "1 rows.* 2 to 256"),
        ("SE\n", "line 1, column 1", "1 rows.* 2 to 256"),
        ("", "line 1, column 1", "no board found"),
        (" \n\n\t\n", "line 1, column 1", "no board found"),
        ("// nothing but words\n", "line 1, column 1", "no board found"),
        ("\ufeff", "line 1, column 1", "no board found"),
        # Lines are those of the whole text, and a byte order mark is no column.
        ("// one\n\nS.\n.E\n\n// six\nS.\n// eight\n.?\n", "line 9, column 2", r"unexpected '\?'"),
        ("S.\r\n.E\r\n\r\nS.\r\n.?\r\n", "line 5, column 2", r"unexpected '\?'"),
        ("\n\nS.\n..\n", "line 3, column 1", "no E"),
        ("\n  . .\n  S .\n", "line 2, column 3", "no E"),
        (
            f"S.\n.{' ' * LONGEST_LINE}E",
            f"line 2, column {LONGEST_LINE + 1}",
            "longer than 100,000",
        ),
        ("\ufeffS?\n.E\n", "line 1, column 2", r"unexpected '\?'"),
    ],
)
def test_malformed_text_is_refused_with_its_place(text, place, problem):
    with pytest.raises(PuzzleTextError, match=rf"^mine: {place}: .*{problem}"):
        parse_boards(text, source="mine")


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("S*\n.E\n", "line 1, column 2", r"answers only; write \. there"),
        ("S.\n.G\n", "line 2, column 2", "the end is E here"),
        ("SX\n.E\n", "line 1, column 2", "write walls as #"),
        ("S█\n.E\n", "line 1, column 2", "write walls as #"),
        ("0 1\n1 0\n", "line 1, column 1", r"floor as \. and walls as #"),
        ("S,.\n.,E\n", "line 1, column 2", "no commas"),
        ("+--+\n|SE|\n+--+\n", "line 1, column 1", "a symbol for each cell"),
        ('{"board": "S."}', "line 1, column 1", "give the rows themselves"),
        ("S #\n# E\n###\n", "line 1, column 3", r"Write floor as \. \(a space is no cell\)"),
    ],
)
def test_what_other_programs_write_is_refused_with_what_to_write_here(text, place, remedy):
    with pytest.raises(PuzzleTextError, match=f"^boards: {place}: .*{remedy}"):
        parse_boards(text)


SCRAPS = ["S", "E", ".", "#", "*", " ", "\n", "\n", "\n\n", "\r\n", "//", "\ufeff", "\x0c", "\x00"]


@settings(FEW, max_examples=300)
@given(st.one_of(st.text(), st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join)))
def test_any_text_is_boards_or_a_puzzle_text_error(text):
    try:
        found = parse_boards(text)
    except PuzzleTextError as error:
        assert str(error).startswith("boards: line ")
    else:
        assert found
        for board in found:
            assert_valid(board)


@settings(FEW, max_examples=200)
@given(boards(largest=4), st.integers(0, 200), st.sampled_from([*".#SE* x\n", ""]))
def test_a_slip_of_the_finger_gives_a_valid_board_or_an_error(board, position, slip):
    text = TASK.format_all([board])
    position %= len(text)
    try:
        found = parse_boards(text[:position] + slip + text[position + 1 :])
    except PuzzleTextError:
        return
    for one in found:
        assert_valid(one)


def test_files_are_read_with_and_without_a_byte_order_mark(tmp_path):
    expected = parse_boards(GOOD)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / encoding
        file.write_bytes(GOOD.replace("\n", "\r\n").encode(encoding))
        assert_same(read_boards(file), expected)
        assert_same(read_boards(str(file)), expected)


def test_file_errors_name_the_file(tmp_path):
    wrong, binary = tmp_path / "wrong.txt", tmp_path / "binary.txt"
    wrong.write_text("S.\n.e\n")
    binary.write_bytes(b"S.\n.E\n\xff\xfe\x00")
    with pytest.raises(PuzzleTextError, match=r"wrong\.txt: line 2, column 2: unexpected 'e'"):
        read_boards(wrong)
    with pytest.raises(ValueError, match=r"binary\.txt: not a text file \(byte 6\)"):
        read_boards(binary)
    with pytest.raises(ValueError, match=r"missing\.txt: No such file"):
        read_boards(tmp_path / "missing.txt")
    with pytest.raises(ValueError, match=tmp_path.name):
        read_boards(tmp_path)


def test_a_dash_is_standard_input(monkeypatch):
    def read(content: bytes):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return read_boards("-")

    assert_same(read(GOOD.encode()), parse_boards(GOOD))
    with pytest.raises(
        PuzzleTextError, match="standard input: line 1, column 1: the board has no E"
    ):
        read(b"S.\n..")
    with pytest.raises(ValueError, match="standard input: not a text file"):
        read(b"S.\n.E\n\xff\x00")
