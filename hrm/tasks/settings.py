"""The settings that every task has; a task's own come on top."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from hrm.section import Count, Section, Seed
from hrm.tasks.grid import Shape

HELD_OUT_SEED = 2**31 - 1
"""The `task.seed` of puzzles that no run trains on; report test results on them."""

_MAX_BYTES = 2**33
_BYTES_A_CELL = 18
"""With its label and as tokens, a cell takes so many."""


class TaskSettings(Section):
    """The puzzle: which, how many, and where they come from."""

    shape_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that hold rows and columns, or the one that holds both; empty: `rows` and `columns`
    where there are such keys, else `size`."""

    name: str = ""
    """The task: one that comes with hrm (`hrm info` lists them), FILE.py:Class, or
    package.module:Class."""
    train_count: Count = 4000
    """Training puzzles; with `stream`, the puzzles of one epoch."""
    val_count: Count = 500
    """Validation puzzles, drawn together with the training puzzles and disjoint from them."""
    seed: Seed = 0
    """Names the puzzles: the same seed gives the same ones everywhere."""
    stream: bool = False
    """Fresh puzzles each epoch instead of a fixed set; never a validation or held-out puzzle."""
    augment: bool = False
    """Show each puzzle, each epoch, under a random one of its symmetries."""
    train_boards: str | None = None
    """A file of your own training puzzles; sets `train_count`, and as a flag the size too, unless a
    model is fine-tuned."""
    val_boards: str | None = None
    """A file of your own validation puzzles; without it, the last tenth of `train_boards`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.seed == HELD_OUT_SEED:
            raise ValueError(f"seed: {HELD_OUT_SEED} names the held-out puzzles; use another seed")
        if self.val_boards and not self.train_boards:
            raise ValueError("val_boards: needs train_boards; name both files or neither")
        if self.train_boards and self.stream:
            raise ValueError("stream: puzzles of a file cannot stream; set stream=false")
        cells = max(rows * columns for rows, columns in (part.shape for part in self.parts()))
        if (self.train_count + self.val_count) * cells * _BYTES_A_CELL > _MAX_BYTES:
            raise ValueError(
                f"train_count: {self.train_count} puzzles of this size would take over 8 GiB of"
                " memory an epoch; use fewer, and more epochs"
            )
        return self

    @property
    def shape(self) -> Shape:
        """Rows and columns of the puzzles."""
        sides = [getattr(self, key) for key in self._shape_keys()]
        return sides[0], sides[-1]

    def with_shape(self, shape: Shape) -> Self:
        """The same settings for puzzles of another shape.

        Raises:
            ValueError: if there are no such puzzles.
        """
        keys = self._shape_keys()
        if len(keys) == 1 and shape[0] != shape[1]:
            raise ValueError(f"{keys[0]}: {shape[0]}×{shape[1]} is not square")
        values = dict(zip(keys, shape if len(keys) > 1 else shape[:1], strict=True))
        return type(self).model_validate({**self.model_dump(), **values})

    def parts(self) -> "list[Self]":
        """The settings for each shape that a run trains on, with its share of the puzzles."""
        return [self]

    def shared(self, shapes: "list[dict[str, object]]") -> "list[Self]":
        """For `parts`: a copy for each of several shapes, with its share of the puzzles.

        Where the counts do not divide evenly, the first ones get one more.

        Args:
            shapes: for each, the keys that differ.
        """
        kinds = len(shapes)
        return [
            self.model_copy(
                update={
                    **keys,
                    "train_count": self.train_count // kinds + (i < self.train_count % kinds),
                    "val_count": self.val_count // kinds + (i < self.val_count % kinds),
                }
            )
            for i, keys in enumerate(shapes)
        ]

    @classmethod
    def _shape_keys(cls) -> tuple[str, ...]:
        both = ("rows", "columns")
        return cls.shape_keys or (both if set(both) <= cls.model_fields.keys() else ("size",))


OF_A_RUN = ("train_count", "val_count", "seed", "stream", "augment", "train_boards", "val_boards")
"""The keys that say which puzzles a run sees, not what kind of puzzle they are."""

Side = Annotated[int, Field(ge=1, le=256)]
"""Cells on a side of a grid."""
