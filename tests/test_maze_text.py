"""Mazes as text: what people type, print and draw, and what is refused with its place."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_maze import GLYPHS, maze_of, mazes, plain_search

from hrm.tasks.maze.answers import FLOOR, GOAL, PATH, START, WALL
from hrm.tasks.maze.settings import MazeSettings
from hrm.tasks.maze.task import Maze
from hrm.tasks.text import PuzzleTextError

FEW = settings(deadline=None, max_examples=100, derandomize=True)
TASK = Maze()
SMALL = maze_of("#####", "#S G#", "#####")


def parse(text):
    return TASK.parse(text, "mine")


def assert_read(text, *expected):
    found = parse(text)
    assert len(found) == len(expected)
    for puzzle, maze in zip(found, expected, strict=True):
        np.testing.assert_array_equal(puzzle.input, maze)
        assert puzzle.input.dtype == np.uint8
        assert puzzle.answer is None


@FEW
@given(st.lists(mazes(largest=7), min_size=1, max_size=3))
def test_what_is_printed_is_read_back(given_mazes):
    assert_read(TASK.format_all(given_mazes), *given_mazes)
    for maze in given_mazes:
        assert_read(TASK.format(maze), maze)
        assert TASK.format(maze) == "\n".join("".join(GLYPHS[c] for c in row) for row in maze)


@FEW
@given(mazes(largest=6), st.data())
def test_other_floors_digits_spaces_and_comments_mean_the_same(maze, data):
    glyphs = data.draw(st.sampled_from(["#.SG*", "#.SEo", "10SGo", "10SE*"]))
    assume("#" in glyphs or np.isin(maze, (WALL, FLOOR)).any())
    assume("#" not in glyphs or (maze == FLOOR).any())
    between = [" ", "", "  ", "\t"] + ([",", ", "] if "1" in glyphs else [])
    lines = []
    for row in maze:
        gap, margin = data.draw(st.sampled_from(between)), data.draw(st.sampled_from(["", "  "]))
        lines += data.draw(st.lists(st.just("  // S # .."), max_size=1))
        lines.append(margin + gap.join(glyphs[code] for code in row) + margin)
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    mark, blank = data.draw(st.sampled_from(["", "\ufeff"])), data.draw(st.sampled_from(["", " "]))
    text = end.join(lines)
    assert_read(mark + text + end + blank + end + text, maze, maze)


@FEW
@given(mazes(largest=6))
def test_a_marked_shortest_path_is_the_given_answer(maze):
    answer = plain_search(maze)
    assume(answer is not None and (answer == PATH).any())
    for mark in "o*":
        text = TASK.format(answer, answer=True).replace("o", mark)
        [puzzle] = parse(text)
        np.testing.assert_array_equal(puzzle.input, maze)
        np.testing.assert_array_equal(puzzle.answer, answer)


def test_any_shortest_path_may_be_given():
    [puzzle] = parse("So\n G")
    np.testing.assert_array_equal(puzzle.answer, maze_of("So", " G"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Soo\n# o\nGoo", "5 cells where 3 are enough.*leave the marks out"),
        ("S \no#\nG*", "2 cells where 1 are enough"),
        ("S o\n  #\n  G", "does not join"),
        ("So\n##\n G", "does not join"),
    ],
)
def test_a_wrong_path_is_refused(text, words):
    with pytest.raises(PuzzleTextError, match=f"mine: line 1, column 1: .*{words}"):
        parse(text)


def test_spaces_at_the_ends_of_lines_are_cells():
    assert_read(" S \n   \n G ", maze_of(" S ", "   ", " G "))
    assert_read("   \nS G\n   \n\n  \nSG", maze_of("   ", "S G", "   "), maze_of("  ", "SG"))


def test_shortened_lines_are_filled_up_where_the_right_side_is_open():
    assert_read("# #\nS\n #G", maze_of("# #", "S  ", " #G"))
    with pytest.raises(PuzzleTextError, match=r"line 2, column 4: 3 cells.*5 in the longest"):
        parse("#####\n#S \n#  G#\n#####")


def ascii_drawing(maze, width, height):
    """As many programs print mazes: + at every post, rooms of some characters."""
    lines = []
    for row in range(maze.shape[0]):
        line = ""
        for column in range(maze.shape[1]):
            is_wall, is_room_column = maze[row, column] == WALL, column % 2 == 1
            if row % 2 == 0:
                symbol = "-" if is_room_column else "+"
                line += (symbol if is_wall else " ") * (width if is_room_column else 1)
            elif is_room_column:
                mark = GLYPHS[maze[row, column]]
                line += mark.center(width) if width > 1 else mark
            else:
                line += "|" if is_wall else " "
        lines += [line] if row % 2 == 0 else [line] + [unmarked(line)] * (height - 1)
    return "\n".join(line.rstrip() for line in lines)


def unmarked(line):
    return "".join(" " if symbol in "SGo" else symbol for symbol in line)


BOX = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"


def box_drawing(maze, width):
    """Lines that join where neighbours are walls: up 1, down 2, left 4, right 8."""
    rimmed = np.pad(maze == WALL, 1)
    lines = []
    for row in range(maze.shape[0]):
        line = ""
        for column in range(maze.shape[1]):
            mark = GLYPHS[maze[row, column]]
            if maze[row, column] == WALL:
                r, c = row + 1, column + 1
                around = rimmed[r - 1, c], rimmed[r + 1, c], rimmed[r, c - 1], rimmed[r, c + 1]
                mark = BOX[sum(2**i for i, wall in enumerate(around) if wall)]
            times = width if column % 2 else 1
            line += mark * times if maze[row, column] == WALL else mark.center(times)
        lines.append(line)
    return "\n".join(lines)


@FEW
@given(st.integers(0, 99), st.sampled_from([(9, 9), (5, 13), (11, 7)]), st.data())
def test_wall_drawings_become_lattices(seed, shape, data):
    config = MazeSettings(kind="perfect", rows=shape[0], columns=shape[1])
    [maze] = Maze(config).draw(1, (seed,))
    text = ascii_drawing(maze, data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3)))
    indent = data.draw(st.sampled_from(["", "   "]))
    assert_read("\n".join(indent + line for line in text.splitlines()), maze)
    # In some maze no upright line may stand in any but every other column of posts.
    uprights = {c for c in range(0, shape[1], 2) if (maze[1::2, c] == WALL).any()}
    assume(uprights == set(range(0, shape[1], 2)))
    assert_read(box_drawing(maze, data.draw(st.integers(1, 5))), maze)


def test_a_drawing_as_in_the_manual():
    text = "+---+---+\n| S     |\n+   +---+\n|     G |\n+---+---+"
    maze = maze_of("#####", "#S  #", "# ###", "#  G#", "#####")
    assert_read(text, maze)
    assert_read("┌───────┐\n│ S     │\n│   ╶───┤\n│     G │\n└───────┘", maze)
    assert_read("╔═══════╗\n║ S     ║\n║   ╚═══╣\n║     G ║\n╚═══════╝", maze)


def test_a_path_may_be_marked_in_a_drawing():
    [puzzle] = parse("+---+---+\n| S * * |\n+---+ * +\n|     G |\n+---+---+")
    expected = maze_of("#####", "#S  #", "### #", "#  G#", "#####")
    np.testing.assert_array_equal(puzzle.input, expected)
    np.testing.assert_array_equal(puzzle.answer, plain_search(expected))


def test_openings_of_a_drawing_are_start_and_goal():
    text = "+---+---+\n|        \n+   +---+\n|       |\n+---+   +"
    assert_read(text, maze_of("#####", "#   S", "# ###", "#   #", "###G#"))
    with pytest.raises(PuzzleTextError, match="no S"):
        parse(text[:-4] + "---+")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("S \nxG", "line 2, column 1", "unexpected 'x'.*write # for wall"),
        ("s \n G", "line 1, column 1", "unexpected 's'.*S for start"),
        ("S.\n.x", "line 2, column 2", "unexpected 'x'"),
        ("S .\n. x", "line 2, column 3", "unexpected 'x'"),
        ("S 0\n1 2", "line 2, column 3", "unexpected '2'.*write 1 for wall"),
        ("S0#\n1.G", "line 1, column 2", "unexpected '0'"),
        ("S\t\n G", "line 1, column 2", r"unexpected '\\t'"),
        ("SS\n G", "line 1, column 2", "second S .*line 1, column 1.*leave one"),
        ("SG\n E", "line 2, column 2", "second E .*line 1, column 2"),
        ("  \n G", "line 1, column 3", "no S"),
        ("S.\n..", "line 1, column 1", "no G"),
        ("SG", "line 1, column 1", "1 rows.*2 to 256"),
        ("S\nG", "line 1, column 1", "1 columns.*2 to 256"),
        ("SG" + " " * 255 + "\n ", "line 2, column 2", "a line of spaces.*make it empty"),
        (("#" * 256 + "\n") * 256 + "S" + "G" * 255, "line 257, column 3", "second G"),
        (("#" * 256 + "\n") * 255 + "SG" + "#" * 254 + "\n" + "#" * 256, "line 1", "257 rows"),
        ("S..\n..\n..G", "line 2, column 2", "2 cells in this row, but 3 in the first"),
        ("S1G\n00", "line 2, column 2", "2 cells in this row, but 3"),
        ("# .#\n#S.G", "line 1, column 4", "spaces between some cells.*all or none"),
        ("1,0,10\nS,0,0,G", "line 1, column 6", "spaces between some cells"),
        ("#S#\n  \n#G#", "line 2, column 3", "a line of spaces that is no row of 3 cells"),
        ("+-+\n|S|\n+x+", "line 3, column 2", "unexpected 'x'; in a drawing"),
        ("+-+\n|S#\n+-+", "line 1, column 1", "unexpected '\\+'; write #"),
        (" _ _\n|S G|", "line 1, column 2", "unexpected '_'"),
        ("┌──╱\n│SG│", "line 1, column 4", "unexpected '╱'"),
        ("+---+\n|S G|\n+---+", "line 2, column 2", "two marks in a room"),
        ("+---+---+\n|S   G  |\n+-- +---+", "line 3, column 2", "half a wall"),
        ("+---+\n|   |\n+---+", "line 1, column 1", "no S"),
        ("", "line 1, column 1", "no maze found; write #"),
        ("\n  \n\t\n// S G\n", "line 1, column 1", "no maze found"),
        ("S." + " " * 100_000, "line 1, column 100001", "longer than 100,000"),
        ("// one\n\nS.\n.G\n\nS.\n.?", "line 7, column 2", r"unexpected '\?'"),
        ("\ufeffS?\n.G", "line 1, column 2", r"unexpected '\?'"),
    ],
)
def test_malformed_text_is_refused_with_its_place(text, place, problem):
    with pytest.raises(PuzzleTextError, match=rf"^mine: {place}.*{problem}"):
        parse(text)


SCRAPS = [
    *"SGEo*#.01 +-|,x",
    " ",
    "\n",
    "\n",
    "\n\n",
    "  ",
    "//",
    "┌",
    "─",
    "│",
    "\t",
    "\x0c",
    "\x00",
]


@settings(FEW, max_examples=300)
@given(st.one_of(st.text(), st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join)))
def test_any_text_is_mazes_or_one_error_with_its_place(text):
    try:
        found = parse(text)
    except PuzzleTextError as error:
        assert str(error).startswith("mine: line ") and "\n" not in str(error)
    else:
        for puzzle in found:
            assert TASK.complaint(puzzle.input) is None
            assert set(np.unique(puzzle.input)) <= {WALL, FLOOR, START, GOAL}
            assert min(puzzle.input.shape) >= 2
            if puzzle.answer is not None:
                assert TASK.check(puzzle.input[None], puzzle.answer[None]).all()


@settings(FEW, max_examples=200)
@given(mazes(largest=4), st.integers(0, 99), st.sampled_from([*GLYPHS, ".", "x", "\n", ""]))
def test_a_slip_of_the_finger_gives_a_maze_or_an_error(maze, position, slip):
    text = TASK.format(maze)
    position %= len(text)
    try:
        found = parse(text[:position] + slip + text[position + 1 :])
    except PuzzleTextError:
        return
    for puzzle in found:
        assert TASK.complaint(puzzle.input) is None


def test_files_and_standard_input_are_read(tmp_path):
    file = tmp_path / "mazes.txt"
    file.write_text(TASK.format_all([SMALL, SMALL]))
    assert len(TASK.read(file)) == 2
    file.write_text("S.\n.g\n")
    with pytest.raises(PuzzleTextError, match=r"mazes\.txt: line 2, column 2: unexpected 'g'"):
        TASK.read(file)
