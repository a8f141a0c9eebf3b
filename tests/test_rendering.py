"""Still pictures of board paths, pixel by pixel where it matters."""

from itertools import combinations

import numpy as np
import pytest
from pictures import (
    KINDS,
    TASK,
    answer_of,
    belief_of,
    board_of,
    cell_picture,
    colours_of,
    differs,
    thought,
)
from PIL import Image

from hrm import canvas
from hrm.files import write_atomic
from hrm.rendering.animation import (
    draw_board,
    draw_frame,
    to_png,
)
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    PATH,
    START,
    WALL,
)
from hrm.tasks.path_drawing import END_COLOUR


@pytest.mark.parametrize("size", [2, 10, 30, 33, 61, 64])
def test_pictures_are_wide_enough_to_read_and_fit_a_page(size):
    board = board_of(size)
    still = draw_board(TASK, board, answer_of(board))
    assert 480 <= still.width == still.height <= 640
    frame = thought(board)[1]
    assert (
        draw_frame(TASK, board, frame, 8, 2).size
        == draw_frame(TASK, board_of(5), thought(board_of(5))[1], 8, 2).size
    )


@pytest.mark.parametrize("size", [10, 30])
def test_kinds_of_cell_differ_by_colour_and_by_shape(size):
    board = board_of(size)
    answer = board.copy()
    answer[2, 2] = PATH
    places = {FLOOR: (2, 5), WALL: (1, 5), START: (0, 0), END: (-1, -1), PATH: (2, 2)}
    picture = draw_board(TASK, board, answer)
    cells = {
        kind: cell_picture(picture, board, row % size, column % size)
        for kind, (row, column) in places.items()
    }
    for one, other in combinations(KINDS, 2):
        colours = [np.asarray(cells[k], dtype=float).mean(axis=(0, 1)) for k in (one, other)]
        assert np.abs(colours[0] - colours[1]).max() > 20, (one, other)
        dark = [np.asarray(cells[k].convert("L")) < 160 for k in (one, other)]
        assert (dark[0] != dark[1]).mean() > 0.08, (one, other)


def test_start_is_round_and_end_is_a_diamond():
    board = board_of(10)
    picture = draw_board(TASK, board, board)
    start, end = (cell_picture(picture, board, place, place) for place in (0, 9))
    aslant = (start.width // 4, start.height // 4)
    assert start.getpixel(aslant) == canvas.RIGHT
    assert end.getpixel(aslant) in (canvas.TILE, canvas.PAPER)
    assert end.getpixel((end.width // 2, end.height // 5)) == END_COLOUR


def test_neighbours_on_the_path_are_joined():
    board = board_of(10)
    answer = board.copy()
    answer[2, 2] = answer[2, 3] = PATH
    joined = cell_picture(draw_board(TASK, board, answer), board, 2, 2)
    answer[2, 3] = FLOOR
    alone = cell_picture(draw_board(TASK, board, answer), board, 2, 2)
    middle = joined.height // 2
    edge = (joined.width - 1, middle)
    assert joined.getpixel(edge) == joined.getpixel((middle, middle)) != alone.getpixel(edge)


@pytest.mark.parametrize(
    ("cell", "claim"),
    [
        ((1, 5), PATH), ((1, 5), FLOOR), ((1, 5), END),
        ((2, 5), WALL), ((2, 5), START), ((2, 5), END),
        ((0, 0), PATH), ((0, 0), FLOOR), ((0, 0), END),
    ],
)  # fmt: skip
def test_cells_that_contradict_the_board_are_marked(cell, claim):
    board = board_of(10)
    answer = board.copy()
    answer[cell] = claim
    right = cell_picture(draw_board(TASK, board, board), board, *cell)
    wrong = cell_picture(draw_board(TASK, board, answer), board, *cell)
    assert canvas.WRONG in colours_of(wrong)
    assert canvas.WRONG not in colours_of(right)


def test_a_path_over_floor_is_not_marked_as_a_contradiction():
    board = board_of(10)
    picture = draw_board(TASK, board, answer_of(board))
    assert canvas.WRONG not in colours_of(picture)


@pytest.mark.parametrize("cell", [(2, 5), (1, 5)])
def test_belief_shades_a_cell_the_more_the_stronger_it_is(cell):
    board = board_of(10)
    shades = []
    for belief in (0.0, 0.3, 0.6, 1.0):
        beliefs = np.zeros(board.shape)
        beliefs[cell] = belief
        picture = cell_picture(draw_board(TASK, board, board, belief_of(beliefs)), board, *cell)
        shade = np.asarray(picture, dtype=float)[20, 20]
        shades.append(shade - canvas.BELIEF)
    distances = [float(np.abs(shade).sum()) for shade in shades]
    assert distances == sorted(distances, reverse=True)
    assert len(set(distances)) == 4
    assert distances[-1] == 0


def test_a_picture_as_png_is_the_picture(tmp_path):
    board = board_of(3)
    picture = draw_board(TASK, board, answer_of(board))
    write_atomic(tmp_path / "a.png", to_png(picture))
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        assert not differs(image, picture)


def test_shapes_that_do_not_fit_are_named():
    board = board_of(4)
    with pytest.raises(ValueError, match=r"answer has shape \(3, 3\), the puzzle \(4, 4\)"):
        draw_board(TASK, board, board_of(3))
    for shape in ((3, 3, 5), (4, 4), (4, 4, 4)):
        with pytest.raises(ValueError, match=rf"belief has shape \({', '.join(map(str, shape))}\)"):
            draw_board(TASK, board, board, np.zeros(shape))
    with pytest.raises(ValueError, match=r"answer has shape \(3, 3\)"):
        draw_frame(TASK, board, thought(board_of(3))[0], 8, 2)


def test_values_out_of_range_are_named():
    board = board_of(4)
    with pytest.raises(ValueError, match=r"the answer holds code 9; codes are 0 to 4"):
        draw_board(TASK, board, np.full_like(board, 9))
    with pytest.raises(ValueError, match=r"the puzzle holds code 9; codes are 0 to 4"):
        draw_board(TASK, np.full_like(board, 9), board)
    for bad in (-0.5, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"belief goes from .*in \[0, 1\]"):
            draw_board(TASK, board, board, np.full((4, 4, 5), bad))
