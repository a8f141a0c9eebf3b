"""The settings of mazes, and which mazes can be drawn."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hrm.tasks.grid import Shape, shape_words
from hrm.tasks.settings import TaskSettings

SMALLEST_SIDE, LARGEST_SIDE = 2, 256
_PUBLISHED_SIDE, _PUBLISHED_STEPS = 30, 110

Side = Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]
_Sides = Annotated[list[Side], Field(min_length=2, max_length=2)]

_OF_KIND = {
    "min_path": ("hard",),
    "min_walls": ("hard",),
    "max_walls": ("hard",),
    "algorithm": ("perfect", "braided"),
    "openings": ("braided",),
}


class MazeSettings(TaskSettings):
    """Mazes: the shortest path from S to G."""

    rows: Side = 30
    """Rows of a maze, walls included."""
    columns: Side = 30
    """Columns of a maze, walls included."""
    sizes: Annotated[list[_Sides], Field(min_length=1, max_length=64)] | None = None
    """Train and validate on mazes of several sizes, such as [[15, 15], [15, 21]], in equal shares;
    each batch is of one size. `rows` and `columns` must be among them. Needs a model that takes any
    size. Unset: `rows` and `columns` alone."""
    kind: Literal["hard", "perfect", "braided"] = "hard"
    """hard: random walls and a long shortest path; perfect: exactly one path between any two cells;
    braided: a perfect maze with some walls opened, so that there are loops. The last two need odd
    sides."""
    min_path: Annotated[int, Field(ge=1)] | None = None
    """hard: the fewest steps of the shortest path. Unset: 110 at 30×30; on less cells in proportion
    to their number, on more in proportion to the sides."""
    min_walls: Annotated[float, Field(ge=0, le=0.7)] = 0.3
    """hard: the least part of all cells that are walls; each maze draws its own part, evenly."""
    max_walls: Annotated[float, Field(ge=0, le=0.7)] = 0.5
    """hard: the greatest part of all cells that are walls."""
    algorithm: Literal["depth_first", "wilson"] = "depth_first"
    """perfect, braided: depth_first has long winding passages; wilson draws every perfect maze with
    the same probability, which gives more and shorter dead ends."""
    openings: Annotated[float, Field(gt=0, le=1)] = 0.1
    """braided: the part of the walls between two rooms of a perfect maze that is opened."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for key in self.without_effect:
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key}: kind {self.kind} has no such key; leave it out, or set"
                    f" kind={' or kind='.join(_OF_KIND[key])}"
                )
        if self.min_walls > self.max_walls:
            raise ValueError(
                f"min_walls: {self.min_walls} is above max_walls {self.max_walls}; swap them"
            )
        if self.sizes:
            self._require_sizes(self.sizes)
        if not self.train_boards:
            for part in self.parts():
                part.require_drawable()
        return self

    @property
    def without_effect(self) -> tuple[str, ...]:
        """The keys of other kinds."""
        return tuple(key for key, kinds in _OF_KIND.items() if self.kind not in kinds)

    def _require_sizes(self, sizes: list[list[int]]) -> None:
        if len(set(map(tuple, sizes))) < len(sizes):
            raise ValueError(f"sizes: {sizes} names a size twice; name each once")
        if [self.rows, self.columns] not in sizes:
            raise ValueError(
                f"rows: {shape_words(self.shape)} is not among sizes {sizes}; set rows and columns"
                " to one of them, the size that the model is used at by default"
            )
        if self.train_boards:
            raise ValueError("sizes: mazes of a file are of one size; unset sizes")
        if min(self.train_count, self.val_count) < len(sizes):
            raise ValueError(
                f"sizes: {len(sizes)} sizes, but train_count {self.train_count} and val_count"
                f" {self.val_count}; each size needs a maze of either"
            )

    def parts(self) -> "list[Self]":
        """The settings for each of `sizes`, with its share of the mazes."""
        if not self.sizes:
            return [self]
        shapes = [{"rows": rows, "columns": columns} for rows, columns in self.sizes]
        return self.shared([{**shape, "sizes": None} for shape in shapes])

    def with_shape(self, shape: Shape) -> Self:
        """The same settings for mazes of another shape.

        Any rectangle can be read and solved. Whether mazes of that shape can be drawn is another
        question, see `require_drawable`.

        Raises:
            ValueError: if a side is too short or too long.
        """
        sides = dict(zip(("rows", "columns"), shape, strict=True))
        for key, side in sides.items():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ValueError(
                    f"{side} {key}; mazes have {SMALLEST_SIDE} to {LARGEST_SIDE} {key}"
                )
        return self.model_copy(update={**sides, "sizes": None})

    def require_drawable(self) -> None:
        """Refuse a shape of which the kind has no mazes, or none that could be found.

        Raises:
            ValueError: naming the key and the remedy.
        """
        if self.kind == "hard":
            self._require_path()
            return
        for key, side in (("rows", self.rows), ("columns", self.columns)):
            if side % 2 == 0:
                higher = min(side + 1, LARGEST_SIDE - 1)
                remedy = " or ".join(str(s) for s in sorted({side - 1, higher}) if s > 2)
                raise ValueError(
                    f"{key}: {side} is even; {self.kind} mazes need odd sides: {remedy}"
                )
        if self.kind == "braided" and min(self.shape) < 5:
            raise ValueError(
                f"rows: {shape_words(self.shape)} has no room for loops; use 5 or more"
            )
        if self.shape == (3, 3):
            raise ValueError("rows: a perfect maze of 3×3 has a single room; use 3×5 or more")

    @property
    def wall_counts(self) -> range:
        """hard: the numbers of walls that a maze may have; one, if no whole number lies between."""
        cells = self.rows * self.columns
        least = math.ceil(self.min_walls * cells - 1e-9)  # 0.07 · 100 is a little above 7
        return range(least, max(least, math.floor(self.max_walls * cells + 1e-9)) + 1)

    @property
    def least_steps(self) -> int:
        """hard: `min_path`, or its default for this shape."""
        if self.min_path is not None:
            return self.min_path
        by_cells = _PUBLISHED_STEPS * self.rows * self.columns // _PUBLISHED_SIDE**2
        by_sides = _PUBLISHED_STEPS * (self.rows + self.columns) // (2 * _PUBLISHED_SIDE)
        return max(1, min(by_cells, by_sides, self._most_steps))

    @property
    def _most_steps(self) -> int:
        """The longest path that is asked for.

        Longer ones exist, but take too long to come by. Where there is much wall, the floor is what
        lacks; where there is little, the walls that turn a path aside do.
        """
        cells, sides = self.rows * self.columns, self.rows + self.columns
        by_floor = 2 * (cells - self.wall_counts[-1]) // 5
        by_walls = sides - 2 + 3 * self.wall_counts[0] ** 2 // (2 * cells)
        return max(1, min(by_floor, by_walls, 4 * sides))

    def _require_path(self) -> None:
        if self.min_path is not None and self.min_path > self._most_steps:
            raise ValueError(
                f"min_path: {self.min_path} steps are too many at {shape_words(self.shape)} with"
                f" {self.min_walls:.0%} to {self.max_walls:.0%} walls; use up to"
                f" {self._most_steps}, or a larger maze"
            )
