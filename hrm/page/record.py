"""A recorded thought as one HTML file: the page's player without a network."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm.files import write_atomic
from hrm.page.one_file import one_file
from hrm.page.site import KNOWN_TASKS
from hrm.rendering.frame import Frame
from hrm.tasks.grid import IGNORE, Cells, Code
from hrm.tasks.task import Task

_LEVELS = 255


def save_recorded(
    path: Path, task: Task, puzzle: Cells, target: Cells | None, frames: Sequence[Frame]
) -> None:
    """Write a thought as a page that plays it.

    Args:
        path: the HTML file; an existing one is replaced.
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
        target: ``(R, C)`` codes, the label; None: there is none.
        frames: the moments in order, the first before any update.

    Raises:
        OSError: if the file cannot be written.
    """
    write_atomic(path, one_file({"recorded": recorded(task, puzzle, target, frames)}))


def recorded(
    task: Task, puzzle: Cells, target: Cells | None, frames: Sequence[Frame]
) -> dict[str, Any]:
    """What the page needs to play a thought, as `static/js/recorded.js` reads it.

    Puzzles whose rules the page does not know are drawn as tiles.
    """
    task = task.of_shape(task.shape_of(puzzle))
    content: dict[str, Any] = {
        "task": task.config.name if task.config.name in KNOWN_TASKS else None,
        "shape": list(puzzle.shape),
        "puzzle": _bytes(puzzle),
        "planned": len(frames[1:]),
        "frames": list(_moments(task, puzzle, target, frames[1:])),
    }
    if content["task"] is None:
        content["codes"] = [_code(code) for code in task.codes]
        content["answerCodes"] = [_code(code) for code in task.answer_codes]
        content["open"] = _bytes(task.open_cells(puzzle[None])[0])
    return content


def _moments(
    task: Task, puzzle: Cells, target: Cells | None, thought: Sequence[Frame]
) -> Iterator[dict[str, Any]]:
    """The answer after each update, with what it is worth."""
    label = np.full_like(puzzle, IGNORE) if target is None else target
    for frame in thought:
        answer = frame.predicted[None]
        verdict = task.judge(puzzle[None], answer, label[None])[0]
        yield {
            "segment": frame.segment,
            "step": frame.step,
            "answer": _bytes(frame.predicted),
            "belief": _belief(frame, len(task.answer_codes)),
            "crosses": _bytes(task.contradictions(puzzle[None], answer)[0]),
            "verdict": verdict._asdict(),
        }


def _belief(frame: Frame, codes: int) -> str | None:
    """Probabilities as bytes; of the codes of this task, where a model knows more."""
    if frame.probabilities is None:
        return None
    return _bytes(np.rint(frame.probabilities[..., :codes] * _LEVELS))


def _bytes(values: NDArray[Any]) -> str:
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode()


def _code(code: Code) -> dict[str, Any]:
    colour = None if code.colour is None else "#{:02x}{:02x}{:02x}".format(*code.colour)
    return {"glyph": code.glyph, "word": code.word, "colour": colour}
