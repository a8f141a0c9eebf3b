"""Puzzles and answers in a terminal: in colour, side by side where there is room."""

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from hrm.tasks.grid import Cells
from hrm.tasks.task import Task

_GIVEN, _OPEN, _RIGHT_NOW, _WRONG = "bold", "dim", "bold blue", "bold white on magenta"


def board(task: Task, puzzle: Cells, answer: Cells | None = None) -> Text:
    """The text of a puzzle, or of an answer to it, in colour.

    What is given is bold, what the answer fills in is blue, and what contradicts the puzzle stands
    on magenta. Where a task says so, cells have the colours of their codes instead.

    Args:
        task: of the puzzle, of its shape.
        puzzle: ``(R, C)`` codes.
        answer: ``(R, C)`` codes; None: the puzzle alone.
    """
    cells = puzzle if answer is None else answer
    rows = task.rows(cells, answer=answer is not None)
    if task.tinted:
        return _tinted(task, rows)
    fillable = task.open_cells(puzzle[None])[0]
    if answer is None:
        changed = wrong = fillable & False
    else:
        wrong = task.contradictions(puzzle[None], answer[None])[0]
        changed = fillable if task.answer_codes != task.codes else answer != puzzle
    text = Text()
    for r, row in enumerate(rows):
        for c, glyph in enumerate(row):
            if wrong[r, c]:
                style = _WRONG
            elif changed[r, c]:
                style = _RIGHT_NOW
            else:
                style = _OPEN if fillable[r, c] else _GIVEN
            text.append(glyph, style)
            text.append(" " if c + 1 < len(row) else "\n")
    text.rstrip()
    return text


def _tinted(task: Task, rows: list[str]) -> Text:
    """Each glyph on the colour of its code."""
    colours = {code.glyph: code.colour for code in task.codes if code.colour}
    text = Text()
    for number, row in enumerate(rows):
        text.append("\n" if number else "")
        for glyph in row:
            red, green, blue = colours[glyph]
            ink = "black" if red + green + blue > 380 else "white"
            text.append(f"{glyph} ", f"{ink} on rgb({red},{green},{blue})")
    return text


def solution(
    task: Task, puzzle: Cells, target: Cells | None, predicted: Cells, summary: str
) -> RenderableType:
    """A puzzle, its label and the model's answer, with what is said of it."""
    parts = {"Input": (puzzle, None), "Target": (puzzle, target), "Predicted": (puzzle, predicted)}
    panels = [
        Panel(board(task, *cells), title=f"{name} board", expand=False)
        for name, cells in parts.items()
        if name != "Target" or target is not None
    ]
    return Group(Columns(panels, padding=(0, 1)), Text(task.glyph_legend, "dim"), Text(summary))


def moment(task: Task, puzzle: Cells, answer: Cells, words: str) -> RenderableType:
    """The answer at one moment of thought."""
    return Panel(board(task, puzzle, answer), title=words, expand=False)
