"""The published HRM and TRM: their sizes, their segments, their initial weights, their folders."""

import math
from typing import Any

import published_reference as reference
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import hrm
from hrm import HRM, TRM, HRMAct, HRMActConfig, Inputs, ModelConfig, TRMConfig
from hrm.config.load import load_config
from hrm.models.networks import make_network
from hrm.models.operations import forward_flops, training_flops
from hrm.models.published_layers import truncated_normal_
from hrm.tasks.grid import Grid

GRID = Grid(2, 3, input_codes=5, answer_codes=5, puzzle_identifiers=4)
SMALL: Any = {"d_model": 16, "head_cnt": 2, "expansion": 0.5}
NETWORKS = {
    "hrm_act": HRMActConfig(**SMALL, H_block_cnt=1, L_block_cnt=2),
    "hrm_act, learned": HRMActConfig(**SMALL, H_block_cnt=1, L_block_cnt=1, positions="learned"),
    "trm": TRMConfig(**SMALL, puzzle_token_cnt=3, H_cycle_cnt=2, L_cycle_cnt=2),
    "mixer": TRMConfig(**SMALL, puzzle_token_cnt=3, H_cycle_cnt=2, L_cycle_cnt=2, L_block_cnt=1,
                       mixing="mlp", positions="none"),
    "trm, full": TRMConfig(**SMALL, puzzle_token_cnt=1, H_cycle_cnt=2, L_cycle_cnt=1,
                           L_block_cnt=1, grad_horizon="full"),
}  # fmt: skip
SUDOKU, MAZE = Grid(9, 9, 11, 11), Grid(30, 30, 6, 6)


def network(name, grid=GRID) -> Any:
    """With a Q head and vectors of puzzles that are not 0."""
    torch.manual_seed(0)
    model = make_network(NETWORKS[name], grid)
    with torch.no_grad():
        model.q_head.weight.normal_()
        model.embedding.puzzles.weights.normal_(std=0.3)
    return model


def thought(model, tokens) -> tuple[torch.Tensor, torch.Tensor]:
    _, output = model(model.initial_state(len(tokens)), Inputs(tokens))
    return output.logits, output.halt


@pytest.mark.parametrize(
    ("config", "grid", "count"),
    [
        (HRMActConfig(), SUDOKU, 27_275_266),
        (TRMConfig(), SUDOKU, 6_828_034),
        (TRMConfig(), MAZE, 6_822_914),
        (TRMConfig(mixing="mlp", positions="none"), SUDOKU, 5_028_866),
    ],
)
def test_they_have_the_published_numbers_of_parameters(config, grid, count):
    # Counted is what the weights' optimizer moves: not the vectors of puzzle identifiers, which
    # grow with the data set, and not the fixed initial states. Both are buffers.
    with torch.device("meta"):
        model = make_network(config, grid)
    assert model.parameter_cnt == count
    buffers = dict(model.named_buffers())
    assert buffers["embedding.puzzles.weights"].shape == (1, 512)
    assert buffers["zH_init"].shape == buffers["zL_init"].shape == (512,)


