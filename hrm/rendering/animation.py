"""Pictures of boards and answers, and the animation of a thought: the answer after every step.

The board as given is the scenery. On top of it lies what the model answers: its path as a line, any
other cell that it changes as a small tile of what it takes the cell for. A cross marks each cell in
which the answer contradicts the board. Every kind of cell has its own shape besides its own colour.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrm.files import write_atomic
from hrm.rendering.canvas import Canvas, Colour, blend, text_width
from hrm.tasks.boardpath.boards import END, FLOOR, PATH, START, WALL, Boards, Verdict

if TYPE_CHECKING:
    from hrm.inference.solving import Frame

FIRST_MS, STEP_MS, LAST_MS = 1000, 300, 2500
"""How long the animation shows its first picture, each step, and the verdict."""

MAX_FRAMES = 1000
"""Frames of the longest animation; each takes about a megabyte until it is written."""

_PAPER, _INK, _FAINT_INK = (255, 255, 255), (31, 41, 55), (107, 114, 128)
_GRID, _FLOOR, _WALL = (226, 224, 218), (246, 245, 241), (55, 65, 81)
_START, _END, _PATH = (0, 128, 96), (204, 85, 0), (29, 95, 214)
_BELIEF, _WRONG = (147, 190, 250), (192, 24, 122)

_MARGIN, _BOARD_SIDE = 30, 540
_RIGHT = _MARGIN + _BOARD_SIDE
_BOARD_TOP = 122
_LEGIBLE = 20
_SHADES = 24
_CAPTION = "The model thinks in latent space. This is its answer, read out after every step."


def draw_board(
    board: Boards, cells: Boards, path_probability: NDArray[np.floating] | None = None
) -> Image.Image:
    """A still picture of an answer; of a board, if the answer is the board itself.

    Args:
        board: ``(N, N)`` input codes.
        cells: ``(N, N)`` codes of the answer.
        path_probability: ``(N, N)`` floats in [0, 1], shown as shading; None for no shading.

    Returns:
        An RGB picture, 600 pixels wide or a little less.

    Raises:
        ValueError: if shapes differ, or codes or probabilities are out of range.
    """
    belief = np.zeros(board.shape) if path_probability is None else path_probability
    _check(board, cells, belief)
    side = len(board) * _cell_side(board) + 2 * _MARGIN
    canvas = Canvas(side, side, _PAPER)
    _draw_answer(canvas, _MARGIN, _MARGIN, board, cells, belief)
    return canvas.picture()


def draw_frame(
    board: Boards,
    frame: "Frame",
    segment_cnt: int,
    steps_per_segment: int,
    verdict: Verdict | None = None,
) -> Image.Image:
    """One picture of the animation: where the thought stands, the answer so far, and a legend.

    Args:
        board: ``(N, N)`` input codes.
        frame: the moment to show.
        segment_cnt: segments of the whole thought.
        steps_per_segment: H updates a segment.
        verdict: what the answer is worth, where it is final.

    Returns:
        An RGB picture of the same size for every board.

    Raises:
        ValueError: if shapes differ, or codes or probabilities are out of range.
    """
    _check(board, frame.predicted, frame.path_probability)
    canvas = Canvas(_RIGHT + _MARGIN, _BOARD_TOP + _BOARD_SIDE + 56, _PAPER)
    canvas.text(_MARGIN, 35, _heading(frame, segment_cnt, steps_per_segment), 23, _INK)
    if verdict is None:
        canvas.text(_MARGIN, 70, _CAPTION, 14, _FAINT_INK)
    else:
        _draw_verdict(canvas, verdict)
    _draw_progress(canvas, frame, segment_cnt, steps_per_segment)
    inset = (_BOARD_SIDE - len(board) * _cell_side(board)) / 2
    left, top = _MARGIN + inset, _BOARD_TOP + inset
    _draw_answer(canvas, left, top, board, frame.predicted, frame.path_probability)
    _draw_legend(canvas, _BOARD_TOP + _BOARD_SIDE + 28)
    return canvas.picture()


def save_animation(
    path: str | Path, board: Boards, frames: Sequence["Frame"], verdict: Verdict
) -> None:
    """Write a thought as an animated GIF that loops forever; all of the file or none of it.

    Args:
        path: the file to write; an existing one is replaced.
        board: ``(N, N)`` input codes.
        frames: the moments in order, each with its own segment and step.
        verdict: what the last answer is worth.

    Raises:
        ValueError: if there are no frames or over `MAX_FRAMES`, or one does not fit the board.
        OSError: if the file cannot be written.
    """
    if not frames:
        raise ValueError("no frames to animate; pass at least the answer before the first update")
    require_few_frames(len(frames))
    segments, steps = (max(getattr(f, count) for f in frames) for count in ("segment", "step"))
    verdicts = [None] * (len(frames) - 1) + [verdict]
    palette = _palette()
    pictures = [
        draw_frame(board, frame, segments, steps, word).quantize(
            palette=palette, dither=Image.Dither.NONE
        )
        for frame, word in zip(frames, verdicts, strict=True)
    ]
    durations = [FIRST_MS, *[STEP_MS] * (len(frames) - 2), LAST_MS][-len(frames) :]
    file = BytesIO()
    pictures[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
    )
    write_atomic(Path(path), file.getvalue())


def require_few_frames(count: int) -> None:
    """Refuse an animation that would take too much memory.

    Raises:
        ValueError: if it has over `MAX_FRAMES` frames.
    """
    if count > MAX_FRAMES:
        raise ValueError(
            f"an animation of {count:,} frames takes too much memory; up to {MAX_FRAMES:,} are"
            " drawn, so think for fewer segments"
        )


def save_picture(path: str | Path, picture: Image.Image) -> None:
    """Write a picture as PNG; all of the file or none of it.

    Raises:
        OSError: if the file cannot be written.
    """
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    write_atomic(Path(path), file.getvalue())


def _draw_answer(
    canvas: Canvas, left: float, top: float, board: Boards, cells: Boards, belief: NDArray
) -> None:
    side = _cell_side(board)
    canvas.box(left, top, left + len(board) * side, top + len(board) * side, _GRID)

    def centre(cell: tuple[int, int]) -> tuple[float, float]:
        return left + (cell[1] + 0.5) * side, top + (cell[0] + 0.5) * side

    for cell in np.ndindex(*board.shape):
        ground = WALL if board[cell] == WALL else FLOOR
        _draw_cell(canvas, *centre(cell), side, ground, float(belief[cell]))
    _draw_path(canvas, [[centre(cell) for cell in link] for link in _links(cells)], side)
    for cell in _places((board == START) | (board == END)):
        _draw_cell(canvas, *centre(cell), max(side, min(_LEGIBLE, 2 * side)), board[cell])
    for cell in _places((cells != board) & ~((cells == PATH) & (board == FLOOR))):
        x, y = centre(cell)
        if cells[cell] != PATH:
            _draw_cell(canvas, x, y, 0.64 * side, cells[cell])
        # In the corner, so that it does not hide what the model takes the cell for.
        corner = (x + 0.29 * side, y - 0.29 * side)
        _draw_cross(canvas, *corner, 0.27 * side + 1.5, _WRONG, rim=_PAPER)


def _places(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    return [(int(row), int(column)) for row, column in np.argwhere(mask)]


def _links(cells: Boards) -> Iterator[list[tuple[int, int]]]:
    """Each path cell, and pairs to join by a line: neighbours that are path, start or end.

    Two starts or two ends are no path, although a model that knows nothing yet may answer them.
    """
    joined = np.isin(cells, (START, END, PATH))
    for cell in _places(joined):
        if cells[cell] == PATH:
            yield [cell]
        for neighbour in ((cell[0] + 1, cell[1]), (cell[0], cell[1] + 1)):
            if max(neighbour) == len(cells) or not joined[neighbour]:
                continue
            if cells[cell] == PATH or cells[cell] != cells[neighbour]:
                yield [cell, neighbour]


def _draw_path(canvas: Canvas, links: list[list[tuple[float, float]]], side: float) -> None:
    # First all rims, then all lines: no rim cuts a line, and lines stand out on walls too.
    for rim, colour in ((min(4, max(1.5, 0.08 * side)), _PAPER), (0, _PATH)):
        for link in links:
            thickness = 0.24 if len(link) > 1 else 0.42
            canvas.line(link, thickness * side + rim, colour)


def _draw_cell(
    canvas: Canvas, x: float, y: float, side: float, kind: int, belief: float = 0.0
) -> None:
    if kind == FLOOR:
        canvas.square(x, y, side - min(1, side / 8), _shade(_FLOOR, belief))
    elif kind == WALL:
        canvas.square(x, y, side, _shade(_WALL, belief))
    else:
        _draw_marker(canvas, x, y, side, kind)


def _draw_marker(canvas: Canvas, x: float, y: float, side: float, kind: int) -> None:
    if kind == START:
        shape, width, colour, letter = canvas.disc, 0.76 * side, _START, "S"
    else:
        shape, width, colour, letter = canvas.diamond, 0.94 * side, _END, "E"
    shape(x, y, width + min(5, 0.1 * side), _PAPER)
    shape(x, y, width, colour)
    canvas.text(x, y, letter, 0.46 * side, _PAPER, anchor="m")


def _draw_cross(
    canvas: Canvas, x: float, y: float, side: float, colour: Colour, rim: Colour | None = None
) -> None:
    half = side / 2
    strokes = [[(x - half, y - tilt), (x + half, y + tilt)] for tilt in (half, -half)]
    rims = [(max(2, 0.3 * side), rim)] if rim else []
    for width, ink in (*rims, (0, colour)):
        for stroke in strokes:
            canvas.line(stroke, 0.28 * side + width, ink)


def _heading(frame: "Frame", segment_cnt: int, steps_per_segment: int) -> str:
    if frame.segment == 0:
        return "Before the first step"
    step = f"step {frame.step} of {steps_per_segment}"
    return f"Segment {frame.segment} of {segment_cnt}  ·  {step}"


def _draw_verdict(canvas: Canvas, verdict: Verdict) -> None:
    good = verdict in (Verdict.EXACT, Verdict.SOLVED)
    words = verdict.words.capitalize()
    right = _MARGIN + 46 + text_width(words, 16)
    canvas.box(_MARGIN, 57, right, 85, _START if good else _WRONG, radius=14)
    x, y = _MARGIN + 19, 71
    if good:
        canvas.line([(x - 5.5, y + 0.5), (x - 1.5, y + 4.5), (x + 6, y - 4.5)], 2.6, _PAPER)
    else:
        _draw_cross(canvas, x, y, 9, _PAPER)
    canvas.text(x + 13, y, words, 16, _PAPER)


def _draw_progress(
    canvas: Canvas, frame: "Frame", segment_cnt: int, steps_per_segment: int
) -> None:
    gap = min(8, 0.2 * _BOARD_SIDE / max(1, segment_cnt))
    segment_width = (_BOARD_SIDE + gap) / max(1, segment_cnt)
    step_width = (segment_width - gap) / max(1, steps_per_segment)
    for segment in range(segment_cnt):
        for step in range(steps_per_segment):
            done = (segment + 1, step + 1) <= (frame.segment, frame.step)
            left = _MARGIN + segment * segment_width + step * step_width
            last = step + 1 == steps_per_segment
            right = left + step_width - (0 if last else min(1.5, 0.2 * step_width))
            canvas.box(left, 98, right, 106, _PATH if done else _GRID)


def _draw_legend(canvas: Canvas, y: float) -> None:
    """One row of symbols and words, evenly spread."""

    def floor(x: float) -> None:
        canvas.square(x, y, 20, _GRID)
        _draw_cell(canvas, x, y, 18, FLOOR)

    def belief(x: float) -> None:
        for part in range(4):
            left = x - 10 + 5 * part
            canvas.box(left, y - 10, left + 5, y + 10, _shade(_FLOOR, part / 3))

    symbols = {
        "floor": floor,
        "wall": lambda x: _draw_cell(canvas, x, y, 20, WALL),
        "start": lambda x: _draw_cell(canvas, x, y, 24, START),
        "end": lambda x: _draw_cell(canvas, x, y, 24, END),
        "path": lambda x: _draw_path(canvas, [[(x - 8, y), (x + 8, y)], [(x, y)]], 24),
        "belief in path": belief,
        "contradicts board": lambda x: _draw_cross(canvas, x, y, 11, _WRONG),
    }
    widths = [26 + text_width(words, 13) for words in symbols]
    gap = (_BOARD_SIDE - sum(widths)) / (len(symbols) - 1)
    left = float(_MARGIN)
    for (words, draw), width in zip(symbols.items(), widths, strict=True):
        draw(left + 10)
        canvas.text(left + 26, y, words, 13, _FAINT_INK)
        left += width + gap


def _cell_side(board: Boards) -> int:
    """Pixels on a side of a cell: whole ones, or edges would blur."""
    return _BOARD_SIDE // len(board)


def _shade(ground: Colour, belief: float) -> Colour:
    """Belief as shading, in so few steps that the palette holds them all."""
    return blend(ground, _BELIEF, round(belief * _SHADES) / _SHADES)


def _palette() -> Image.Image:
    """One palette for all pictures, so that no colour flickers: the colours and what lies between.

    Smooth edges mix two colours, so every pair that is not almost the same gets a few mixtures.
    """
    colours = (_PAPER, _INK, _FAINT_INK, _GRID, _FLOOR, _WALL, _START, _END, _PATH, _BELIEF, _WRONG)
    shades = [_shade(g, part / _SHADES) for g in (_FLOOR, _WALL) for part in range(1, _SHADES)]
    mixtures = [
        blend(one, other, part / 4)
        for one, other in combinations(colours, 2)
        for part in (1, 2, 3)
        if max(abs(a - b) for a, b in zip(one, other, strict=True)) > 40
    ]
    image = Image.new("P", (1, 1))
    image.putpalette([level for colour in (*colours, *shades, *mixtures) for level in colour])
    return image


def _check(board: Boards, cells: Boards, belief: NDArray) -> None:
    for name, values in (("the answer", cells), ("path_probability", belief)):
        if values.shape != board.shape:
            raise ValueError(
                f"{name} has shape {values.shape}, the board {board.shape};"
                " draw an answer on the board that it was made for"
            )
    for name, values in (("the board", board), ("the answer", cells)):
        if values.max() > PATH:
            raise ValueError(f"{name} holds code {values.max()}; codes are {FLOOR} to {PATH}")
    if not ((belief >= 0) & (belief <= 1)).all():
        raise ValueError(
            f"path_probability goes from {belief.min()} to {belief.max()}; give values in [0, 1]"
        )
