"""Operations counted from the config alone, against what PyTorch counts while it computes."""

import pytest
import torch
from helpers import board_path
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hrm import ModelConfig, RunConfig
from hrm.models.hrm import HRM
from hrm.models.losses import cross_entropy
from hrm.models.operations import forward_flops, training_flops
from hrm.tasks.grid import Grid
from hrm.training.cost import run_flops

TINY = ModelConfig(d_model=24, head_cnt=2, H_block_cnt=1, L_block_cnt=2)
CONFIGS = {
    "H/L": {},
    "H/L, 3 × 2": {"H_cycle_cnt": 3, "L_cycle_cnt": 2, "grad_horizon": 3},
    "H/L, 2 × 3": {"H_cycle_cnt": 2, "L_cycle_cnt": 3, "grad_horizon": 4},
    "H/L, full": {"grad_horizon": "full"},
    "H-only (detached)": {"modules": "H", "L_block_cnt": None},
    "H-only (bptt)": {"modules": "H", "L_block_cnt": None, "grad_horizon": "full"},
    "other options": {"expansion": 1.7, "head_bias": True, "bias_o": True, "use_abs_pos": True},
}
GRIDS = {"square": board_path(4).grid, "oblong": Grid(3, 5, input_codes=4, answer_codes=11)}
SQUARE, BATCH = GRIDS["square"], 3


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_counts_what_torch_counts(changes, grid):
    config = ModelConfig(**{**TINY.model_dump(), **changes})
    model = HRM(config, grid)
    tokens = torch.randint(4, (BATCH, grid.cell_cnt))
    # The second segment: no gradient reaches into the first, as in training.
    with torch.no_grad():
        state, _ = model(model.initial_state(BATCH), tokens)
    # Written out, attention is products that the counter knows.
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as inference, torch.no_grad():
            model(state, tokens)
        with FlopCounterMode(display=False) as training:
            _, logits = model(state.detach(), tokens)
            cross_entropy(logits, tokens).backward()
    assert BATCH * sum(forward_flops(config, grid).values()) == inference.get_total_flops()
    assert sum(training_flops(config, grid, BATCH).values()) == training.get_total_flops()


def test_local_mixing_adds_a_convolution_to_every_block():
    config = ModelConfig(d_model=24, head_cnt=2, local_mixing=True)
    plain = config.model_copy(update={"local_mixing": False})
    model, tokens = HRM(config, SQUARE), torch.randint(4, (BATCH, SQUARE.cell_cnt))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(model.initial_state(BATCH).detach(), tokens)
    mixing, without = (sum(forward_flops(c, SQUARE).values()) for c in (config, plain))
    assert (
        BATCH * (mixing - without)
        == counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    )


def test_a_module_s_linear_layers_cost_two_operations_a_weight_and_cell():
    model = HRM(TINY, SQUARE)
    weights = sum(p.numel() for p in model.H.parameters() if p.dim() == 2)
    linear = sum(
        product.flops
        for product in forward_flops(TINY, SQUARE)
        if product.name.startswith("H ") and product.name.split()[-1] not in ("scores", "mix")
    )
    assert linear == 2 * weights * SQUARE.cell_cnt


def test_a_run_is_its_updates_each_on_boards_of_one_size():
    config = RunConfig().derive(
        model__rope_2d=True,
        task__board_size=4,
        task__board_sizes=[4, 6],
        task__train_count=5,  # three of the first size, two of the second
        train__epoch_cnt=7,
        train__train_segment_cnt=2,
    )
    small, large = (
        sum(training_flops(config.model, board_path(size).grid).values()) for size in (4, 6)
    )
    assert run_flops(config) == 7 * 2 * (3 * small + 2 * large)
