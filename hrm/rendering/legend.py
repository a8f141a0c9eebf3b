"""The legend of a picture: symbols, with what each of them means."""

from collections.abc import Mapping

from hrm.canvas import FAINT_INK, Canvas, text_width
from hrm.tasks.tiles import Symbol

_ROOM, _SIZE = 26, 13
"""The room of a symbol, and the size of the words beside it."""
_BETWEEN_ROWS = 24
_WIDEST_GAP = 60.0


def draw_legend(
    canvas: Canvas, left: float, y: float, width: float, symbols: Mapping[str, Symbol]
) -> None:
    """Evenly spread over one row, or over two where there is too much for one.

    Args:
        canvas: to draw on.
        left: of the rows.
        y: the middle of the row, or between the two.
        width: of a row; words that are too long for it are written smaller.
        symbols: by word, what draws their symbol around a point.
    """
    words, half = list(symbols), (len(symbols) + 1) // 2
    if sum(_widths(words, _SIZE)) <= width:
        rows = {y: words}
    else:
        rows = {y - _BETWEEN_ROWS / 2: words[:half], y + _BETWEEN_ROWS / 2: words[half:]}
    for height, row in rows.items():
        _draw_row(canvas, left, height, width, {word: symbols[word] for word in row})


def _draw_row(
    canvas: Canvas, left: float, y: float, width: float, symbols: Mapping[str, Symbol]
) -> None:
    free, wanted = width - _ROOM * len(symbols), sum(_widths(symbols, _SIZE)) - _ROOM * len(symbols)
    size = _SIZE * min(1.0, free / max(1.0, wanted))
    widths = _widths(symbols, size)
    gap = min(_WIDEST_GAP, (width - sum(widths)) / max(1, len(symbols) - 1))
    for (words, draw), own in zip(symbols.items(), widths, strict=True):
        draw(canvas, left + 10, y)
        canvas.text(left + _ROOM, y, words, size, FAINT_INK)
        left += own + gap


def _widths(words: "Mapping[str, Symbol] | list[str]", size: float) -> list[float]:
    """Of each symbol with its words."""
    return [_ROOM + text_width(word, size) for word in words]
