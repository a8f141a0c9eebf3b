"""What a run is: a task, a model and a training."""

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from hrm.config import networks
from hrm.config.model import ModelConfig
from hrm.config.nested import lay_over, nest
from hrm.config.train import TrainConfig
from hrm.config.yaml_text import to_yaml
from hrm.section import Section
from hrm.tasks import registry
from hrm.tasks.settings import TaskSettings

# Which keys there are depends on the network; a type checker cannot know it.
if TYPE_CHECKING:
    _Model = Any
else:
    _Model = networks.NetworkConfig


class RunConfig(Section):
    """A whole run."""

    task: SerializeAsAny[TaskSettings] = Field(default_factory=lambda: registry.read_settings({}))
    model: _Model = ModelConfig()
    train: TrainConfig = TrainConfig()

    @field_validator("task", mode="before")
    @classmethod
    def _read_task(cls, value: Any) -> Any:
        """The keys of the section are those of the task that it names."""
        return registry.read_settings(value) if isinstance(value, dict) else value

    @field_validator("model", mode="before")
    @classmethod
    def _read_model(cls, value: Any) -> Any:
        """The keys of the section are those of the network that it names."""
        if isinstance(value, dict):
            return networks.read_settings(value)
        return value if isinstance(value, Section) else ModelConfig.model_validate(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.task.parts()) > 1 and self.model.tied_to_size_by:
            keys = ", ".join(f"task.{key}" for key in self.task.of_one_shape) or "task"
            raise ValueError(
                f"{keys}: puzzles of several sizes, but this model works on one size only, because"
                f" of its {self.model.tied_to_size_by}; set model.rope_2d=true and"
                " model.use_abs_pos=false"
            )
        if self.train.halt == "learned":
            self._require_halting()
        elif self.train.epoch_updates:
            raise ValueError("train.epoch_updates: needs train.halt=learned; set it to 0")
        if self.train.held_cells and not self.train.free_segment_cnt:
            raise ValueError(
                "train.held_cells: cells are held in free segments; set train.free_segment_cnt"
            )
        return self

    def _require_halting(self) -> None:
        if isinstance(self.model, ModelConfig):
            raise ValueError(
                "train.halt: learned needs a network that says when it is done; set"
                " model.network=hrm_act or trm"
            )
        if self.train.free_segment_cnt:
            raise ValueError("train.free_segment_cnt: needs train.halt=fixed; set it to 0")
        if len(self.task.parts()) > 1:
            raise ValueError("train.halt: learned needs puzzles of one size; use fixed")

    def to_yaml(self) -> str:
        """The YAML text that `load.load_config` reads back to an equal config."""
        return to_yaml(self.model_dump())

    def derive(self, **changes: Any) -> "RunConfig":
        """A copy with some keys changed, each named with two underscores: ``train__lr=1e-3``.

        Raises:
            pydantic.ValidationError: (a ValueError) with every key at fault.
        """
        keys = {key.replace("__", ".", 1): value for key, value in changes.items()}
        return RunConfig.model_validate(lay_over(self.model_dump(), nest(keys)))