@pytest.mark.parametrize("name", NETWORKS)
def test_segments_equal_the_ones_written_out(name):
    model, config = network(name), NETWORKS[name]
    tokens, ids = torch.randint(5, (2, 6)), torch.tensor([3, 1])
    state = model.initial_state(2)
    plain: Any = [reference.initial(model.state_dict(), state.zH.shape[1])] * 2
    for _ in range(2):
        state, output = model(state, Inputs(tokens, ids))
        for i in range(2):
            zH, zL = plain[i]
            *plain[i], logits, halt = reference.segment(
                zH, zL, tokens[i], int(ids[i]), model.state_dict(), config
            )
            torch.testing.assert_close(output.logits[i], logits, atol=3e-5, rtol=1e-4)
            torch.testing.assert_close(output.halt[i], halt, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(state.zH[i], torch.stack(plain[i][0]), atol=3e-5, rtol=1e-4)
    assert output.logits.shape == (2, 6, 5) and output.halt.shape == (2, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_those_of_the_segment_written_out(name):
    model, config = network(name), NETWORKS[name]
    tokens = torch.randint(5, (1, 6))
    with torch.no_grad():
        state, _ = model(model.initial_state(1), Inputs(tokens))
    _, output = model(state, Inputs(tokens))
    (output.logits.square().sum() + output.halt.sum()).backward()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    learned = {k: weights[k].requires_grad_() for k, _ in model.named_parameters()}
    *_, logits, halt = reference.segment(list(state.zH[0]), list(state.zL[0]), tokens[0], 0,
                                         weights, config)  # fmt: skip
    (logits.square().sum() + halt.sum()).backward()
    for key, parameter in model.named_parameters():
        expected = learned[key].grad
        torch.testing.assert_close(parameter.grad, expected, atol=1e-3, rtol=1e-3)


def test_without_identifiers_every_puzzle_has_the_first():
    model, tokens = network("trm"), torch.randint(5, (2, 2, 3))
    state = model.initial_state(2)
    _, plain = model(state, Inputs(tokens))
    _, named = model(state, Inputs(tokens.flatten(1), torch.zeros(2, dtype=torch.long)))
    _, other = model(state, Inputs(tokens, torch.tensor([0, 2])))
    _, alone = model(state, tokens)
    assert torch.equal(plain.logits, named.logits) and torch.equal(plain.logits, alone)
    assert torch.equal(plain.logits[0], other.logits[0])
    assert not torch.equal(plain.logits[1], other.logits[1])


def test_initial_weights_are_cut_normal_of_the_asked_deviation():
    torch.manual_seed(0)
    drawn = truncated_normal_(torch.empty(200_000), 0.5)
    assert float(drawn.std()) == pytest.approx(0.5, rel=0.01)
    assert float(drawn.abs().max()) == pytest.approx(2 * 0.5 / 0.8796, rel=1e-3)
    model = HRMAct({"d_model": 256, "head_cnt": 4, "H_block_cnt": 1, "L_block_cnt": 1}, SUDOKU)
    deviations = {name: float(p.detach().std()) for name, p in model.named_parameters()}
    assert deviations["H.blocks.0.mlp.down.weight"] == pytest.approx(768**-0.5, rel=0.02)
    assert deviations["H.blocks.0.mixing.qkv.weight"] == pytest.approx(1 / 16, rel=0.02)
    assert deviations["embedding.tokens.weight"] == pytest.approx(1 / 16, rel=0.05)
    assert float(model.zH_init.std()) == pytest.approx(1, rel=0.15)
    assert not model.q_head.weight.any() and bool((model.q_head.bias == -5).all())
    assert not model.embedding.puzzles.weights.any()
    _, output = model(model.initial_state(1), Inputs(torch.zeros(1, 81, dtype=torch.long)))
    assert output.halt.tolist() == [[-5.0, -5.0]]


def test_what_the_puzzle_tokens_are_and_where_positions_begin():
    model = network("trm")
    x = model.embedding(torch.zeros(1, 6, dtype=torch.long), torch.tensor([2]))
    assert x.shape == (1, 9, 16) and not x[0, 1:3].any()
    assert torch.allclose(x[0, 0], 4 * model.embedding.puzzles.weights[2])
    rope = model.L.blocks[0].mixing.rope
    assert rope.cos.shape == (9, 8)
    assert float(rope.sin[5, 1]) == pytest.approx(math.sin(5 / 10_000 ** (1 / 4)), abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_are_those_that_torch_counts(name):
    config, model = NETWORKS[name], network(name)
    tokens = torch.randint(5, (3, 6))
    with torch.no_grad():
        state, _ = model(model.initial_state(3), tokens)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as inference, torch.no_grad():
            model(state, tokens)
        with FlopCounterMode(display=False) as training:
            _, output = model(state.detach(), Inputs(tokens))
            (output.logits.sum() + output.halt.sum()).backward()
    assert 3 * sum(forward_flops(config, GRID).values()) == inference.get_total_flops()
    assert sum(training_flops(config, GRID, 3).values()) == training.get_total_flops()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_is_loaded_as_what_it_is(name, tmp_path):
    model = network(name)
    model.save_pretrained(tmp_path)
    again = hrm.from_pretrained(tmp_path)
    assert type(again) is type(model) and again.config == model.config and again.grid == GRID
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in model.state_dict().items())
    tokens = torch.randint(5, (2, 6))
    for one, other in zip(*(thought(m.eval(), tokens) for m in (model, again)), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match=r"network is .*; load it with hrm\.from_pretrained"):
        HRM.from_pretrained(tmp_path)
    assert isinstance(hrm.from_pretrained("boardpath-10x10"), HRM)


def test_one_word_chooses_the_network_with_its_own_defaults():
    assert load_config(hrm.RunConfig()).model == ModelConfig()
    chosen = load_config(hrm.RunConfig(), overrides=("model.d_model=64", "model.network=trm"))
    assert chosen.model == TRMConfig(d_model=64)  # and nothing of the other network
    assert chosen.derive(model__L_cycle_cnt=2).model == TRMConfig(d_model=64, L_cycle_cnt=2)
    assert load_config(chosen, overrides=("model.network=hrm",)).model == ModelConfig()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("model.network=trn",), "model.network: 'trn': unknown network; perhaps you meant trm"),
        (("model.network=3",), "model.network: 3: unknown network; there are hrm, hrm_act, trm"),
        (("model.network=trm", "model.dmodel=3"), "unknown key; perhaps you meant model.d_model"),
        (("model.network=trm", "model.modules=H"), "model.modules: unknown key"),
        (("model.mixing=mlp",), "model.mixing: unknown key"),
        (("model.network=trm", "model.mixing=conv"), "model.mixing: input should be"),
        (("model.network=hrm_act", "model.d_model=100"), "twice head_cnt 8.*d_model=112"),
        (("model.network=hrm_act", "model.d_model=8192", "model.H_block_cnt=256"), "smaller"),
        (("model.network=trm", "model.H_cycle_cnt=1000", "model.L_cycle_cnt=99"), "steps"),
    ],
)
def test_mistakes_are_told_in_one_line(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        load_config(hrm.RunConfig(), overrides=settings)
    assert len(str(caught.value).splitlines()) == 1


def test_sizes_that_a_network_does_not_take_are_refused():
    for name in ("hrm_act", "trm", "mixer"):
        model = network(name)
        with pytest.raises(ValueError, match="works on 2×3 boards only"):
            model(model.initial_state(1), Inputs(torch.zeros(1, 3, 3, dtype=torch.long)))
    free = TRM(TRMConfig(**SMALL, positions="none"), GRID)
    _, output = free(free.initial_state(1, (4, 4)), Inputs(torch.zeros(1, 4, 4, dtype=torch.long)))
    assert output.logits.shape == (1, 16, 5)
