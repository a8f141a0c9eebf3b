"""The model against a slow reference: forward, gradients, grids of any shape, what is refused."""

import re

import pytest
import reference
import torch
from torch import nn

import hrm.models.hrm as hrm_module
from hrm import ModelConfig
from hrm.models.hrm import HRM
from hrm.models.layers import RotaryEmbedding, SwiGLU
from hrm.models.segment import Inputs, Output, State
from hrm.tasks.grid import NINE, Grid, Shape, Structure

SIZE = 3
OBLONG = Grid(3, 5, input_codes=4, answer_codes=7, structure=Structure(NINE))
SMALL = {"d_model": 8, "head_cnt": 2, "H_block_cnt": 1, "dropout": 0.0, "sdpa_dropout": 0.0}
VARIANTS = {
    "HL": {},
    "HL full": {"grad_horizon": "full"},
    "HL horizon 3": {"grad_horizon": 3},
    "HL 1x3": {"H_cycle_cnt": 1, "L_cycle_cnt": 3},
    "HL uneven blocks": {"H_block_cnt": 2, "L_block_cnt": 1},
    "H detached": {"modules": "H"},
    "H bptt": {"modules": "H", "grad_horizon": "full"},
    "2-D RoPE, local mixing": {"modules": "H", "rope_2d": True, "local_mixing": True},
    "learned positions": {"use_rope": False, "use_abs_pos": True},
    "both positions": {"use_abs_pos": True},
    "no positions": {"use_rope": False},
    "biases": {"bias_qkv": True, "bias_o": True, "head_bias": True},
    "fixed norms and states": {"elementwise_affine": False, "learnable_z_init": False},
}


def small_config(**changes) -> ModelConfig:
    return ModelConfig(**{**SMALL, **changes})


def small_model(grid: Grid | int = SIZE, **changes) -> HRM:
    torch.manual_seed(0)
    model = HRM(small_config(**changes), grid).double()
    for name, parameter in model.named_parameters():
        if "norms" in name or "bias" in name:  # away from ones and zeros, where errors hide
            nn.init.uniform_(parameter.requires_grad_(parameter.requires_grad), 0.5, 1.5)
    return model


def random_tokens(batch: int, shape: Shape = (SIZE, SIZE), codes: int = 5) -> torch.Tensor:
    return torch.randint(0, codes, (batch, *shape), generator=torch.Generator().manual_seed(1))


def require_two_segments_of_the_reference(model: HRM, tokens: torch.Tensor) -> None:
    """Two segments about each puzzle of ``(B, R, C)`` tokens give the reference's numbers."""
    state = model.initial_state(len(tokens), (tokens.shape[1], tokens.shape[2]))
    for _ in range(2):
        state, logits = model(state, tokens)
    weights = model.state_dict()
    for i, puzzle in enumerate(tokens):
        zH, zL = reference.initial(weights, model.config, puzzle.numel())
        for _ in range(2):
            zH, zL, expected = reference.segment(zH, zL, puzzle, weights, model.config)
        torch.testing.assert_close(logits[i], expected)
        torch.testing.assert_close(state.zH[i], torch.stack(zH))


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_forward_equals_the_reference(changes):
    require_two_segments_of_the_reference(small_model(**changes), random_tokens(2))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rope_2d": True},
        {"use_abs_pos": True},
        {"use_rope": False, "use_abs_pos": True, "modules": "H"},
        {"use_rope": False, "local_mixing": True},
        {"rope_2d": True, "local_mixing": True, "use_abs_pos": True, "head_bias": True},
    ],
    ids=["1-D", "2-D", "1-D and learned", "learned", "local mixing", "all together"],
)
def test_grids_that_are_not_square_equal_the_reference(changes):
    model, tokens = small_model(OBLONG, **changes), random_tokens(2, OBLONG.shape, codes=4)
    require_two_segments_of_the_reference(model, tokens)
    flat, grids = (model(model.initial_state(2), t)[1] for t in (tokens.flatten(1), tokens))
    assert torch.equal(flat, grids) and flat.shape == (2, 15, 7)


