"""Named configs, each a few changes away from another."""

from hrm.config.schema import RunConfig

_SPECIFICATION = RunConfig()

_ABLATION_BASE = _SPECIFICATION.derive(
    task__board_size=20, task__train_count=2000, train__epoch_cnt=40
)

_DEMO = _SPECIFICATION.derive(
    task__stream=True,
    task__train_count=8192,
    model__modules="H",
    model__d_model=128,
    model__H_block_cnt=1,
    model__H_cycle_cnt=6,
    model__L_cycle_cnt=1,
    model__grad_horizon="full",
    model__rope_2d=True,
    model__local_mixing=True,
    model__dropout=0.0,
    model__sdpa_dropout=0.0,
    model__infer_segment_cnt=4,
    train__epoch_cnt=20,
    train__batch_size=32,
    train__lr=2e-3,
    train__lr_schedule="cosine",
    train__warmup_steps=200,
    train__grad_clip=1.0,
    train__ema=0.999,
)

# Of short segments rather than long ones: as many updates of the state, more of the weights.
_RECORD = _DEMO.derive(
    task__board_size=20,
    task__stream=False,
    task__train_count=2000,
    task__augment=True,
    task__move_ends=1,
    model__head_cnt=2,
    model__H_cycle_cnt=3,
    train__epoch_cnt=22,
    train__batch_size=16,
    train__micro_batch=16,
    train__train_segment_cnt=4,
    train__optimizer="muon",
    train__precision="bf16",
    train__best_by="board_acc",
)

_DEBUG = _DEMO.derive(
    task__board_size=5,
    task__stream=False,
    task__train_count=512,
    task__val_count=64,
    model__d_model=32,
    model__head_cnt=2,
    model__H_cycle_cnt=4,
    model__infer_segment_cnt=2,
    train__epoch_cnt=6,
    train__batch_size=16,
    train__lr=5e-3,
    train__warmup_steps=0,
    train__ema=0.0,
)

PRESETS: dict[str, tuple[str, RunConfig]] = {
    "boardpath-10x10": ("the standard model: H/L, width 256, 10×10 boards", _SPECIFICATION),
    "boardpath-20x20": ("the same on 20×20 boards: the base of the ablation study", _ABLATION_BASE),
    "demo": ("the recipe of the bundled 10×10 model", _DEMO),
    "record-20x20": (
        "20×20 boards in about an hour, from 2,000 examples: docs/records.md",
        _RECORD,
    ),
    "debug": ("5×5 boards and a tiny model, done in seconds", _DEBUG),
}
"""What each preset is for, and its config."""

DEFAULT_PRESET = "boardpath-10x10"

DEFAULT_MODEL = "boardpath-10x10"
"""The bundled model that is used where none is named."""
