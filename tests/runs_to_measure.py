"""A run that is over in a second, to be measured by the benchmarks."""

from hrm.config.presets import preset

TINY = preset("debug").derive(
    task__board_size=4,
    task__train_count=24,
    task__val_count=8,
    model__d_model=8,
    train__epoch_cnt=2,
    train__threads=1,
)
