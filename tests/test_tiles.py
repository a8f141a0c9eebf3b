"""The default drawing: what is given, what is answered, how surely, and what is wrong can be told
apart."""

from collections import Counter

import numpy as np
import pytest

from hrm import Code, Task
from hrm.canvas import BELIEF, PAPER, TILE, WRONG, Canvas
from hrm.rendering.animation import draw_board, draw_frame
from hrm.rendering.frame import Frame
from hrm.rendering.legend import draw_legend
from hrm.tasks import tiles
from hrm.tasks.grid import NONE

SIDE = 180
"""Pixels of a cell of a picture with three cells on a side."""


class Fill(Task):
    """Fill open cells with red or blue."""

    class Config(Task.Config):
        size: int = 3

    codes = (Code(".", "open"), Code("r", "red"), Code("b", "blue"))
    open_code = 0


class Mark(Task):
    """Mark cells of a dark and light board."""

    class Config(Task.Config):
        size: int = 3

    codes = (Code(".", "light"), Code("#", "dark", (55, 65, 81)))
    answer_codes = (Code(".", "leave"), Code("x", "mark"))


class Painted(Fill):
    """The same with colours."""

    codes = (Code(".", "open"), Code("r", "red", (200, 0, 0)), Code("b", "blue", (0, 0, 200)))


PUZZLE = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 1]], dtype=np.uint8)
ANSWER = np.array([[1, 2, 1], [2, 2, 1], [1, 2, 1]], dtype=np.uint8)


def believed(answer, share: float, code_cnt: int = 3):
    """So sure of each cell of the answer, and of the others evenly less."""
    belief = np.full((*answer.shape, code_cnt), (1 - share) / (code_cnt - 1))
    np.put_along_axis(belief, answer[..., None].astype(int), share, axis=-1)
    return belief


def cells(picture) -> np.ndarray:
    """The cells of a picture of a board, ``(3, 3, SIDE, SIDE, 3)``."""
    pixels = np.asarray(picture)[30:-30, 30:-30]
    assert pixels.shape == (3 * SIDE, 3 * SIDE, 3)
    return pixels.reshape(3, SIDE, 3, SIDE, 3).swapaxes(1, 2)


def has(cell: np.ndarray, colour) -> bool:
    return bool((cell == colour).all(axis=-1).any())


def main_colour(cell: np.ndarray) -> tuple[int, ...]:
    return Counter(map(tuple, cell.reshape(-1, 3).tolist())).most_common(1)[0][0]


def test_given_cells_and_answered_ones_have_other_grounds_and_shapes():
    picture = cells(draw_board(Fill(), PUZZLE, ANSWER))
    given = main_colour(picture[0, 0])
    for cell in np.ndindex(3, 3):
        assert (main_colour(picture[cell]) == given) == (PUZZLE[cell] != 0)
        assert has(picture[cell], BELIEF) == (PUZZLE[cell] == 0)  # a disc
        corner = tuple(picture[cell][6, 6])
        assert corner == (given if PUZZLE[cell] else TILE)


def test_a_puzzle_alone_shows_what_is_given_and_nothing_else():
    picture = cells(draw_board(Fill(), PUZZLE))
    for cell in np.ndindex(3, 3):
        assert not has(picture[cell], BELIEF) and not has(picture[cell], WRONG)
        assert (main_colour(picture[cell]) == TILE) == (PUZZLE[cell] == 0)
    alone = cells(draw_board(Mark(), np.minimum(PUZZLE, 1)))
    assert not has(alone, BELIEF) and not has(alone, WRONG)


def test_every_code_is_drawn_otherwise():
    changed = np.where(PUZZLE == 0, 3 - ANSWER, PUZZLE)
    one, other = (cells(draw_board(Fill(), PUZZLE, answer)) for answer in (ANSWER, changed))
    for cell in np.ndindex(3, 3):
        same = np.array_equal(one[cell], other[cell])
        assert same == (PUZZLE[cell] != 0)


