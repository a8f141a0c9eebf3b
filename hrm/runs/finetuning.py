"""Starting from a trained model instead of random weights."""

from typing import Any

from hrm.config.model import ModelConfig
from hrm.config.networks import NetworkConfig
from hrm.config.schema import RunConfig
from hrm.models.network import Network
from hrm.models.networks import from_pretrained, make_network
from hrm.tasks import registry


def model_to_start_from(config: RunConfig) -> Network | None:
    """The model that the config describes, with the weights of `train.init_from`.

    Returns:
        The model; None if there is no `train.init_from`.

    Raises:
        ValueError: naming the first setting that does not fit those weights.
    """
    if config.train.init_from is None:
        return None
    trained, task = from_pretrained(config.train.init_from), registry.make(config.task)
    trained.require_shape(task.shape)
    asked, old = _network(config.model), _network(trained.config)
    for key, value in asked.items():
        if old[key] != value:
            raise ValueError(
                f"model.{key}: {value!r}, but the model to start from has {old[key]!r}"
            )
    for name in ("input_codes", "answer_codes"):
        mine, its = getattr(task.grid, name), getattr(trained.grid, name)
        if mine != its:
            words = name.replace("_", " ")
            raise ValueError(
                f"train.init_from: {config.train.init_from} knows {its} {words}, but this task has"
                f" {mine}; start from a model that was trained on the same kind of puzzle"
            )
    model = make_network(config.model, task.grid, registry.describe(config.task))
    model.load_state_dict(trained.state_dict())
    return model


def _network(config: NetworkConfig) -> dict[str, Any]:
    """The settings that a network's weights depend on, defaults filled in."""
    values = config.model_dump(exclude=_FREE)
    if not isinstance(config, ModelConfig):
        return values
    if config.modules == "HL":
        values["L_block_cnt"] = config.L_block_cnt or config.H_block_cnt
    of_no_use = () if config.attention else _OF_ATTENTION
    used = {key: value for key, value in values.items() if key not in of_no_use}
    return {"attention": config.attention, **used}  # the first difference is what is named


_OF_ATTENTION = ("head_cnt", "bias_qkv", "bias_o", "use_rope", "rope_2d")
_FREE = {
    "sdpa_dropout",
    "dropout",
    "grad_horizon",
    "infer_segment_cnt",
    "H_cycle_cnt",
    "L_cycle_cnt",
}
"""Settings that may change for fine-tuning, because no weight depends on them."""
