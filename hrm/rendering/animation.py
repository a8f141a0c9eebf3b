"""Pictures of answers, and the animation of a thought: the answer after every step."""

from collections.abc import Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from hrm import canvas as colours
from hrm.canvas import FAINT_INK, GRID, INK, PAPER, PATH, RIGHT, WRONG, Canvas, blend, text_width
from hrm.files import write_atomic
from hrm.rendering.frame import Frame
from hrm.rendering.legend import draw_legend
from hrm.tasks.grid import Cells, Shape, Verdict
from hrm.tasks.task import Task

FIRST_MS, STEP_MS, SETTLED_MS, LAST_MS = 1000, 300, 60, 2500
"""How long the animation shows the puzzle, each step, each step after the answer's last change, and
the verdict."""

MOVING_MS, WAITING_MS = 20_000, 3_000
"""The steps until the last change, and those after it, take so long at most: a long thought goes by
more quickly."""

_FASTEST_MS = 20
"""Programs that show GIFs slow down what is faster."""

MAX_FRAMES = 1000
"""Frames of the longest animation; each takes about a megabyte until it is written."""

_MARGIN, _SIDE = 30, 540
_EDGE = _MARGIN + _SIDE
_GRID_TOP = 122
_CAPTION = "The model thinks in latent space. This is its answer, read out after every step."


def draw_board(
    task: Task, puzzle: Cells, answer: Cells | None = None, belief: np.ndarray | None = None
) -> Image.Image:
    """A still picture of an answer, or of a puzzle alone.

    Args:
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
        answer: ``(R, C)`` codes of the answer; None: the puzzle alone.
        belief: ``(R, C, V)`` probability of each code of the answer; None: not shown.

    Returns:
        An RGB picture, 600 pixels on its longer side or a little less.

    Raises:
        ValueError: if shapes differ, or codes or probabilities are out of range.
    """
    _check(task, puzzle, answer, belief)
    side = _cell_side(task.shape_of(puzzle))
    width, height = (n * side + 2 * _MARGIN for n in (puzzle.shape[1], puzzle.shape[0]))
    canvas = Canvas(width, height, PAPER)
    _draw(canvas, _MARGIN, _MARGIN, side, task, puzzle, answer, belief)
    return canvas.picture()


def draw_frame(
    task: Task,
    puzzle: Cells,
    frame: Frame,
    segment_cnt: int,
    steps_per_segment: int,
    verdict: Verdict | None = None,
) -> Image.Image:
    """One picture of the animation: where the thought stands, the answer so far, and a legend.

    Before the first update there is no thought yet, and the puzzle is shown alone.

    Args:
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
        frame: the moment to show.
        segment_cnt: segments of the whole thought.
        steps_per_segment: H updates a segment.
        verdict: what the answer is worth, where it is final.

    Returns:
        An RGB picture of the same size for every puzzle.

    Raises:
        ValueError: if shapes differ, or codes or probabilities are out of range.
    """
    _check(task, puzzle, frame.predicted, frame.probabilities)
    canvas = Canvas(_EDGE + _MARGIN, _GRID_TOP + _SIDE + 56, PAPER)
    canvas.text(_MARGIN, 35, _heading(frame, segment_cnt, steps_per_segment), 23, INK)
    if verdict is None:
        canvas.text(_MARGIN, 70, _CAPTION, 14, FAINT_INK)
    else:
        _draw_verdict(canvas, verdict)
    _draw_progress(canvas, frame, segment_cnt, steps_per_segment)
    rows, columns = puzzle.shape
    side = _cell_side((rows, columns))
    left = _MARGIN + (_SIDE - columns * side) / 2
    top = _GRID_TOP + (_SIDE - rows * side) / 2
    answer = frame.predicted if frame.segment else None
    _draw(canvas, left, top, side, task, puzzle, answer, frame.probabilities)
    draw_legend(canvas, _MARGIN, _GRID_TOP + _SIDE + 28, _SIDE, task.symbols())
    return canvas.picture()


def save_animation(
    path: str | Path, task: Task, puzzle: Cells, frames: Sequence[Frame], verdict: Verdict
) -> None:
    """Write a thought as an animated GIF that loops forever; all of the file or none of it.

    Args:
        path: the file to write; an existing one is replaced.
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
        frames: the moments in order, each with its own segment and step.
        verdict: what the last answer is worth.

    Raises:
        ValueError: if there are no frames or over `MAX_FRAMES`, or one does not fit the puzzle.
        OSError: if the file cannot be written.
    """
    if not frames:
        raise ValueError("no frames to animate; pass at least the one before the first update")
    require_few_frames(len(frames))
    segments, steps = (max(getattr(f, count) for f in frames) for count in ("segment", "step"))
    verdicts = [None] * (len(frames) - 1) + [verdict]
    palette = _palette(task)
    pictures = [
        draw_frame(task, puzzle, frame, segments, steps, word).quantize(
            palette=palette, dither=Image.Dither.NONE
        )
        for frame, word in zip(frames, verdicts, strict=True)
    ]
    file = BytesIO()
    pictures[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations(frames),
        loop=0,
    )
    write_atomic(Path(path), file.getvalue())


