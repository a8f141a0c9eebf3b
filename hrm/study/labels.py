"""Names beside points of a plot that cover neither one another nor a point."""

from itertools import count
from typing import NamedTuple

GAP = 6.0
"""Between a point and its name, in typographic points (1/72 inch), as all lengths here."""
SIZE = 7.0
"""Of the letters."""
_LETTER, _LINE, _MARK = 4.2, 8.5, 7.0
"""Width of a letter; least distances from name to name, and from name to mark."""


class Point(NamedTuple):
    """A point of a plot and its name."""

    name: str
    x: float
    y: float


def heights(points: list[Point]) -> list[float]:
    """At which height each name stands: as near to its point as there is room."""
    placed: dict[int, float] = {}
    for i in sorted(range(len(points)), key=lambda i: points[i].y):
        tried = (points[i].y + way * step for step in count() for way in (1, -1))
        placed[i] = next(y for y in tried if _is_free(points, placed, i, y))
    return [placed[i] for i in range(len(points))]


def _is_free(points: list[Point], placed: dict[int, float], i: int, y: float) -> bool:
    names = (abs(y - at) >= _LINE for j, at in placed.items() if _meet(_span(points[i]), points[j]))
    left, right = _span(points[i])
    marks = (abs(y - p.y) >= _MARK for p in points if left - GAP / 2 < p.x < right)
    return all(names) and all(marks)


def _meet(span: tuple[float, float], other: Point) -> bool:
    left, right = _span(other)
    return span[0] < right and left < span[1]


def _span(point: Point) -> tuple[float, float]:
    """From where to where its name reaches."""
    return point.x + GAP, point.x + GAP + _LETTER * len(point.name)
