"""What a run is: task, model and training settings, their defaults, their limits, and YAML.

The one source of names and defaults. The docstring under a field is its manual: `hrm train --help`
prints it. Settings are frozen, unknown keys are refused, and nothing here imports torch.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hrm.config.yaml_text import parse_yaml, to_yaml
from hrm.files import read_text

Count = Annotated[int, Field(ge=1, le=1_000_000)]
BoardSize = Annotated[int, Field(ge=2, le=64)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Probability = Annotated[float, Field(ge=0, lt=1)]

MAX_WIDTH = 8192
MAX_PARAMETERS = 1_000_000_000
MAX_CONFIG_BYTES = 2**16
MAX_BOARD_BYTES = 2**33
MAX_STEPS = 10_000

HELD_OUT_SEED = 2**31 - 1
"""The `task.seed` of boards that no run trains on; report test results on them."""


class ConfigError(ValueError):
    """Settings that cannot be used; the message has one line a field."""


class Section(BaseModel):
    """Shared rules: frozen, strict types, unknown keys refused, a docstring under each field."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class TaskConfig(Section):
    """The puzzle: boards, how many, and where they come from."""

    board_size: BoardSize = 10
    """Cells on a side of the board (N)."""
    board_sizes: Annotated[list[BoardSize], Field(min_length=1, max_length=63)] | None = None
    """Train and validate on boards of several sizes, such as [6, 8, 10], in equal shares; each
    batch is of one size. `board_size` must be among them. Needs a model whose positions allow any
    size (`rope_2d`). Unset: `board_size` alone."""
    wall_prob: Annotated[float, Field(ge=0, le=0.9)] = 0.3
    """Probability that a cell is a wall (obstacle density)."""
    train_count: Count = 4000
    """Training boards; with `stream`, the boards of one epoch."""
    val_count: Count = 500
    """Validation boards, drawn together with the training boards and disjoint from them."""
    seed: Seed = 0
    """Names the boards: the same seed gives the same boards everywhere."""
    stream: bool = False
    """Fresh boards each epoch instead of a fixed set; never a validation or held-out board."""
    augment: bool = False
    """Show each board, each epoch, under a random one of the square's eight symmetries, with the
    label computed anew (the rule that picks one of several shortest paths is not symmetric)."""
    move_ends: Annotated[int, Field(ge=0, le=4)] = 0
    """Show each board, each epoch, with START and END drawn anew among the cells that are not
    walls, where a path joins them, and with the label computed anew. 1: any such pair; 2 to 4: the
    farthest apart of so many, for longer paths; 0: as they are."""
    train_boards: str | None = None
    """A file of your own training boards; sets `train_count`, and as a flag `board_size` too,
    unless a model is fine-tuned."""
    val_boards: str | None = None
    """A file of your own validation boards; without it, the last tenth of `train_boards`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.seed == HELD_OUT_SEED:
            raise ValueError(f"seed: {HELD_OUT_SEED} names the held-out boards; use another seed")
        if self.val_boards and not self.train_boards:
            raise ValueError("val_boards: needs train_boards; name both files or neither")
        if self.train_boards and self.stream:
            raise ValueError("stream: boards of a file cannot stream; set stream=false")
        if self.board_sizes:
            self._require_sizes(self.board_sizes)
        # With its label and as tokens, a cell takes 18 bytes.
        cells = max(self.board_sizes or [self.board_size]) ** 2
        if (self.train_count + self.val_count) * cells * 18 > MAX_BOARD_BYTES:
            raise ValueError(
                f"train_count: {self.train_count} boards of this size would take over 8 GiB of"
                " memory an epoch; use fewer, and more epochs"
            )
        return self

    def _require_sizes(self, sizes: list[int]) -> None:
        if len(set(sizes)) < len(sizes):
            raise ValueError(f"board_sizes: {sizes} names a size twice; name each once")
        if self.board_size not in sizes:
            raise ValueError(
                f"board_size: {self.board_size} is not among board_sizes {sizes}; set it to one of"
                " them, the size that the model is used at by default"
            )
        if self.train_boards:
            raise ValueError("board_sizes: boards of a file are of one size; unset board_sizes")
        if min(self.train_count, self.val_count) < len(sizes):
            raise ValueError(
                f"board_sizes: {len(sizes)} sizes, but train_count {self.train_count} and val_count"
                f" {self.val_count}; each size needs a board of either"
            )

    def of_each_size(self) -> list["TaskConfig"]:
        """The task for each of `board_sizes`, with its share of the boards; without them, itself.

        Where the counts do not divide evenly, the first sizes get one board more.
        """
        if not self.board_sizes:
            return [self]
        kinds = len(self.board_sizes)
        return [
            self.model_copy(
                update={
                    "board_size": size,
                    "board_sizes": None,
                    "train_count": self.train_count // kinds + (i < self.train_count % kinds),
                    "val_count": self.val_count // kinds + (i < self.val_count % kinds),
                }
            )
            for i, size in enumerate(self.board_sizes)
        ]


class ModelConfig(Section):
    """The network. Every parameter is explained at length in `hrm/models/hrm.py`."""

    d_model: Annotated[int, Field(ge=1, le=MAX_WIDTH)] = 256
    """Width of the vector that represents each cell."""
    head_cnt: Annotated[int, Field(ge=1, le=256)] = 4
    """Attention heads; must divide `d_model`."""
    sdpa_dropout: Probability = 0.1
    """Dropout on the attention weights."""
    dropout: Probability = 0.1
    """Dropout on the output of each sublayer, before the residual is added."""
    bias_qkv: bool = False
    """Biases in the query, key and value projections."""
    bias_o: bool = False
    """Bias in the attention output projection."""
    head_bias: bool = False
    """Bias in the linear head that reads the answer out of the H state."""
    expansion: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Size of the MLP: the inner width of SwiGLU is int(expansion · d_model · 2/3)."""
    elementwise_affine: bool = True
    """Learnable scale in RMSNorm."""
    H_block_cnt: Annotated[int, Field(ge=1, le=256)] = 4
    """Blocks in the H (slow) module."""
    L_block_cnt: Annotated[int, Field(ge=1, le=256)] | None = None
    """Blocks in the L (fast) module; unset: as many as H. Must be unset with `modules: H`."""
    H_cycle_cnt: Annotated[int, Field(ge=1, le=1024)] = 2
    """H updates a segment ("think time")."""
    L_cycle_cnt: Annotated[int, Field(ge=1, le=1024)] = 2
    """L updates for each H update ("think time")."""
    learnable_z_init: bool = True
    """Learn the initial states, wherever gradient reaches them; otherwise they stay as drawn."""
    use_rope: bool = True
    """Rotary positions in attention, along the flattened board."""
    rope_2d: bool = False
    """Rotary positions by row and by column instead; needs `use_rope`."""
    use_abs_pos: bool = False
    """Learned positions, added to the tokens."""
    local_mixing: bool = False
    """A depthwise 3×3 convolution over the board as a sublayer before attention."""
    modules: Literal["HL", "H"] = "HL"
    """Two modules (HL), or one that does all H_cycle_cnt × L_cycle_cnt updates (H)."""
    grad_horizon: Literal["one_step", "full"] | Annotated[int, Field(ge=1)] = "one_step"
    """How many of a segment's last H×L steps carry gradient: one_step (1), full (all), or a number.
    """
    infer_segment_cnt: Annotated[int, Field(ge=1, le=10_000)] = 2
    """Segments to think for at inference."""

    @property
    def step_cnt(self) -> int:
        """Steps of a segment: H_cycle_cnt × L_cycle_cnt."""
        return self.H_cycle_cnt * self.L_cycle_cnt

    @property
    def grad_step_cnt(self) -> int:
        """How many of a segment's last steps carry gradient, as a number."""
        named = {"one_step": 1, "full": self.step_cnt}
        return named[self.grad_horizon] if isinstance(self.grad_horizon, str) else self.grad_horizon

    @property
    def frames_per_segment(self) -> int:
        """Updates of the answering module a segment: the frames that an animation shows."""
        return self.H_cycle_cnt if self.modules == "HL" else self.step_cnt

    @property
    def tied_to_size_by(self) -> str | None:
        """What ties the network to the board size that it was trained on; None: it takes any size.

        Learned positions exist for that size alone. Positions along the flattened board exist for
        any, but mean other rows and columns there, so nothing that was learned would carry over.
        """
        if self.use_abs_pos:
            return "learned positions (use_abs_pos)"
        if self.use_rope and not self.rope_2d:
            return "positions counted along the flattened board (use_rope without rope_2d)"
        return None

    def _nearest_width(self, head_multiple: int) -> int:
        """A width that fits: the next larger one, or the largest there is."""
        step = self.head_cnt * head_multiple
        return min(-(-self.d_model // step), MAX_WIDTH // step) * step

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        needed, reason = (
            (4, "rope_2d") if self.rope_2d else (2, "RoPE") if self.use_rope else (1, "")
        )
        if self.d_model % self.head_cnt:
            raise ValueError(
                f"d_model: {self.d_model} is not divisible by head_cnt {self.head_cnt};"
                f" use d_model={self._nearest_width(needed)}"
            )
        head_width = self.d_model // self.head_cnt
        if head_width % needed:
            raise ValueError(
                f"d_model: a head is d_model/head_cnt = {head_width} wide, but {reason} needs a"
                f" multiple of {needed}; use d_model={self._nearest_width(needed)}"
            )
        if self.rope_2d and not self.use_rope:
            raise ValueError("rope_2d: needs use_rope=true")
        if self.modules == "H" and self.L_block_cnt is not None:
            raise ValueError("L_block_cnt: there is no L module with modules=H; set it to null")
        blocks = self.H_block_cnt + (self.modules == "HL") * (self.L_block_cnt or self.H_block_cnt)
        weights = blocks * self.d_model**2 * (4 + 2 * self.expansion)
        if weights > MAX_PARAMETERS:
            raise ValueError(
                f"d_model: {self.d_model} with {blocks} blocks makes {weights:,.0f} weights; up to"
                f" {MAX_PARAMETERS:,} are allowed, so make the model smaller"
            )
        if self.step_cnt > MAX_STEPS:
            raise ValueError(
                f"H_cycle_cnt: {self.H_cycle_cnt} × L_cycle_cnt {self.L_cycle_cnt} makes"
                f" {self.step_cnt:,} steps a segment; up to {MAX_STEPS:,} are allowed"
            )
        if self.grad_step_cnt > self.step_cnt:
            raise ValueError(
                f"grad_horizon: {self.grad_horizon} is more than the segment's"
                f" {self.step_cnt} steps (H_cycle_cnt × L_cycle_cnt); use full"
            )
        return self


class TrainConfig(Section):
    """How the network learns."""

    epoch_cnt: Count = 30
    """Passes over the training boards."""
    batch_size: Count = 64
    """Boards a batch; the last, smaller batch of an epoch is kept."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for every parameter, or Muon for the matrices of the blocks (needs PyTorch 2.9)."""
    lr: Annotated[float, Field(gt=0, le=10)] = 3e-4
    """Learning rate; the peak, with warm-up or a schedule."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Weight decay, on every parameter."""
    grad_clip: Annotated[float, Field(ge=0)] = 0.0
    """Largest norm of the gradient; 0: no clipping."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimizer updates over which the learning rate rises linearly from 0."""
    lr_schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up: stay at `lr`, or fall to 0 along half a cosine."""
    init_from: str | None = None
    """A trained model to start from (fine-tuning); without it, weights are drawn by `seed`."""
    best_by: Literal["val_loss", "board_acc"] = "val_loss"
    """Which epoch's model is the best: the lowest validation loss, or the highest board acc; of
    equal ones the earliest."""
    train_segment_cnt: Annotated[int, Field(ge=1, le=10_000)] = 2
    """Segments each batch is thought about in training, with an optimizer update after each."""
    depth_curriculum: bool = False
    """Begin with shallow segments: a third of `H_cycle_cnt` for the first 30 % of training, two
    thirds until 60 %, then all."""
    seed: Seed = 0
    """Names the initial weights, the order of the boards and the dropout masks."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a moving average of the weights, used for evaluation and kept as the model; 0: off.
    """
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Save at least this often within an epoch; every epoch's end is saved anyway."""
    micro_batch: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Boards computed at a time, gradients accumulated over the batch; 0: as many as fit the cache
    on CPU, the whole batch elsewhere."""
    threads: Annotated[int, Field(ge=0, le=4096)] = 0
    """CPU threads; 0: one for each core."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto: CUDA, else MPS, else CPU."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic: float32, or bfloat16 autocast, which is faster on processors that have it in
    hardware and slower on others."""
    kernels: Literal["auto", "fused", "plain"] = "auto"
    """What computes between the matrix products: plain PyTorch, or fused kernels of the same
    mathematics (on CPU; Linux and a C compiler needed); auto: fused where they can be had."""
    compile: bool = False
    """Compile the model with torch.compile (needs a C++ compiler on CPU)."""


class RunConfig(Section):
    """A whole run."""

    task: TaskConfig = TaskConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.task.board_sizes and self.model.tied_to_size_by:
            raise ValueError(
                "task.board_sizes: this model works on one size only, because of its"
                f" {self.model.tied_to_size_by}; set model.rope_2d=true and"
                " model.use_abs_pos=false"
            )
        return self

    def to_yaml(self) -> str:
        """The YAML text that `load_config` reads back to an equal config."""
        return to_yaml(self.model_dump())

    def derive(self, **changes: Any) -> "RunConfig":
        """A copy with some keys changed, each named with two underscores: ``train__lr=1e-3``."""
        keys = {key.replace("__", ".", 1): value for key, value in changes.items()}
        return validate(merge(self.model_dump(), nest(keys)))


SECTIONS: dict[str, type[Section]] = {
    "task": TaskConfig,
    "model": ModelConfig,
    "train": TrainConfig,
}


def load_config(
    base: RunConfig, files: tuple[str, ...] = (), overrides: tuple[str, ...] = ()
) -> RunConfig:
    """`base`, then the YAML files in order, then the ``key=value`` settings in order.

    Raises:
        ValueError: naming every field at fault, its value and what to do, or the file and line.
    """
    settings = base.model_dump()
    for file in files:
        settings = merge(settings, _read_yaml(file))
    for override in overrides:
        settings = merge(settings, _parse_override(override))
    return validate(settings)


def validate(settings: dict[str, Any]) -> RunConfig:
    """The config of a nested dictionary.

    Raises:
        ConfigError: one line a field.
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error))) from None


