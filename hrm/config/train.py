"""The settings of a training, their defaults and their limits.

The one source of names and defaults. The docstring under a field is its manual: `hrm train --help`
prints it. Settings are frozen, unknown keys are refused, and nothing here imports torch.
"""

from typing import Annotated, Literal

from pydantic import Field

from hrm.section import Count, Section, Seed


class TrainConfig(Section):
    """How the network learns."""

    epoch_cnt: Count = 30
    """Passes over the training boards."""
    batch_size: Count = 64
    """Boards a batch; the last, smaller batch of an epoch is kept."""
    optimizer: Literal["adamw", "muon", "adam_atan2"] = "adamw"
    """AdamW for every parameter, Muon for the matrices of the blocks (needs PyTorch 2.9), or
    AdamATan2, which the published HRM and TRM use."""
    lr: Annotated[float, Field(gt=0, le=10)] = 3e-4
    """Learning rate; the peak, with warm-up or a schedule."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Weight decay, on every parameter."""
    beta2: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay of the mean square of gradients; unset: 0.95 with adam_atan2, otherwise 0.999."""
    puzzle_lr: Annotated[float, Field(gt=0, le=10)] = 1e-2
    """Learning rate of the vectors of puzzle identifiers (networks hrm_act and trm)."""
    puzzle_weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Weight decay of the vectors of puzzle identifiers."""
    loss: Literal["softmax", "stablemax"] = "softmax"
    """What makes probabilities of logits in the cross-entropy; stablemax is computed in float64."""
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
    """Segments each batch is thought about in training, with an optimizer update after each; with
    `halt: learned`, the most of them."""
    free_segment_cnt: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Before a batch is learned from, think about it for 0 to so many segments, drawn anew for each
    batch. The network learns to go on from such states, however long it has thought."""
    held_cells: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """In some of the free segments, hold cells at their initial state: of each puzzle a part as
    large as this at most. What they would have told the others comes late, so these learn to wait,
    as they must on larger puzzles."""
    halt: Literal["fixed", "learned"] = "fixed"
    """When the next puzzle takes a place in the batch: after `train_segment_cnt` segments, or when
    the network says that it is done, which it learns (networks hrm_act and trm)."""
    epoch_updates: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """With `halt: learned`: updates of an epoch, after which the run validates; 0: as many as the
    training puzzles are whole batches."""
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.1
    """With `halt: learned`: how often a puzzle is thought about for at least 2 to
    `train_segment_cnt` segments, whatever the network says."""
    keep_drawn: bool = False
    """With `halt: learned`: puzzles wait until a place is free. Otherwise an update draws
    `batch_size` of them, as published, and those whose place is taken are dropped."""
    depth_curriculum: bool = False
    """Begin with shallow segments: a third of `H_cycle_cnt` for the first 30 % of training, two
    thirds until 60 %, then all."""
    seed: Seed = 0
    """Names the initial weights, the order of the boards and the dropout masks."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a moving average of the weights, used for evaluation and kept as the model; 0: off.
    """
    ema_warmup: bool = True
    """Give the first updates more weight in the moving average; false: as published."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Save at least this often within an epoch; every epoch's end is saved anyway."""
    micro_batch: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Boards computed at a time, gradients accumulated over the batch; 0: as many as fit the cache
    on CPU, the whole batch elsewhere."""
    threads: Annotated[int, Field(ge=0, le=4096)] = 0
    """CPU threads; 0: one for each core."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto: CUDA, else MPS, else CPU."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Arithmetic: float32, or bfloat16 autocast, which is twice as fast on processors that have it
    in hardware and ten times as slow on others; auto: bf16 where it is in hardware."""
    kernels: Literal["auto", "fused", "plain"] = "auto"
    """What computes between the matrix products: plain PyTorch, or fused kernels of the same
    mathematics (on CPU; Linux and a C compiler needed); auto: fused where they can be had."""
    compile: bool = False
    """Compile the model with torch.compile (needs a C++ compiler on CPU)."""
