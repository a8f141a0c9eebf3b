"""Lists of puzzles as CSV, with their answers where they are known.

The first line names the columns: ``question`` holds the puzzles and ``answer``, if it is there, the
answers, each in one line of symbols; all other columns are passed over.
"""

import csv
from typing import NoReturn

import numpy as np

from hrm.tasks.grid import Cells, Puzzle
from hrm.tasks.sudoku.found import (
    LINE_LENGTHS,
    Found,
    decoded,
    puzzles_of,
    refuse_length,
    symbols_of,
)
from hrm.tasks.sudoku.rules import GLYPHS, OPEN, SIZES, first_clash, solved
from hrm.tasks.text import Line, PuzzleTextError


def parse_csv(lines: list[Line], source: str) -> list[Puzzle]:
    """The puzzles of a list.

    Raises:
        PuzzleTextError: naming line and column.
    """
    names = [name.strip().lower() for name in _fields(lines[0], source)]
    if "question" not in names:
        problem = "no column is named question; let the first line be such as question,answer"
        raise PuzzleTextError(source, lines[0].number, 1, problem)
    rows = [_fields(line, source) for line in lines[1:]]
    for line, fields in zip(lines[1:], rows, strict=True):
        if len(fields) != len(names):
            problem = f"fields: {len(fields)}, but the first line names {len(names)} columns"
            raise PuzzleTextError(source, line.number, len(line.text), problem)
    if not rows:
        raise PuzzleTextError(source, lines[0].number, 1, "no puzzle found below this line")
    questions = _column(names.index("question"), lines[1:], rows)
    for each in questions:
        if len(each.symbols) not in LINE_LENGTHS:
            _refuse_field(each, source)
    puzzles = [Puzzle(cells) for cells in puzzles_of(questions, source)]
    if "answer" not in names:
        return puzzles
    return _with_answers(puzzles, _column(names.index("answer"), lines[1:], rows), source)


def _fields(line: Line, source: str) -> list[str]:
    try:
        return next(csv.reader([line.text]))
    except csv.Error as error:
        raise PuzzleTextError(source, line.number, 1, f"no line of CSV: {error}") from None


def _column(which: int, lines: list[Line], rows: list[list[str]]) -> list[Found]:
    found = []
    for line, fields in zip(lines, rows, strict=True):
        before = sum(len(field) + 1 for field in fields[:which])
        first = max(0, line.text.find(fields[which], before))
        found.append(Found(symbols_of(fields[which]), [line], first))
    return found


def _refuse_field(field: Found, source: str, expected: str | None = None) -> NoReturn:
    """Like `refuse_length`, for a field of a line."""
    line = field.lines[0]
    text = " " * field.first + line.text[field.first :].split(",")[0]
    refuse_length(Line(line.number, text), field.symbols, source, expected)


def _with_answers(puzzles: list[Puzzle], answers: list[Found], source: str) -> list[Puzzle]:
    """The puzzles with their answers; one may be left empty."""
    result = list(puzzles)
    for size in SIZES:
        which = [
            i
            for i, (puzzle, answer) in enumerate(zip(puzzles, answers, strict=True))
            if len(puzzle.input) == size and answer.symbols
        ]
        for i in which:
            if len(answers[i].symbols) != size * size:
                _refuse_field(answers[i], source, f"the puzzle of this answer has {size * size}")
        if not which:
            continue
        inputs = np.stack([puzzles[i].input for i in which])
        cells = decoded([answers[i] for i in which], size, source)
        for bad in np.flatnonzero(~solved(inputs, cells))[:1]:
            raise answers[which[bad]].error(source, *_fault(inputs[bad], cells[bad]))
        for i, answer in zip(which, cells, strict=True):
            result[i] = Puzzle(puzzles[i].input, answer)
    return result


def _fault(puzzle: Cells, answer: Cells) -> tuple[int, str]:
    """The first cell at which a wrong answer is wrong, and why."""
    for cell in np.flatnonzero((puzzle != OPEN) & (answer != puzzle)):
        given, other = GLYPHS[puzzle.flat[cell]], GLYPHS[answer.flat[cell]]
        return int(cell), f"the answer has {other} where the puzzle has {given}"
    for cell in np.flatnonzero(answer == OPEN):
        return int(cell), "the answer leaves this cell open"
    clash = first_clash(answer)
    assert clash
    return clash[0], f"in the answer, {clash[1]}"
