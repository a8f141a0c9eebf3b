"""Mazes as pictures: black-and-white PNGs that are read, and drawings of answers."""

import io
import itertools

import numpy as np
import pytest
from helpers import board_path
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_maze import maze_of, mazes

from hrm.canvas import PAPER, PATH, RIGHT, WRONG, Canvas
from hrm.tasks.boardpath.boards import random_boards
from hrm.tasks.maze.answers import FLOOR, GOAL, START, WALL
from hrm.tasks.maze.settings import MazeSettings
from hrm.tasks.maze.task import Maze
from hrm.tasks.path_drawing import END_COLOUR, WALL_COLOUR

FEW = settings(deadline=None, max_examples=30, derandomize=True)
TASK = Maze()
COLOURS = np.array([(0, 0, 0), (255, 255, 255), (0, 200, 0), (220, 20, 20)], dtype=np.uint8)
OPEN = maze_of("# ###", "#   #", "### #")


def pixels_of(maze, scale=1):
    return COLOURS[maze].repeat(scale, 0).repeat(scale, 1)


def thinned(maze, wall, room):
    """Pixels whose even rows and columns are `wall` wide and the odd ones `room`."""
    widths = [np.where(np.arange(side) % 2, room, wall) for side in maze.shape]
    return COLOURS[maze].repeat(widths[0], 0).repeat(widths[1], 1)


def all_equal_in_rooms(maze):
    """Whether some pitch cuts the maze into walls and wider rooms that are all of one kind."""
    rows, columns = maze.shape
    for pitch, wall in itertools.product(range(3, 9), range(1, 4)):
        starts = [sorted({*range(0, n, pitch), *range(wall, n, pitch)}) for n in maze.shape]
        ends = [*starts[0][1:], rows], [*starts[1][1:], columns]
        fits = 2 * wall < pitch and rows % pitch == columns % pitch == wall
        boxes = itertools.product(
            zip(starts[0], ends[0], strict=True), zip(starts[1], ends[1], strict=True)
        )
        if fits and all(len(set(maze[slice(*a), slice(*b)].flat)) == 1 for a, b in boxes):
            return True
    return False


def read(tmp_path, pixels, mode="RGB", **keys):
    path = tmp_path / "maze.PNG"
    Image.fromarray(np.asarray(pixels)).convert(mode, **keys).save(path, format="PNG")
    [puzzle] = TASK.read(path)
    return puzzle.input


@FEW
@given(maze=mazes(largest=9), scale=st.integers(1, 7))
def test_a_coloured_picture_is_read_whatever_the_size_of_its_squares(tmp_path_factory, maze, scale):
    assume(not all_equal_in_rooms(maze))
    folder = tmp_path_factory.mktemp("png")
    found = read(folder, pixels_of(maze, scale))
    np.testing.assert_array_equal(found, maze)
    assert found.dtype == np.uint8


@FEW
@given(
    seed=st.integers(0, 999),
    sides=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    wall=st.integers(1, 5),
    more=st.integers(1, 20),
)
def test_thin_walls_and_wide_rooms_are_a_cell_each(tmp_path_factory, seed, sides, wall, more):
    rows, columns = (2 * side + 1 for side in sides)
    task = Maze(MazeSettings(rows=rows, columns=columns, kind="perfect", seed=seed))
    [maze] = task.draw(1, (4,))
    found = read(tmp_path_factory.mktemp("png"), thinned(maze, wall, wall + more))
    np.testing.assert_array_equal(found, maze)


def test_thin_walls_have_openings_too(tmp_path):
    rows = ("# #######", "#   #   #", "# ### # #", "#     # #", "####### #")
    [maze, solved] = maze_of(*rows), maze_of(*rows)
    solved[0, 1], solved[-1, -2] = START, GOAL
    np.testing.assert_array_equal(read(tmp_path, thinned(maze, 2, 14)), solved)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_the_first_opening_is_the_start_in_pictures_of_every_kind(tmp_path, mode):
    found = read(tmp_path, pixels_of(OPEN, 3), mode)
    np.testing.assert_array_equal(found, maze_of("#S###", "#   #", "###G#"))


