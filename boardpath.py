"""Train an HRM on board paths, or let it solve a random board: edit the two functions and run.

    python boardpath.py --mode train
    python boardpath.py --mode inference

Training writes a run folder, `runs/boardpath`; inference uses the newest of those, or, before the
first training, the model that comes with the library. It prints the input, target and predicted
boards and saves an animated GIF of the steps.
"""

import argparse

from hrm import ModelConfig, RunConfig, TaskConfig, TrainConfig
from hrm.cli import app, errors_as_exit_codes
from hrm.models.hub import DEFAULT_MODEL
from hrm.runs import folder as runs
from hrm.runs import launch

NAME = "boardpath"


def get_config() -> tuple[TaskConfig, ModelConfig]:
    """The task and the model; every parameter is documented in `hrm/models/hrm.py`."""
    task = TaskConfig(
        board_size=10,
        wall_prob=0.3,
        train_count=4000,
        val_count=500,
    )
    model = ModelConfig(
        d_model=256,
        head_cnt=4,
        H_block_cnt=4,
        L_block_cnt=4,
        H_cycle_cnt=2,
        L_cycle_cnt=2,
        sdpa_dropout=0.1,
        dropout=0.1,
        use_rope=True,
        use_abs_pos=False,
        infer_segment_cnt=2,
    )
    return task, model


def get_train_config() -> TrainConfig:
    """How the model is trained."""
    return TrainConfig(
        epoch_cnt=30,
        batch_size=64,
        lr=3e-4,
        weight_decay=0.01,
        train_segment_cnt=2,
    )


def main() -> None:
    """Read the mode and do it."""
    parser = argparse.ArgumentParser(description="Train an HRM on board paths, or solve one.")
    parser.add_argument("--mode", choices=["train", "inference"], required=True)
    parser.add_argument("--model", help="inference: another model than the newest trained one")
    arguments = parser.parse_args()
    with errors_as_exit_codes():
        if arguments.mode == "train":
            task, model = get_config()
            config = RunConfig(task=task, model=model, train=get_train_config())
            runs.start_numbered(NAME, lambda folder: launch.start(folder, config))
        else:
            app(["solve", "--model", arguments.model or newest_model(), "--gif", f"{NAME}.gif"],
                standalone_mode=False)  # fmt: skip


def newest_model() -> str:
    """The newest run of this script, or the bundled model."""
    try:
        return str(runs.newest_folder(NAME))
    except ValueError:
        return DEFAULT_MODEL


if __name__ == "__main__":
    main()
