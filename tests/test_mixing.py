"""Mixing along declared groups, and the axis of interchangeable codes, against plain loops."""

import itertools
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from helpers import CPU
from torch import nn

from hrm import HRM, Inputs, ModelConfig
from hrm.models import kernels
from hrm.models.batch import to_tokens
from hrm.models.layout import CODES, Layout, group_kinds, lay_out, weight_rows
from hrm.models.mixing import GroupMixing
from hrm.tasks.grid import NINE, Grid, Structure
from hrm.tasks.sudoku.task import Sudoku, SudokuSettings

SMALL = {"d_model": 8, "head_cnt": 2, "H_block_cnt": 1, "dropout": 0.0, "sdpa_dropout": 0.0}
LOCAL = {**SMALL, "attention": False, "local_mixing": True}
LIKE_SUDOKU = {**LOCAL, "code_axis": True}
NETWORKS = {
    "groups and codes": LIKE_SUDOKU,
    "one module": {**LIKE_SUDOKU, "modules": "H", "head_bias": True},
    "with attention": {**LIKE_SUDOKU, "attention": True, "use_rope": False},
    "codes alone": {**LIKE_SUDOKU, "attention": True, "local_mixing": False, "use_rope": False},
}
LOPSIDED = Structure(
    groups={"pair": ((0, 1), (1, 2, 3), (1, 5)), "rest": ((4, 5),)}, interchangeable=((1, 3),)
)
"""Groups that overlap, of other lengths, with cells that belong to none."""


def sudoku(size: Literal[4, 9] = 4) -> Sudoku:
    return Sudoku(SudokuSettings(size=size))


def network(config: dict, grid: Grid) -> HRM:
    torch.manual_seed(0)
    return HRM(ModelConfig(**config), grid).eval()


def first_block(model: HRM) -> Any:
    return model.H.blocks[0]


def think(model: HRM, puzzles: np.ndarray, segments: int = 2) -> torch.Tensor:
    state = model.initial_state(len(puzzles))
    for _ in range(segments):
        state, output = model(state, Inputs(to_tokens(puzzles, CPU)))
    return output.logits