def test_the_codes_of_puzzles_and_answers_are_those_of_the_grid():
    model = small_model(OBLONG)
    assert model.embedding.tokens.num_embeddings == 4 and model.head.out_features == 7


def test_inputs_give_an_output_with_the_logits_that_plain_tokens_give():
    model, tokens = small_model(), random_tokens(2)
    state, output = model(model.initial_state(2), Inputs(tokens))
    plain_state, logits = model(model.initial_state(2), tokens)
    assert isinstance(output, Output) and output.halt is None
    assert torch.equal(output.logits, logits)
    assert torch.equal(state.zH, plain_state.zH)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_gradients_equal_the_reference(changes):
    model, tokens, targets = small_model(**changes), random_tokens(2), random_tokens(2).flip(0)
    _, logits = model(model.initial_state(2), tokens)
    nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    for name, p in model.named_parameters():
        weights[name].requires_grad_(p.requires_grad)
    losses = []
    for board in range(2):
        zH, zL = reference.initial(weights, model.config, SIZE**2)
        _, _, logits = reference.segment(zH, zL, tokens[board], weights, model.config)
        losses += reference.cross_entropies(logits, targets[board].flatten())
    torch.stack(losses).mean().backward()
    expected = {name: w.grad for name, w in weights.items() if w.grad is not None}

    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=lambda m, name=name: f"{name}: {m}")


def test_initial_states_learn_exactly_where_the_horizon_reaches_them():
    def learns(**changes) -> set[str]:
        model = small_model(**changes)
        _, logits = model(model.initial_state(1), random_tokens(1))
        logits.sum().backward()
        return {n for n in ("zH_init", "zL_init") if (p := getattr(model, n)) is not None and
                p.grad is not None}  # fmt: skip

    assert learns(grad_horizon="full") == {"zH_init", "zL_init"}
    assert learns(modules="H", grad_horizon="full") == {"zH_init"}
    assert learns(modules="H") == set()
    assert learns() == set()
    # One H cycle: the last L step and the H update still start from the initial zH.
    assert learns(H_cycle_cnt=1) == {"zH_init"}
    assert learns(grad_horizon="full", learnable_z_init=False) == set()


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 6_294_528),
        ({"modules": "H", "d_model": 360}, 6_227_640),
        ({"modules": "H", "d_model": 360, "grad_horizon": "full"}, 6_227_640),
        ({"learnable_z_init": False}, 6_294_528 - 512),
    ],
)
def test_parameter_counts_of_the_specification(changes, count):
    assert HRM(ModelConfig(**changes), 20).parameter_cnt == count


def test_swiglu_width_is_not_snapped():
    assert SwiGLU(256, expansion=4.0).down.in_features == int(4 * 256 * 2 / 3) == 682


@pytest.mark.parametrize(
    ("changes", "moves"),
    [({"H_cycle_cnt": 2, "L_cycle_cnt": 3}, "LLLHLLLH"), ({"modules": "H"}, "HHHH")],
)
def test_on_update_tells_every_move_in_order(changes, moves):
    model, seen = small_model(**changes), []
    final, logits = model(
        model.initial_state(1), random_tokens(1), lambda name, state: seen.append((name, state))
    )
    assert "".join(name for name, _ in seen) == moves
    assert torch.equal(seen[-1][1].zH, final.zH)
    assert torch.equal(model.answer(seen[-1][1]), logits)


def test_two_segments_are_one_with_the_state_handed_on():
    model, tokens = small_model(), random_tokens(1)
    state, _ = model(model.initial_state(1), tokens)
    other = State(state.zH.clone(), state.zL.clone())
    assert torch.equal(model(state, tokens)[1], model(other, tokens)[1])
    assert not torch.equal(model(state, tokens)[1], model(model.initial_state(1), tokens)[1])


def test_dropout_acts_in_training_only():
    model, tokens = small_model(dropout=0.5, sdpa_dropout=0.5), random_tokens(1)

    def answer():
        return model(model.initial_state(1), tokens)[1]

    assert not torch.equal(answer(), answer())
    model.eval()
    assert torch.equal(answer(), answer())


