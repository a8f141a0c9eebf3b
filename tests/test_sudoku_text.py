"""Sudoku as text: every layout is read back, every mistake is named with its line and column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.randomness import Numbers
from hrm.tasks.sudoku.generator import draw
from hrm.tasks.sudoku.plain_generator import Plan
from hrm.tasks.sudoku.rules import SIZES
from hrm.tasks.sudoku.solver import solve
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings
from hrm.tasks.text import PuzzleTextError

FEW = settings(deadline=None, max_examples=60, derandomize=True)

TASKS = {size: Sudoku(SudokuSettings(size=size)) for size in SIZES}
GLYPHS = ".123456789ABCDEFG"


def puzzles_of(size: int, count: int, seed: int = 0) -> np.ndarray:
    """Full grids with any number of cells open."""
    plan = Plan(size * size - 1, 0, 1)
    full = solve(draw(size, plan, count, (seed, size))).solutions
    numbers = Numbers(seed, 1)
    kept = numbers.uniform(full.shape) < numbers.uniform((count, 1, 1))
    return np.where(kept, full, 0).astype(np.uint8)


POOLS = {size: puzzles_of(size, 12) for size in SIZES}
many = st.sampled_from(SIZES).flatmap(
    lambda size: st.lists(st.sampled_from(list(POOLS[size])), min_size=1, max_size=5)
)


def line_of(puzzle: np.ndarray) -> str:
    return "".join(GLYPHS[code] for code in puzzle.ravel())


def inputs(task: Sudoku, text: str) -> list[np.ndarray]:
    found = task.parse(text)
    assert all(puzzle.answer is None for puzzle in found)
    return [puzzle.input for puzzle in found]


def same(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


@FEW
@given(many)
def test_what_is_written_is_read_back(puzzles):
    task = TASKS[len(puzzles[0])]
    assert same(inputs(task, task.format_all(puzzles)), puzzles)
    assert same(inputs(task, "\n\n".join(task.format(puzzle) for puzzle in puzzles)), puzzles)
    rows = ["\n".join(task.rows(puzzle)) for puzzle in puzzles]
    assert same(inputs(task, "\n\n".join(rows)), puzzles)


@FEW
@given(many, st.sampled_from(list(".0_*")), st.booleans())
def test_open_cells_and_letters_are_read_in_each_way_of_writing_them(puzzles, symbol, small):
    task = TASKS[len(puzzles[0])]
    text = "\n".join(map(line_of, puzzles)).replace(".", symbol)
    assert same(inputs(task, text.lower() if small else text), puzzles)


@pytest.mark.parametrize("size", SIZES)
def test_a_drawing_has_spaces_between_cells_and_lines_between_boxes(size):
    task, puzzle = TASKS[size], POOLS[size][0]
    lines = task.format(puzzle).splitlines()
    box_rows, box_columns = task.rules.box
    assert len({len(line) for line in lines}) == 1
    assert [set(line) <= {"-", "+"} for line in lines].count(True) == size // box_rows - 1
    assert lines[0].count("|") == size // box_columns - 1
    bars = [i for i, symbol in enumerate(lines[0]) if symbol == "|"]
    assert [i for i, symbol in enumerate(lines[box_rows]) if symbol == "+"] == bars


NINE = POOLS[9][3]
ROWS = [line_of(row) for row in NINE]

LAYOUTS = {
    "spaces": "\n".join(" ".join(row) for row in ROWS),
    "bands": "\n\n".join("\n".join(ROWS[i : i + 3]) for i in (0, 3, 6)),
    "stacks": "\n".join(f"{row[:3]} {row[3:6]}  {row[6:]}" for row in ROWS),
    "frame": "+---+---+---+\n"
    + "\n+---+---+---+\n".join(
        "\n".join(f"|{row[:3]}|{row[3:6]}|{row[6:]}|" for row in ROWS[i : i + 3]) for i in (0, 3, 6)
    )
    + "\n+===+===+===+",
    "a line with spaces": " ".join(ROWS),
    "comments": "// a puzzle\n" + line_of(NINE) + "\n// the end",
    "line ends of Windows, byte order mark": "\ufeff" + "\r\n".join(ROWS) + "\r\n\r\n",
    "bars alone": "\n".join([*ROWS[:3], "   |   |   ", *ROWS[3:]]),
    "a list in one column": "question\n" + line_of(NINE),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_puzzle_is_read_from(layout):
    assert same(inputs(TASKS[9], LAYOUTS[layout]), [NINE])


def test_puzzles_of_several_sizes_and_layouts_come_in_their_order():
    puzzles = [POOLS[size][1] for size in (9, 4, 6, 9)]
    texts = [line_of(puzzles[0]), TASKS[4].format(puzzles[1]), TASKS[6].format(puzzles[2])]
    assert same(inputs(TASKS[9], "\n\n".join([*texts, line_of(puzzles[3])])), puzzles)


def test_sixteen_symbols_in_a_line_are_a_row_or_a_puzzle():
    low = np.where(POOLS[16][1] <= 4, POOLS[16][1], 0).astype(np.uint8)  # no digit above 4
    rows = "\n".join(map(line_of, low))
    assert same(inputs(TASKS[16], rows), [low])
    assert len(inputs(TASKS[9], "\n".join(map(line_of, POOLS[4])))) == len(POOLS[4])
    assert same(inputs(TASKS[9], TASKS[16].format(low)), [low])
    full = solve(draw(16, Plan(200, 0, 1), 1, (3,))).solutions[0]
    assert same(inputs(TASKS[9], "\n".join(map(line_of, full))), [full])


def listed(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_list_gives_puzzles_with_their_answers():
    puzzles = draw(9, Plan(0, 0, 6), 3, (5,))
    answers = solve(puzzles).solutions
    rows = [
        f'"some, one",{line_of(puzzle)},{line_of(answer)},{i}'
        for i, (puzzle, answer) in enumerate(zip(puzzles, answers, strict=True))
    ]
    found = TASKS[9].parse(listed("source,Question,answer,rating", *rows))
    assert same([puzzle.input for puzzle in found], list(puzzles))
    assert same([p.answer for p in found if p.answer is not None], list(answers))
    swapped = listed("answer,question", f"{line_of(answers[0])},{line_of(puzzles[0])}")
    found = TASKS[4].parse(swapped)[0]
    assert found.answer is not None and (found.answer == answers[0]).all()


def test_an_answer_may_be_left_empty():
    found = TASKS[9].parse(listed("question,answer", line_of(NINE) + ","))
    assert found[0].answer is None


ONE = draw(9, Plan(40, 0, 6), 1, (5,))[0]
LINE, ANSWER = line_of(ONE), line_of(solve(ONE[None]).solutions[0])
FIRST_GIVEN = next(i for i, symbol in enumerate(LINE) if symbol != ".")
FIRST_OPEN = LINE.index(".")


def with_symbol(text: str, place: int, symbol: str) -> str:
    return text[:place] + symbol + text[place + 1 :]


def other_digit(symbol: str) -> str:
    return "1" if symbol != "1" else "2"


MISTAKES = {
    "nothing": ("", 1, 1, "no puzzle found"),
    "comments alone": ("// nothing\n\n", 1, 1, "no puzzle found"),
    "a line too short": (f"{LINE}\n{LINE[:-1]}", 2, 80, "80 cells; .* 81"),
    "a line too long": (f"{LINE}.", 1, 82, "82 cells; .* 81"),
    "a bad symbol": (with_symbol(LINE, 7, "x"), 1, 8, "unexpected 'x'; .* 1 to 9"),
    "a symbol of no alphabet here": (with_symbol(LINE, 7, "９"), 1, 8, "unexpected"),
    "prose": ("  hello", 1, 3, "unexpected 'h'"),
    "a digit too large": ("7" + "." * 35, 1, 1, "unexpected '7'; cells are 1 to 6"),
    "a letter in a 9×9 puzzle": (with_symbol(LINE, 80, "A"), 1, 81, "unexpected 'A'"),
    "a row too short": ("\n".join([*ROWS[:4], ROWS[4][:8], *ROWS[5:]]), 5, 8, "8 cells; .* has 9"),
    "a row too few": ("\n".join(ROWS[:8]), 1, 1, "8 rows of 9 cells; a puzzle has 9"),
    "a row too few in one of two": ("\n".join(ROWS[:8]) + "\n\n" + "\n".join(ROWS), 1, 1, "8 rows"),
    "a row too many": ("\n".join([*ROWS, "." * 9]), 1, 1, "10 rows of 9 cells"),
    "a band missing": ("\n".join(ROWS[:6]) + "\n\n" + LINE, 7 + 1, 81, "81 cells; .* has 9"),
    "bands missing at the end": ("\n".join(ROWS[:6]), 1, 1, "6 rows of 9 cells"),
    "a row among lines": (f"{LINE}\n{ROWS[0]}", 2, 9, "9 cells; the lines before"),
    "twice in a row": ("55" + "." * 79, 1, 2, "digit 5 stands twice in row 1"),
    "twice in a column": ("5........\n" * 2 + ".........\n" * 7, 2, 1, "twice in column 1"),
    "twice in a box": (
        "\n".join(". . . | . . . | . . ." for _ in range(7))
        + "\n. . . | . . . | 3 . .\n. . . | . . . | . . 3",
        9,
        21,
        r"digit 3 stands twice in box 9 \(row 8, column 7; row 9, column 9\)",
    ),
    "a list without questions": (f"puzzle,answer\n{LINE},{ANSWER}", 1, 1, "named question"),
    "a list without a header": (f"{LINE},{ANSWER}", 1, 1, "named question"),
    "a list without rows": ("question,answer\n", 1, 1, "no puzzle found below"),
    "a field missing": (f"question,answer\n{LINE}", 2, 81, "fields: 1, .* 2 columns"),
    "a field too many": (f"question,answer\n{LINE},,", 2, 83, "fields: 3, .* 2 columns"),
    "a short question": (f"question,answer\n{LINE[1:]},{ANSWER}", 2, 80, "80 cells; .* 81"),
    "an empty question": (f"question,answer\n,{ANSWER}", 2, 1, "0 cells"),
    "a bad symbol in a question": (f"a,question\n,{with_symbol(LINE, 4, '?')}", 2, 6, "'[?]'"),
    "a clash in a question": ("a,question\nxy,77" + "." * 79, 2, 5, "digit 7 stands twice"),
    "a short answer": (f"question,answer\n{LINE},{ANSWER[1:]}", 2, 162, "80 cells; .* has 81"),
    "a bad symbol in an answer": (
        f"question,answer\n{LINE},{with_symbol(ANSWER, 0, '!')}",
        2,
        83,
        "unexpected '!'",
    ),
    "an answer with an open cell": (
        f"question,answer\n{LINE},{with_symbol(ANSWER, FIRST_OPEN, '.')}",
        2,
        83 + FIRST_OPEN,
        "leaves this cell open",
    ),
    "an answer of another puzzle": (
        f"question,answer\n{with_symbol(LINE, FIRST_GIVEN, '.')},{ANSWER}\n{LINE},"
        + with_symbol(ANSWER, FIRST_GIVEN, other_digit(LINE[FIRST_GIVEN])),
        3,
        83 + FIRST_GIVEN,
        f"the answer has . where the puzzle has {LINE[FIRST_GIVEN]}",
    ),
    "an answer against the rules": (
        f"question,answer\n{'.' * 81},{'1' * 81}",
        2,
        84,
        "in the answer, digit 1 stands twice in row 1",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_line_and_column(mistake):
    text, line, column, words = MISTAKES[mistake]
    with pytest.raises(PuzzleTextError, match=words) as raised:
        TASKS[9].parse(text, "my.txt")
    assert str(raised.value).startswith(f"my.txt: line {line}, column {column}: ")
    assert "\n" not in str(raised.value)


def test_a_file_is_named_in_its_errors(tmp_path):
    file = tmp_path / "puzzles.txt"
    file.write_text(f"{LINE}\n{LINE[:-1]}\n")
    with pytest.raises(ValueError, match=r"puzzles\.txt: line 2, column 80"):
        TASKS[9].read(file)
    file.write_text(f"{LINE}\n" * 3)
    assert same([puzzle.input for puzzle in TASKS[9].read(file)], [ONE] * 3)


@settings(deadline=None, max_examples=400, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet=".0123456789AGg|-+= \t,\"'\r/x\x00\u2028é", max_size=40),
            st.sampled_from([LINE, *ROWS, "question,answer", f"{LINE},{ANSWER}", "", ". " * 8]),
        ),
        max_size=20,
    ).map("\n".join),
    st.sampled_from(SIZES),
)
def test_any_text_is_puzzles_or_a_named_mistake(text, size):
    try:
        found = TASKS[size].parse(text)
    except PuzzleTextError:
        return
    assert found and all(len(puzzle.input) in SIZES for puzzle in found)