def durations(frames: Sequence[Frame]) -> list[int]:
    """Milliseconds to show each frame: a long thought is passed over quickly, and what changes
    nothing more."""
    answers = [frame.predicted for frame in frames]
    changes = [i for i in range(1, len(answers)) if (answers[i] != answers[i - 1]).any()]
    last_change = changes[-1] if changes else 0
    moving = _pace(STEP_MS, MOVING_MS, last_change)
    waiting = _pace(SETTLED_MS, WAITING_MS, len(frames) - last_change)
    steps = [moving if i <= last_change else waiting for i in range(1, len(frames) - 1)]
    return [FIRST_MS, *steps, LAST_MS][-len(frames) :]


def _pace(longest: int, together: int, count: int) -> int:
    """Milliseconds for each of some frames: whole hundredths of a second, which GIF counts in."""
    return max(_FASTEST_MS, min(longest, together // max(1, count) // 10 * 10))


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


def to_png(picture: Image.Image) -> bytes:
    """The content of a PNG file."""
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _draw(
    canvas: Canvas,
    left: float,
    top: float,
    side: int,
    task: Task,
    puzzle: Cells,
    answer: Cells | None,
    belief: np.ndarray | None,
) -> None:
    task = task.of_shape(task.shape_of(puzzle))
    if answer is None:
        task.draw_puzzle(canvas, left, top, side, puzzle)
    else:
        task.draw_answer(canvas, left, top, side, puzzle, answer, belief)


def _heading(frame: Frame, segment_cnt: int, steps_per_segment: int) -> str:
    if frame.segment == 0:
        return "The puzzle"
    step = f"step {frame.step} of {steps_per_segment}"
    return f"Segment {frame.segment} of {segment_cnt}  ·  {step}"


def _draw_verdict(canvas: Canvas, verdict: Verdict) -> None:
    words = verdict.words.capitalize()
    edge = _MARGIN + 46 + text_width(words, 16)
    canvas.box(_MARGIN, 57, edge, 85, RIGHT if verdict.solved else WRONG, radius=14)
    x, y = _MARGIN + 19, 71
    if verdict.solved:
        canvas.line([(x - 5.5, y + 0.5), (x - 1.5, y + 4.5), (x + 6, y - 4.5)], 2.6, PAPER)
    else:
        canvas.cross(x, y, 9, PAPER)
    canvas.text(x + 13, y, words, 16, PAPER)


def _draw_progress(canvas: Canvas, frame: Frame, segment_cnt: int, steps_per_segment: int) -> None:
    gap = min(8, 0.2 * _SIDE / max(1, segment_cnt))
    segment_width = (_SIDE + gap) / max(1, segment_cnt)
    step_width = (segment_width - gap) / max(1, steps_per_segment)
    for segment in range(segment_cnt):
        for step in range(steps_per_segment):
            done = (segment + 1, step + 1) <= (frame.segment, frame.step)
            left = _MARGIN + segment * segment_width + step * step_width
            last = step + 1 == steps_per_segment
            edge = left + step_width - (0 if last else min(1.5, 0.2 * step_width))
            canvas.box(left, 98, edge, 106, PATH if done else GRID)


def _cell_side(shape: Shape) -> int:
    """Pixels on a side of a cell: whole ones, or edges would blur."""
    return _SIDE // max(shape)


def _palette(task: Task) -> Image.Image:
    """One palette for all pictures, so that no colour flickers: the colours and what lies between.

    Smooth edges mix two colours, so every pair that is not almost the same gets a few mixtures.
    """
    own, shades = task.colours()
    base = [*colours.ALL, *own]
    mixtures = [
        blend(one, other, part / 4)
        for one, other in combinations(base, 2)
        for part in (1, 2, 3)
        if max(abs(a - b) for a, b in zip(one, other, strict=True)) > 40
    ]
    levels = [level for colour in [*base, *shades, *mixtures][:256] for level in colour]
    image = Image.new("P", (1, 1))
    image.putpalette(levels)
    return image


def _check(task: Task, puzzle: Cells, answer: Cells | None, belief: np.ndarray | None) -> None:
    task = task.of_shape(task.shape_of(puzzle))
    if answer is not None and answer.shape != puzzle.shape:
        raise ValueError(
            f"the answer has shape {answer.shape}, the puzzle {puzzle.shape};"
            " draw an answer on the puzzle that it was made for"
        )
    codes = (("the puzzle", puzzle, task.codes), ("the answer", answer, task.answer_codes))
    for name, cells, known in codes:
        if cells is not None and cells.max() >= len(known):
            raise ValueError(f"{name} holds code {cells.max()}; codes are 0 to {len(known) - 1}")
    if belief is None:
        return
    expected = (*puzzle.shape, len(task.answer_codes))
    # A model may know of more codes than occur in puzzles of this shape.
    if belief.shape[:2] != puzzle.shape or belief.ndim != 3 or belief.shape[2] < expected[2]:
        raise ValueError(
            f"belief has shape {belief.shape}; give a probability for each code, {expected}"
        )
    if not ((belief >= 0) & (belief <= 1)).all():
        raise ValueError(
            f"belief goes from {belief.min()} to {belief.max()}; give probabilities in [0, 1]"
        )