def explain(error: ValidationError, section: str = "") -> list[str]:
    """One line for each key at fault: what is wanted, the value, and for typos a guess.

    Args:
        error: of a `RunConfig`, or of one section.
        section: the section's name, if it is of one.
    """
    lines: dict[str, str] = {}
    for problem in error.errors():
        # Of the branches of a union (int, "full") the first one speaks for all.
        lines.setdefault(_key_of(problem, section), _explain_one(problem, section))
    return list(lines.values())


def config_keys() -> dict[str, Any]:
    """Every dotted key and its pydantic field (default, description), in order."""
    return {
        f"{section}.{name}": field
        for section, cls in SECTIONS.items()
        for name, field in cls.model_fields.items()
    }


def merge(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`settings` with the sections of `changes` laid over it; neither is altered."""
    merged = dict(settings)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = (
            {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def nest(keys: dict[str, Any]) -> dict[str, Any]:
    """``{"train.lr": 1}`` as ``{"train": {"lr": 1}}``.

    Raises:
        ConfigError: if a key is there in both spellings.
    """
    nested: dict[str, Any] = {}
    for key, value in keys.items():
        section, _, name = str(key).partition(".")
        part = {name: value} if name else value
        before = nested.get(section)
        if isinstance(part, dict) and isinstance(before, dict) and part.keys() & before.keys():
            twice = next(name for name in part if name in before)
            raise ConfigError(f"{section}.{twice}: is given twice; leave one out")
        nested = merge(nested, {section: part})
    return nested


def _read_yaml(file: str) -> dict[str, Any]:
    settings = parse_yaml(read_text(Path(file), MAX_CONFIG_BYTES), source=file)
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}: expected sections {', '.join(SECTIONS)}")
    return nest(settings)


def _parse_override(override: str) -> dict[str, Any]:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override}: expected key=value, such as train.lr=1e-3")
    if "." not in key and key not in SECTIONS:
        raise ConfigError(_unknown(key))
    return nest({key: parse_yaml(value, source=key)})


def _key_of(problem: Any, section: str) -> str:
    # What follows the key in pydantic's location are the branches of a union.
    path = [str(part) for part in problem["loc"]]
    return ".".join([section, *path[:1]] if section else path[:2])


def _explain_one(problem: Any, section: str) -> str:
    key = _key_of(problem, section)
    if problem["type"] == "extra_forbidden":
        return _unknown(key)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}.{message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r}"


def _unknown(key: str) -> str:
    known = [*config_keys(), *SECTIONS]
    names = {k.rpartition(".")[2].lower(): k for k in known}
    name = key.rpartition(".")[2].lower()
    # The same name elsewhere or in another case, else the nearest key, else the nearest name.
    close = [names[name]] if name in names else difflib.get_close_matches(key, known, n=1)
    close = close or [names[n] for n in difflib.get_close_matches(name, names, n=1)]
    guess = f"perhaps you meant {close[0]}" if close else "`hrm train --help` lists the keys"
    return f"{key}: unknown key; {guess}"