def test_same_seed_same_weights():
    one, two = small_model().state_dict(), small_model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_initial_scales():
    torch.manual_seed(0)
    model = HRM(ModelConfig(d_model=1024, head_cnt=4, H_block_cnt=1, use_abs_pos=True), 10)
    for name in ("zH_init", "zL_init", "embedding.tokens.weight", "embedding.positions.weight"):
        assert model.get_parameter(name).std().item() == pytest.approx(1024**-0.5, rel=0.1)


def test_grids_of_another_shape_are_refused():
    four = torch.zeros(1, 4, 4, dtype=torch.long)
    for changes, tie in (({}, "flattened board"), ({"use_abs_pos": True}, "use_abs_pos")):
        model = small_model(**changes)
        with pytest.raises(ValueError, match=f"are 4×4, .* 3×3 boards only.*{tie}.*rope_2d=true"):
            model(model.initial_state(1, (4, 4)), four)
    free = small_model(rope_2d=True)
    with pytest.raises(ValueError, match=r"9 cells, but grids of 16.*initial_state"):
        free(free.initial_state(1), four)
    with pytest.raises(ValueError, match=r"12 cells, but .* are 3×3.*batch, rows, columns"):
        free(free.initial_state(1), four.flatten(1)[:, :12])


def test_a_grid_turned_on_its_side_is_of_another_shape():
    turned = random_tokens(1, (5, 3), codes=4)
    tied = small_model(OBLONG)
    with pytest.raises(ValueError, match=r"are 5×3, .* 3×5 boards only"):
        tied(tied.initial_state(1), turned)
    require_two_segments_of_the_reference(small_model(OBLONG, rope_2d=True), turned)


def test_sizes_that_no_board_has_are_refused():
    for size, limit in ((1, 2), (300, 256)):
        with pytest.raises(ValueError, match=rf"board_size: .* {limit}, got {size}$"):
            HRM(small_config(), size)


@pytest.mark.parametrize("shape", [(2, 2), (4, 4), (2, 6), (5, 3)], ids=str)
@pytest.mark.parametrize(
    "changes", [{"rope_2d": True, "local_mixing": True}, {"use_rope": False, "modules": "H"}]
)
def test_grids_of_another_shape_are_thought_about_as_the_reference_does(changes, shape):
    require_two_segments_of_the_reference(small_model(**changes), random_tokens(2, shape))


def test_weights_do_not_depend_on_the_board_size():
    own = small_model(rope_2d=True, local_mixing=True)
    other = HRM(own.config, 5).double()
    other.load_state_dict(own.state_dict())
    tokens = random_tokens(2, (5, 5))
    _, expected = other(other.initial_state(2), tokens)
    assert torch.equal(own(own.initial_state(2, (5, 5)), tokens)[1], expected)


def test_a_shape_first_met_while_solving_can_be_trained_on():
    model = small_model(rope_2d=True)
    tokens = torch.zeros(1, 7, 11, dtype=torch.long)
    with torch.inference_mode():
        model(model.initial_state(1, (7, 11)), tokens)
    model(model.initial_state(1, (7, 11)), tokens)[1].sum().backward()
    assert model.head.weight.grad is not None


def test_rotary_tables_of_any_shape_turn_as_the_reference_does():
    torch.manual_seed(0)
    for two_dimensional in (False, True):
        rope = RotaryEmbedding((4, 4), 8, two_dimensional)
        for rows, columns in ((4, 4), (7, 7), (2, 8), (3, 5)):
            x = torch.randn(rows * columns, 8)
            expected = [
                reference.rotate(cell, i, columns, two_dimensional) for i, cell in enumerate(x)
            ]
            found = rope(x[None, None], (rows, columns))[0, 0]
            torch.testing.assert_close(found, torch.stack(expected))


def test_every_parameter_is_documented_and_only_those():
    listed = re.findall(r"^    (\w+)  +\S", hrm_module.__doc__ or "", flags=re.MULTILINE)
    assert listed == list(ModelConfig.model_fields)


def test_a_dictionary_will_do_and_typos_are_refused():
    assert HRM({"d_model": 8, "head_cnt": 2}, 3).config.d_model == 8
    with pytest.raises(ValueError, match="d_modell"):
        HRM({"d_modell": 8}, 3)
