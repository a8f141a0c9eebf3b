"""Boards, answers and thoughts to draw, and parts of pictures."""

import numpy as np
from PIL import Image, ImageChops

from hrm.rendering.frame import Frame
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    PATH,
    START,
    WALL,
)
from hrm.tasks.boardpath.task import BoardPath

TASK = BoardPath()
KINDS = (FLOOR, WALL, START, END, PATH)


def board_of(size: int) -> np.ndarray:
    """Walls in the middle of every other row, START and END in opposite corners."""
    board = np.full((size, size), FLOOR, dtype=np.uint8)
    board[1:-1:2, 1:-1] = WALL
    board[0, 0], board[-1, -1] = START, END
    return board


def answer_of(board: np.ndarray) -> np.ndarray:
    answer = board.copy()
    answer[0, 1:] = answer[1:-1, -1] = PATH
    return answer


def belief_of(path_probability: np.ndarray) -> np.ndarray:
    """So sure of PATH in each cell, and for the rest of FLOOR."""
    belief = np.zeros((*path_probability.shape, len(KINDS)))
    belief[..., PATH], belief[..., FLOOR] = path_probability, 1 - path_probability
    return belief


def thought(board: np.ndarray, segments: int = 8, steps: int = 2) -> list[Frame]:
    """A path that appears cell by cell, after an answer that is wrong all over."""
    rng = np.random.default_rng(0)
    answer, noise = answer_of(board), rng.random(board.shape)
    garbage = rng.integers(0, 5, board.shape).astype(np.uint8)
    frames = [Frame(garbage, belief_of(0.3 * noise), 0, 0)]
    for update in range(1, segments * steps + 1):
        share = update / (segments * steps)
        predicted = np.where(noise < share, answer, board)
        belief = np.clip(share * (answer == PATH) + (1 - share) * noise, 0, 1)
        segment, step = (update - 1) // steps + 1, (update - 1) % steps + 1
        frames.append(Frame(predicted, belief_of(belief), segment, step))
    return frames


def cell_picture(picture: Image.Image, board: np.ndarray, row: int, column: int) -> Image.Image:
    side = (picture.width - 60) // len(board)
    left, top = 30 + column * side, 30 + row * side
    return picture.crop((left, top, left + side, top + side))


def colours_of(picture: Image.Image) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist()))


def differs(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None
