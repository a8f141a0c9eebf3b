"""The settings of ARC: which tasks, and how many views of each."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from hrm.tasks.arc.grids import LARGEST
from hrm.tasks.given import GivenSettings


class ArcSettings(GivenSettings):
    """Which tasks, and how many views of each."""

    of_one_shape: ClassVar[dict[str, object]] = {}
    begins_with: ClassVar[dict[str, object]] = {
        "stream": False,
        "augment": False,
        "val_count": 100,
    }

    name: str = "arc"
    version: Literal["arc1", "arc2"] = "arc1"
    """The public set: ARC-AGI-1 (400 training and 400 evaluation tasks) or ARC-AGI-2 (1,000 and
    120)."""
    split: Literal["both", "training", "evaluation"] = "both"
    """Whose tasks: of both parts, of the training part or of the evaluation part. The test pairs of
    evaluation tasks are the test; with `training`, those of the training tasks are."""
    take: Annotated[int, Field(ge=1)] | list[str | int] | None = None
    """Take only so many tasks of each part, the first by name, or only the tasks of these names."""
    size: Annotated[int, Field(ge=1, le=LARGEST)] = LARGEST
    """Cells on a side of the canvas. Tasks with a larger grid are left out."""
    augmentations: Annotated[int, Field(ge=0, le=100_000)] = 8
    """Views of each task beside the plain one: turned or mirrored, with colours exchanged. The
    published figures are with 1000. An epoch shows each task under one of its views."""
    augmentation_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Names the views."""
    translate: bool = True
    """Put the grids of training at random places on the canvas, input and output alike."""
    train_count: Annotated[int, Field(ge=1, le=100_000_000)] = 4000
    """Set to the number of training pairs, each counted once."""
    val_count: Annotated[int, Field(ge=1, le=100_000_000)] = 100
    """Training pairs to validate on: the last one of each task, of the first so many tasks at most.
    They are not trained on. The test pairs are for `hrm evaluate`."""

    @field_validator("take")
    @classmethod
    def _as_names(cls, take: Any) -> Any:
        # YAML reads a name of figures alone as a number.
        return (
            [f"{name:08d}" if type(name) is int else name for name in take]
            if isinstance(take, list)
            else take
        )

    @model_validator(mode="after")
    def _without_other_views(self) -> Self:
        if self.augment:
            raise ValueError(
                "augment: the views of a task are augmentations; set task.augment=false"
            )
        return self
