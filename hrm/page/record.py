"""A recorded thought as one HTML file: the page's player without a network."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm.files import write_atomic
from hrm.page.one_file import one_file
from hrm.page.site import KNOWN_TASKS
from hrm.rendering.frame import Frame
from hrm.tasks.grid import Cells, Code
from hrm.tasks.task import Task

_LEVELS = 255


def save_recorded(path: Path, task: Task, puzzle: Cells, frames: Sequence[Frame]) -> None:
    """Write a thought as a page that plays it.

    Args:
        path: the HTML file; an existing one is replaced.
        task: of the puzzle.
        puzzle: ``(R, C)`` codes.
        frames: the moments in order, the first before any update.

    Raises:
        OSError: if the file cannot be written.
    """
    write_atomic(path, one_file({"recorded": recorded(task, puzzle, frames)}))


def recorded(task: Task, puzzle: Cells, frames: Sequence[Frame]) -> dict[str, Any]:
    """What the page needs to play a thought, as `static/js/recorded.js` reads it.

    Puzzles whose rules the page does not know are drawn as tiles.
    """
    task = task.of_shape(task.shape_of(puzzle))
    thought = frames[1:]
    content: dict[str, Any] = {
        "task": task.config.name if task.config.name in KNOWN_TASKS else None,
        "shape": list(puzzle.shape),
        "puzzle": _bytes(puzzle),
        "planned": len(thought),
        "frames": [],
    }
    if content["task"] is None:
        content["codes"] = [_code(code) for code in task.codes]
        content["answerCodes"] = [_code(code) for code in task.answer_codes]
        content["open"] = _bytes(task.open_cells(puzzle[None])[0])
    if thought:
        answers = np.stack([frame.predicted for frame in thought])
        puzzles = np.repeat(puzzle[None], len(thought), axis=0)
        labels = np.repeat(task.answer(puzzle[None]), len(thought), axis=0)
        verdicts = task.judge(puzzles, answers, labels)
        crosses = task.contradictions(puzzles, answers)
        for frame, verdict, wrong in zip(thought, verdicts, crosses, strict=True):
            content["frames"].append(
                {
                    "segment": frame.segment,
                    "step": frame.step,
                    "answer": _bytes(frame.predicted),
                    "belief": _belief(frame, len(task.answer_codes)),
                    "crosses": _bytes(wrong),
                    "verdict": verdict._asdict(),
                }
            )
    return content


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
