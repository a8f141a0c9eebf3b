"""Pictures of Sudoku: givens, answers, contradictions, and digits that are still possible."""

import numpy as np
import pytest

from hrm.canvas import GRID, INK, PAPER, PATH, TILE, WRONG, Canvas
from hrm.tasks.grid import IGNORE
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings

SIZES = (4, 6, 9, 16)
TASKS = {size: Sudoku(SudokuSettings(size=size)) for size in SIZES}
PUZZLES = {size: TASKS[size].draw(1, (1,)) for size in SIZES}
ANSWERS = {size: TASKS[size].answer(PUZZLES[size]) for size in SIZES}


def picture_of(size: int, answer: np.ndarray, belief: np.ndarray | None = None) -> np.ndarray:
    side = 540 // size
    canvas = Canvas(size * side + 40, size * side + 40, PAPER)
    TASKS[size].draw_answer(canvas, 20, 20, side, PUZZLES[size][0], answer, belief)
    return np.asarray(canvas.picture())


def has(picture: np.ndarray, size: int, cell: tuple[int, int], colour: tuple[int, ...]) -> bool:
    """Whether some pixel of a cell has a colour."""
    side = 540 // size
    top, left = 20 + cell[0] * side, 20 + cell[1] * side
    return bool((picture[top : top + side, left : left + side] == colour).all(axis=2).any())


@pytest.mark.parametrize("size", SIZES)
def test_givens_are_in_ink_and_answers_in_blue(size):
    picture = picture_of(size, ANSWERS[size][0])
    for cell in [(0, 0), (1, 2), (size - 1, size - 1), (2, 1)]:
        is_given = PUZZLES[size][0][cell] > 0
        assert has(picture, size, cell, INK) == is_given
        assert has(picture, size, cell, PATH) != is_given
        assert not has(picture, size, cell, WRONG)


@pytest.mark.parametrize("size", SIZES)
def test_contradictions_are_marked(size):
    answer = ANSWERS[size][0].copy()
    cell = tuple(np.argwhere(PUZZLES[size][0] == 0)[0].tolist())
    answer[cell] = answer[cell] % size + 1
    picture = picture_of(size, answer)
    wrong = TASKS[size].contradictions(PUZZLES[size][:1], answer[None])[0]
    for each in np.ndindex(size, size):
        marked = wrong[each] and PUZZLES[size][0][each] == 0
        assert has(picture, size, each, WRONG) == marked


@pytest.mark.parametrize("size", SIZES)
def test_an_open_cell_fades_from_many_small_digits_to_one(size):
    answer = ANSWERS[size][0]
    cell = tuple(np.argwhere(PUZZLES[size][0] == 0)[0].tolist())
    ground = picture_of(size, np.where(PUZZLES[size][0], answer, IGNORE).astype(np.uint8))
    inked = []
    for left in (1.0, 0.6, 0.3, 0.0):
        belief = np.eye(size + 1)[answer] * (1 - left)
        belief[..., 1:] += left / size
        picture = picture_of(size, answer, belief)
        side = 540 // size
        part = np.s_[20 + cell[0] * side :, 20 + cell[1] * side :]
        difference = (picture[part] != ground[part]).any(axis=2)[:side, :side]
        inked.append(int(difference[: side // 3, : side // 4].sum()))
        assert has(picture, size, cell, PATH) == (left < 0.3)
    assert inked[0] > 0 and inked[-1] == 0


def test_a_puzzle_alone_leaves_its_open_cells_empty():
    puzzle = PUZZLES[9][0]
    picture = picture_of(9, np.where(puzzle, puzzle, IGNORE).astype(np.uint8))
    for cell in np.ndindex(9, 9):
        assert has(picture, 9, cell, INK) == (puzzle[cell] > 0)
        assert not has(picture, 9, cell, PATH)


def test_the_legend_draws_each_of_its_symbols():
    for words, symbol in TASKS[9].symbols().items():
        canvas = Canvas(40, 40, PAPER)
        symbol(canvas, 20, 20)
        assert words and (np.asarray(canvas.picture()) != PAPER).any()


def test_large_areas_have_named_colours():
    """A palette of 256 colours, for a whole animation, is made of these and what lies between."""
    own, shades = TASKS[9].colours()
    answer = ANSWERS[9][0].copy()
    answer[:2] = 1
    belief = np.eye(10)[answer] * 0.7 + 0.03
    seen = np.concatenate([picture_of(9, answer, b).reshape(-1, 3) for b in (None, belief)])
    found, counts = np.unique(seen, axis=0, return_counts=True)
    large = found[counts > len(seen) // 100].astype(int)
    named = np.array([PAPER, INK, PATH, WRONG, GRID, TILE, *own, *shades])
    apart = abs(large[:, None] - named).max(axis=2)
    assert (apart.min(axis=1) <= 12).all()  # thin lines mix colours that are almost the same
    assert set(own) <= {tuple(colour) for colour in large.tolist()}
    assert len({*shades}) == len(shades) <= 16
