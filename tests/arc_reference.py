"""ARC the slow and obvious way: grids are lists of rows, and every cell is looked at."""

from collections.abc import Callable

PAD, END = 0, 1
Rows = list[list[int]]

PUBLISHED_TURNS: list[Callable[[Rows], Rows]] = [
    lambda rows: [row[:] for row in rows],
    lambda rows: [list(column) for column in zip(*rows, strict=True)][::-1],
    lambda rows: [row[::-1] for row in rows[::-1]],
    lambda rows: [list(column)[::-1] for column in zip(*rows, strict=True)],
    lambda rows: [row[::-1] for row in rows],
    lambda rows: rows[::-1],
    lambda rows: [list(column) for column in zip(*rows, strict=True)],
    lambda rows: [list(column)[::-1] for column in zip(*rows, strict=True)][::-1],
]
"""As it is, a quarter turn to the left, half a turn, a quarter turn to the right, left for right,
top for bottom, rows for columns, and the same along the other diagonal."""


def see(rows: Rows, name: str) -> Rows:
    """A grid under the view that a published identifier names."""
    if "|||" not in name:
        return rows
    _, turn, colours = name.split("|||")
    return PUBLISHED_TURNS[int(turn[1:])]([[int(colours[c]) for c in row] for row in rows])


def canvas(rows: Rows, side: int, top: int, left: int, pad: int = PAD) -> Rows:
    """The grid on its canvas, cell by cell."""
    height, width = len(rows), len(rows[0])

    def code(r: int, c: int) -> int:
        r, c = r - top, c - left
        if 0 <= r < height and 0 <= c < width:
            return rows[r][c] + 2
        below = r == height and 0 <= c < width
        right = c == width and 0 <= r < height
        return END if below or right else pad

    return [[code(r, c) for c in range(side)] for r in range(side)]


def crop(codes: Rows) -> Rows:
    """The largest rectangle at the upper left that holds colours alone, of all that there are."""
    best: Rows = []
    for height in range(1, len(codes) + 1):
        for width in range(1, len(codes[0]) + 1):
            part = [row[:width] for row in codes[:height]]
            coloured = all(2 <= code <= 11 for row in part for code in row)
            if coloured and height * width > sum(map(len, best)):
                best = [[code - 2 for code in row] for row in part]
    return best