def test_nearly_black_and_nearly_white_are_walls_and_floor(tmp_path):
    noise = np.random.default_rng(0).integers(0, 90, (12, 20, 1))
    pixels = np.abs(pixels_of(OPEN, 4).astype(int) - noise).astype(np.uint8)
    assert (read(tmp_path, pixels) == maze_of("#S###", "#   #", "###G#")).all()


def test_what_is_transparent_is_floor(tmp_path):
    pixels = np.dstack([np.zeros((3, 5, 3)), np.where(OPEN == WALL, 255, 0)]).astype(np.uint8)
    assert (read(tmp_path, pixels, "RGBA")[1, 1:4] == 1).all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["# ###", "#   #", "#####"], "no squares for the start.*green.*red.*openings"),
        (["# # #", "#   #", "### #"], "no squares for the start.*two openings"),
        (["#  ##", "#   #", "#####"], "no squares for the start.*two openings"),
        (["#S###", "#   #", "### #"], "no squares for the goal"),
        (["#S###", "#S G#", "#####"], "2 squares for the start.*one square green"),
        (["    "] * 4, "1 rows.*2 to 256"),
        (["# ###"], "1 rows.*2 to 256"),
    ],
)
def test_a_picture_without_clear_ends_is_refused(tmp_path, rows, words):
    with pytest.raises(ValueError, match=rf"maze\.PNG: .*{words}"):
        read(tmp_path, pixels_of(maze_of(*rows)))


def test_a_picture_in_other_colours_is_refused(tmp_path):
    for colour in ((128, 128, 128), (30, 90, 220), (250, 240, 120)):
        pixels = pixels_of(OPEN, 2)
        pixels[3, 4] = colour
        with pytest.raises(ValueError, match=r"row 4, column 5 is #.*scale without smoothing"):
            read(tmp_path, pixels)


def test_a_smoothed_picture_is_refused(tmp_path):
    smooth = Image.fromarray(pixels_of(OPEN, 3)).resize((50, 30))
    with pytest.raises(ValueError, match=r"neither dark nor light.*smoothing"):
        read(tmp_path, smooth)