@pytest.mark.parametrize("task", [Fill(), Painted()])
def test_the_less_sure_the_fainter(task):
    strengths = []
    for share in (0.34, 0.6, 0.8, 1.0):
        picture = cells(draw_board(task, PUZZLE, ANSWER, believed(ANSWER, share)))
        disc = picture[0, 1][SIDE // 2, SIDE // 5].astype(int)
        strengths.append(int(np.abs(disc - TILE).sum()))
    assert strengths == sorted(strengths) and strengths[0] < 10 < 100 < strengths[-1]
    assert len(set(strengths)) == 4


def test_doubt_grows_where_nothing_is_answered():
    board, nothing = np.minimum(PUZZLE, 1), np.zeros_like(PUZZLE)
    areas = []
    for share in (0.98, 0.8, 0.55):
        picture = cells(draw_board(Mark(), board, nothing, believed(nothing, share, 2)))
        areas.append(int((picture[0, 1] == BELIEF).all(axis=-1).sum()))
    assert areas[0] == 0 < areas[1] < areas[2]
    answered = cells(draw_board(Mark(), board, nothing + 1, believed(nothing + 1, 0.98, 2)))
    assert (answered[0, 1] == BELIEF).all(axis=-1).sum() > areas[2]


def test_the_ground_of_a_puzzle_shows_beneath_an_answer_of_other_codes():
    board = np.minimum(PUZZLE, 1)
    picture = cells(draw_board(Mark(), board, np.ones_like(board)))
    assert main_colour(picture[0, 0]) == (55, 65, 81) and main_colour(picture[0, 1]) == TILE
    assert has(picture[0, 0], PAPER) and has(picture[0, 1], PAPER)  # rims of discs


def test_crosses_are_where_the_answer_contradicts_the_puzzle():
    changed = ANSWER.copy()
    changed[0, 0], changed[1, 0] = 2, 0  # what is given, and what stays open
    picture = cells(draw_board(Fill(), PUZZLE, changed))
    crossed = [cell for cell in np.ndindex(3, 3) if has(picture[cell], WRONG)]
    assert crossed == [(0, 0), (1, 0)]


def test_a_picture_needs_no_more_colours_than_are_declared():
    for task in (Fill(), Painted()):
        own, shades = tiles.colours(task)
        assert len(set(own)) == len(own) and all(len(colour) == 3 for colour in shades)
        assert len(own) + len(shades) < 200


def test_a_legend_tells_given_answer_and_unsure_apart():
    assert [*Fill().symbols()] == ["given", "answer", "unsure", "contradicts puzzle"]
    assert [*Painted().symbols()] == [
        "given", "answer", "red", "blue", "unsure", "contradicts puzzle",
    ]  # fmt: skip
    assert [*Mark().symbols()] == ["light", "dark", "mark", "unsure", "contradicts puzzle"]
    pictures = []
    for draw in Painted().symbols().values():
        canvas = Canvas(60, 60, PAPER)
        draw(canvas, 30, 30)
        pictures.append(canvas.picture().tobytes())
    assert len(set(pictures)) >= 5  # the sample of an answer is one of the codes


@pytest.mark.parametrize("count", [1, 3, 6, 9])
def test_a_legend_stays_within_its_width(count):
    words = [f"a word of some length {i}" for i in range(count)]
    dot = lambda canvas, x, y: canvas.disc(x, y, 10, WRONG)  # noqa: E731
    canvas = Canvas(660, 80, PAPER)
    draw_legend(canvas, 30, 40, 600, dict.fromkeys(words, dot))
    pixels = np.asarray(canvas.picture())
    inked = (pixels != PAPER).any(axis=-1)
    assert not inked[:, :30].any() and not inked[:, 631:].any()
    dots = (pixels == WRONG).all(axis=-1)
    assert dots.any() and inked[:4].sum() == inked[-4:].sum() == 0


def test_a_frame_of_any_task_has_a_legend_and_a_verdict():
    frame = Frame(ANSWER, believed(ANSWER, 0.7), 1, 2)
    picture = draw_frame(Painted(), PUZZLE, frame, 2, 3, NONE)
    plain = draw_frame(Fill(), PUZZLE, frame, 2, 3, NONE)
    assert picture.size == plain.size
    assert has(np.asarray(picture)[-56:], (200, 0, 0))
