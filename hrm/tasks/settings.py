"""The settings that every task has; a task's own come on top."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, ValidationError, model_validator

from hrm.section import Count, Section, Seed
from hrm.tasks.grid import Shape

HELD_OUT_SEED = 2**31 - 1
"""The `task.seed` of puzzles that no run trains on; report test results on them."""

LARGEST_SIDE = 256
"""Cells on a side of a grid."""

_MAX_BYTES = 2**33
_BYTES_A_CELL = 18
"""With its label and as tokens, a cell takes so many."""


class TaskSettings(Section):
    """The puzzle: which, how many, and where they come from."""

    shape_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that hold rows and columns, or the one that holds both; empty: `rows` and `columns`
    where there are such keys, else `size`."""

    of_one_shape: ClassVar[dict[str, object]] = {}
    """Keys with values, to be set where only one of several shapes is meant."""

    paths: ClassVar[tuple[str, ...]] = ("train_boards", "val_boards")
    """The keys that hold files and folders. They are absolute in a run's config, and a model folder
    says nothing of them."""

    begins_with: ClassVar[dict[str, object]] = {}
    """Keys with values that `hrm train TASK` starts from, whatever its preset says."""

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

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        # A task that gives a key another default need not repeat its manual.
        for key, field in TaskSettings.model_fields.items():
            own = cls.model_fields[key]
            own.description = own.description or field.description

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._require_shape()
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

    def _require_shape(self) -> None:
        if type(self).shape is not TaskSettings.shape:  # something else says it
            return
        for key in self.keys_of_shape():
            if key not in type(self).model_fields:
                raise ValueError(
                    f"{key}: the task's Config has no such key; give it size, or rows and columns"
                )
            side = getattr(self, key)
            if side is not None and not 1 <= side <= LARGEST_SIDE:
                raise ValueError(f"{key}: {side}; give 1 to {LARGEST_SIDE}")

    @property
    def shape(self) -> Shape:
        """Rows and columns of the puzzles.

        Raises:
            ValueError: if the settings declare no such keys.
        """
        missing = [key for key in self.keys_of_shape() if key not in type(self).model_fields]
        if missing:
            raise ValueError(
                f"{missing[0]}: no such key in {type(self).__name__}; declare size, or rows and"
                " columns, or name other keys in shape_keys"
            )
        sides = [getattr(self, key) for key in self.keys_of_shape()]
        return sides[0], sides[-1]

    def with_shape(self, shape: Shape) -> Self:
        """The same settings for puzzles of another shape.

        Raises:
            ValueError: if there are no such puzzles.
        """
        keys = self.keys_of_shape()
        if len(keys) == 1 and shape[0] != shape[1]:
            raise ValueError(f"{shape[0]} rows and {shape[1]} columns; this puzzle is square")
        values = dict(zip(keys, shape if len(keys) > 1 else shape[:1], strict=True))
        return self.changed({**self.of_one_shape, **values})

    def changed(self, values: dict[str, object]) -> Self:
        """The same settings with other values for some keys.

        Raises:
            ValueError: naming the first key that is at fault.
        """
        try:
            return type(self).model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            problem = error.errors()[0]
            words = problem["msg"].removeprefix("Value error, ")
            if problem["type"] != "value_error":
                words = f"{words[0].lower()}{words[1:]}, got {problem['input']!r}"
            raise ValueError(
                f"{'.'.join(map(str, problem['loc']))}: {words}".lstrip(": ")
            ) from None

    def parts(self) -> "list[Self]":
        """The settings for each shape that a run trains on, with its share of the puzzles; the
        model's own shape first."""
        return [self]

    def shared(self, shapes: "list[dict[str, object]]") -> "list[Self]":
        """For `parts`: a copy for each of several shapes, with its share of the puzzles; the
        model's own shape first.

        Where the counts do not divide evenly, the first of `shapes` get one more.

        Args:
            shapes: for each, the keys that differ.
        """
        kinds = len(shapes)
        copies = [
            self.model_copy(
                update={
                    **keys,
                    "train_count": self.train_count // kinds + (i < self.train_count % kinds),
                    "val_count": self.val_count // kinds + (i < self.val_count % kinds),
                }
            )
            for i, keys in enumerate(shapes)
        ]
        return sorted(copies, key=lambda part: part.shape != self.shape)

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Keys that change nothing, because of what others are set to."""
        return ()

    @classmethod
    def keys_of_shape(cls) -> tuple[str, ...]:
        both = ("rows", "columns")
        return cls.shape_keys or (both if set(both) <= cls.model_fields.keys() else ("size",))


OF_A_RUN = ("train_count", "val_count", "seed", "stream", "augment", "train_boards", "val_boards")
"""The keys that say which puzzles a run sees, not what kind of puzzle they are."""

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
"""Cells on a side of a grid."""