def test_a_picture_with_too_many_cells_or_pixels_is_refused(tmp_path):
    board = (np.indices((300, 300)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(ValueError, match=r"maze\.PNG: 300 rows"):
        read(tmp_path, pixels_of(board))
    with pytest.raises(ValueError, match=r"9000×2 pixels.*scale it down"):
        read(tmp_path, np.zeros((2, 9000, 3), dtype=np.uint8))


def test_damaged_and_foreign_files_are_refused(tmp_path):
    file, path = io.BytesIO(), tmp_path / "a.png"
    Image.fromarray(pixels_of(OPEN, 30)).save(file, format="PNG")
    good = file.getvalue()
    flipped = good[:60] + bytes([good[60] ^ 255]) + good[61:]
    for content in (b"", b"S.\n.G", good[:60], flipped, good[:8] + b"x" * 50):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png: .*PNG"):
            TASK.read(path)
    Image.fromarray(pixels_of(OPEN)).save(path, format="JPEG")
    with pytest.raises(ValueError, match="PNG"):
        TASK.read(path)
    Image.fromarray(np.zeros((4, 4), dtype=np.uint16)).save(path, format="PNG")
    with pytest.raises(ValueError, match="16 bits"):
        TASK.read(path)
    with pytest.raises(ValueError, match=r"none\.png: No such file"):
        TASK.read(tmp_path / "none.png")


def test_boards_are_read_from_pictures_too(tmp_path):
    """With the codes and the limits of board paths."""
    board = next(random_boards(5, 0.3, (1,)))[0]
    maze = np.select([board == code for code in (1, 0, 2, 3)], (WALL, FLOOR, START, GOAL))
    Image.fromarray(pixels_of(maze, 4)).save(tmp_path / "a.png")
    [puzzle] = board_path(5).read(tmp_path / "a.png")
    np.testing.assert_array_equal(puzzle.input, board)
    Image.fromarray(pixels_of(OPEN, 4)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png: 3 rows and 5 columns; this puzzle is square"):
        board_path(5).read(tmp_path / "b.png")


def test_a_folder_of_pictures_is_read_in_the_order_of_the_names(tmp_path):
    several = [maze_of("#S#", "# #", "#G#"), maze_of("#G#", "# #", "#S#"), OPEN]
    for name, maze in zip(("b.png", "a.PNG", "c.png"), several, strict=True):
        Image.fromarray(pixels_of(maze, 2)).save(tmp_path / name, format="PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a.png").write_bytes(b"what another system leaves")
    found = [puzzle.input for puzzle in TASK.read(tmp_path)]
    np.testing.assert_array_equal(found[0], several[1])
    np.testing.assert_array_equal(found[1], several[0])
    assert found[2].shape == (3, 5)
    (tmp_path / "d.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"d\.png: not a PNG picture"):
        TASK.read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: a folder without a PNG picture"):
        TASK.read(tmp_path / "empty")


def drawn(task, side, maze, answer, belief=None):
    canvas = Canvas(maze.shape[1] * side, maze.shape[0] * side, PAPER)
    task.draw_answer(canvas, 0, 0, side, maze, answer, belief)
    return np.asarray(canvas.picture())


def middle(picture, side, row, column):
    return tuple(picture[row * side + side // 2, column * side + side // 2].tolist())


def count(picture, colour):
    """Pixels of about that colour: in small cells, edges are mixed with what lies beside them."""
    return int((np.abs(picture.astype(int) - colour).sum(axis=-1) < 100).sum())


@pytest.mark.parametrize(("shape", "side"), [((9, 9), 60), ((20, 41), 13), ((129, 129), 4)])
def test_an_answer_is_drawn_as_a_line_between_its_markers(shape, side):
    kind = "hard" if shape[0] % 2 == 0 else "perfect"
    task = Maze(MazeSettings(rows=shape[0], columns=shape[1], kind=kind))
    [maze] = task.draw(1, (4,))
    [answer] = task.answer(maze[None])
    plain, solved = drawn(task, side, maze, maze), drawn(task, side, maze, answer)
    assert count(plain, PATH) == 0 and count(solved, PATH) >= (answer == 4).sum()
    assert count(solved, WRONG) == 0
    assert count(solved, RIGHT) > 50 and count(solved, END_COLOUR) > 50
    far = [place for place in np.argwhere(maze == WALL) if abs(place - spots(maze)).min() > 12]
    for place in far or np.argwhere(maze[:1] == WALL):
        assert middle(solved, side, *place) == WALL_COLOUR


def spots(maze):
    return np.argwhere(maze >= START)


@pytest.mark.parametrize("side", [2, 5, 18])
def test_contradictions_are_seen_at_every_size(side):
    maze = maze_of("S    ", "#    ", "    G", "     ", "     ")
    maze = np.pad(maze, 10, constant_values=1)
    wrong = maze.copy()
    wrong[0, -1] = wrong[-1, 0] = WALL
    assert count(drawn(TASK.of_shape(maze.shape), side, maze, maze), WRONG) == 0
    picture = drawn(TASK.of_shape(maze.shape), side, maze, wrong)
    assert count(picture, WRONG) >= 2
    filled = middle(picture, side, 0, 24) == WRONG
    assert filled == (side < 6)  # else a tile with a cross in its corner


def test_belief_in_the_path_shades_cells():
    maze = maze_of("S   ", "   G")
    belief = np.zeros((2, 4, 5))
    belief[1, 0, 4] = belief[0, 2, 1] = 1.0
    picture = drawn(TASK.of_shape((2, 4)), 20, maze, maze, belief)
    plain = drawn(TASK.of_shape((2, 4)), 20, maze, maze)
    assert middle(picture, 20, 1, 0) != middle(plain, 20, 1, 0)
    assert middle(picture, 20, 0, 2) == middle(plain, 20, 0, 2)


def test_the_legend_draws_each_of_its_symbols():
    words = TASK.symbols()
    assert [*words] == [
        "floor",
        "wall",
        "start",
        "goal",
        "path",
        "belief in path",
        "contradicts puzzle",
    ]
    for draw in words.values():
        canvas = Canvas(40, 40, PAPER)
        draw(canvas, 20, 20)
        assert (np.asarray(canvas.picture()) != PAPER).any()