def mixed_plainly(
    x: torch.Tensor, weight: torch.Tensor, kinds: list, rows: tuple[int, ...], codes: int
) -> torch.Tensor:
    """``(S, N, D)`` of one puzzle, one vector at a time."""
    out = torch.zeros_like(x)
    for cell, code in itertools.product(range(len(x)), range(codes)):
        for row, groups in zip(rows, kinds, strict=False):
            means = [
                sum(x[other, code] for other in group) / len(group)
                for group in groups
                if cell in group
            ]
            if means:
                out[cell, code] += weight[row] * sum(means) / len(means)
        if len(rows) > len(kinds):
            out[cell, code] += weight[-1] * sum(x[cell]) / codes
    return out


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("code_axis", [False, True])
@pytest.mark.parametrize("grid", [Grid(2, 3, 4, 5, LOPSIDED), sudoku().grid], ids=str)
def test_group_mixing_is_what_it_says(grid, code_axis, fused):
    config = ModelConfig(**{**LOCAL, "code_axis": code_axis})
    layout, kinds = lay_out(config, grid), group_kinds(config, grid)
    assert kinds == (*grid.structure.groups, *[CODES] * code_axis)
    torch.manual_seed(0)
    rows = weight_rows(kinds, grid)
    mixing, codes = GroupMixing(8, kinds, rows), layout.code_cnt
    x = torch.randn(2, grid.cell_cnt * codes, 8)
    with kernels.use(fused):
        found = mixing(x, layout)
    for puzzle in range(2):
        cells = x[puzzle].view(grid.cell_cnt, codes, 8)
        groups = list(grid.structure.groups.values())
        expected = mixed_plainly(cells, mixing.weight, groups, rows, codes)
        torch.testing.assert_close(found[puzzle], expected.flatten(0, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS)
def test_relabelled_puzzles_have_relabelled_logits(config):
    task = sudoku()
    model, puzzles = network(config, task.grid), task.draw(3, (1,))
    relabel = np.array([0, 3, 1, 4, 2], dtype=np.uint8)
    expected = torch.empty_like(logits := think(model, puzzles))
    expected[..., torch.from_numpy(relabel).long()] = logits
    found = think(model, relabel[puzzles])
    assert logits.std() > 0.05
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_symmetry_of_sudoku_is_built_in():
    task = sudoku()
    model, puzzles = network(LIKE_SUDOKU, task.grid), task.draw(3, (1,))
    logits = think(model, puzzles)
    answers = logits.argmax(-1).view(3, 4, 4).numpy().astype(np.uint8)
    first, second = logits.topk(2).values.view(3, 4, 4, 2).unbind(-1)
    sure = (first - second > 1e-3).numpy()  # what looks the same to it has the same logits
    assert sure.mean() > 0.5
    in_rows = np.repeat(np.arange(4, dtype=np.uint8), 4).reshape(4, 4) + 1
    upright = [bool((np.ptp(s.view(in_rows), axis=1) == 0).all()) for s in task.symmetries]
    assert sum(upright) == len(upright) / 2  # the others exchange rows and columns
    numbers = (1, 17, len(upright) // 2, len(upright) // 2 + 9, len(upright) - 1)
    assert len({upright[number] for number in numbers}) == 2
    for symmetry in (task.symmetries[number] for number in numbers):
        views = think(model, symmetry.view(puzzles)).argmax(-1).view(3, 4, 4).numpy()
        np.testing.assert_array_equal(symmetry.undo(views.astype(np.uint8))[sure], answers[sure])


def test_kinds_that_are_alike_share_their_weights():
    grid = sudoku().grid
    kinds = group_kinds(ModelConfig(**LIKE_SUDOKU), grid)
    assert weight_rows(kinds, grid) == (0, 0, 1, 2)
    assert weight_rows(kinds, replace(grid, structure=Structure())) == (0, 1, 2, 3)
    assert first_block(network(LIKE_SUDOKU, grid)).sublayers[0].weight.shape == (3, 8)
    oblong = Sudoku(SudokuSettings(size=6)).grid
    assert weight_rows(kinds, oblong) == (0, 1, 2, 3)  # boxes of 2×3 tell rows from columns


def test_a_saved_network_keeps_what_is_alike(tmp_path):
    model = network(LIKE_SUDOKU, sudoku().grid)
    model.save_pretrained(tmp_path)
    read = HRM.from_pretrained(tmp_path)
    assert read.grid.structure.alike == (("row", "column"),)
    puzzles = sudoku().draw(2, (1,))
    assert torch.equal(think(read.eval(), puzzles), think(model, puzzles))


def test_attention_is_among_the_vectors_of_one_code():
    grid, config = sudoku().grid, ModelConfig(**NETWORKS["with attention"])
    model, layout = network(NETWORKS["with attention"], grid), lay_out(config, grid)
    attention: Any = first_block(model).sublayers[1]
    x = torch.randn(2, 16 * 4, 8)
    found = attention(x, layout).view(2, 16, 4, 8)
    one = Layout((4, 4), 1, None, layout.gather, layout.spread, layout.group_cnts)
    for code in range(4):
        alone = attention(x.view(2, 16, 4, 8)[:, :, code], one)
        torch.testing.assert_close(found[:, :, code], alone, rtol=1e-4, atol=1e-5)


def test_neighbours_mix_code_by_code_and_as_far_as_declared():
    far = Structure(((0, 0), (0, 2)), interchangeable=((0, 1),))
    model = network(LIKE_SUDOKU, Grid(3, 4, 3, 3, far))
    conv = first_block(model).sublayers[0].conv
    assert isinstance(conv, nn.Conv2d) and conv.kernel_size == (5, 5)
    logits = think(model, np.array([[[0, 1, 2, 2], [1, 0, 2, 0], [2, 2, 1, 1]]], dtype=np.uint8))
    assert logits.shape == (1, 12, 3)


def test_the_same_weights_work_on_larger_grids_with_more_codes():
    model = network(LIKE_SUDOKU, sudoku(4).grid)
    nine = sudoku(9)
    puzzles = nine.draw(2, (0,))
    with pytest.raises(ValueError, match=r"9×9.*groups.*4×4.*model\.on\("):
        model(model.initial_state(2, (9, 9)), Inputs(to_tokens(puzzles, CPU)))
    large = model.on(nine.grid)
    assert think(large, puzzles).shape == (2, 81, 10)
    assert think(model, sudoku(4).draw(2, (0,))).shape == (2, 16, 5)
    assert [p.data_ptr() for p in large.parameters()] == [p.data_ptr() for p in model.parameters()]
    without = network(LOCAL, sudoku(4).grid)
    with pytest.raises(ValueError, match=r"10 codes.*knows 5"):
        without.on(nine.grid)


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS)
def test_a_model_folder_keeps_the_structure(config, tmp_path):
    task = sudoku()
    model, puzzles = network(config, task.grid), task.draw(2, (1,))
    model.save_pretrained(tmp_path)
    loaded = HRM.from_pretrained(tmp_path)
    assert loaded.grid == task.grid
    torch.testing.assert_close(think(loaded, puzzles), think(model, puzzles), rtol=0, atol=0)
    assert max(map(len, (tmp_path / "config.json").read_text().splitlines())) < 100


@pytest.mark.parametrize(
    ("before", "after"),
    [("[0, 1, 4, 5]", "[0, 1, 4, 99]"), ("[1, 2, 3, 4]", "[1, 2, 3, 40]")],
)
def test_a_structure_that_does_not_fit_is_damage(before, after, tmp_path):
    network(LIKE_SUDOKU, sudoku().grid).save_pretrained(tmp_path)
    content = (tmp_path / "config.json").read_text()
    assert content.count(before) == 1
    (tmp_path / "config.json").write_text(content.replace(before, after))
    with pytest.raises(ValueError, match=r"config\.json: damaged"):
        HRM.from_pretrained(tmp_path)


def test_what_cannot_mix_is_refused():
    with pytest.raises(ValueError, match=r"attention: .*local_mixing=true"):
        ModelConfig(attention=False)
    bare = Grid(3, 3, 4, 4)
    with pytest.raises(ValueError, match=r"local_mixing: .*model\.local_mixing=false"):
        HRM(ModelConfig(**LOCAL), bare)
    for sets, number in (((), "none"), (((0, 1), (2, 3)), "2")):
        grid = replace(bare, structure=Structure(NINE, interchangeable=sets))
        with pytest.raises(ValueError, match=rf"code_axis: .*{number}; .*code_axis=false"):
            HRM(ModelConfig(**LIKE_SUDOKU), grid)


def test_without_attention_widths_need_no_heads_and_any_size_will_do():
    config = ModelConfig(**{**LOCAL, "d_model": 9})
    assert config.tied_to_size_by is None
    with kernels.use(False):
        model = network({**LOCAL, "d_model": 9}, Grid(3, 3, 4, 4, Structure(NINE)))
        _, output = model(
            model.initial_state(1, (5, 2)), Inputs(torch.zeros(1, 5, 2, dtype=torch.long))
        )
    assert output.logits.shape == (1, 10, 4)
