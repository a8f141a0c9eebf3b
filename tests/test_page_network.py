"""The page's network, in JavaScript, is the library's: the same logits to 1e-4."""

import json
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hrm.config.model import ModelConfig
from hrm.models.hrm import HRM
from hrm.models.hub import bundled_models
from hrm.models.segment import Inputs
from hrm.tasks import registry
from hrm.tasks.grid import NINE, Grid, Structure

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None, reason="needs Node.js (`node`) to run the page's code"
)

SCRIPT = Path(__file__).parent / "page_network.mjs"
PLAIN = {"d_model": 16, "head_cnt": 2, "H_block_cnt": 1}
CONFIGS = {
    "the specification's": {**PLAIN, "H_block_cnt": 2},
    "H alone": {**PLAIN, "modules": "H", "H_cycle_cnt": 3},
    "other depths": {**PLAIN, "H_block_cnt": 2, "L_block_cnt": 1, "L_cycle_cnt": 3},
    "2-D positions, neighbours and groups": {**PLAIN, "rope_2d": True, "local_mixing": True},
    "learned positions": {**PLAIN, "use_abs_pos": True, "use_rope": False},
    "all biases, no scales": {
        **PLAIN, "bias_qkv": True, "bias_o": True, "head_bias": True, "elementwise_affine": False,
    },
    "odd widths": {**PLAIN, "d_model": 18, "head_cnt": 3, "expansion": 1.7, "use_abs_pos": True},
    "fixed initial states": {**PLAIN, "learnable_z_init": False, "H_cycle_cnt": 1},
    "no attention": {**PLAIN, "d_model": 9, "local_mixing": True, "attention": False},
    "an axis of codes": {**PLAIN, "local_mixing": True, "code_axis": True, "use_abs_pos": True},
    "an axis of codes alone, biases": {
        **PLAIN, "code_axis": True, "head_bias": True, "use_rope": False, "modules": "H",
    },
}  # fmt: skip
STRUCTURE = Structure(
    neighbourhood=(*NINE, (2, 0)),  # so that the convolution is 5×5
    groups={"row": tuple((i, i + 1, i + 2) for i in range(0, 15, 3)), "odd": ((0, 7), (0, 1, 2))},
    interchangeable=((3, 1),),
)


def random_model(config: dict, grid: Grid) -> HRM:
    """All of its parameters are random, so that none can be left out unnoticed."""
    torch.manual_seed(0)
    model = HRM(ModelConfig(**config, dropout=0, sdpa_dropout=0), grid, {"name": "other"})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def logits_of_page(jobs: list[dict]) -> list[np.ndarray]:
    """For each job the logits after each segment, ``(segments, S · V)``."""
    done = subprocess.run(
        [str(NODE), str(SCRIPT)], input=json.dumps(jobs), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [np.array(logits) for logits in json.loads(done.stdout)]


def logits_of_library(model: HRM, puzzle: np.ndarray, segments: int) -> np.ndarray:
    """The same, by PyTorch."""
    tokens = torch.from_numpy(puzzle.astype(np.int64))[None]
    state, found = model.initial_state(1, (puzzle.shape[0], puzzle.shape[1])), []
    with torch.inference_mode():
        for _ in range(segments):
            state, output = model(state, Inputs(tokens))
            found.append(output.logits.flatten().double().numpy())
    return np.stack(found)


def compare(folders: dict[Path, HRM], shapes: dict[Path, tuple[int, int]], segments: int) -> None:
    """One process for all: it takes longer to start than to think."""
    random = np.random.default_rng(0)
    puzzles = {
        folder: random.integers(0, model.grid.input_codes, shapes[folder])
        for folder, model in folders.items()
    }
    jobs = [
        {"folder": str(f), "puzzle": p.ravel().tolist(), "shape": p.shape, "segments": segments}
        for f, p in puzzles.items()
    ]
    for (folder, model), found in zip(folders.items(), logits_of_page(jobs), strict=True):
        expected = logits_of_library(model, puzzles[folder], segments)
        assert np.abs(found - expected).max() < 1e-4, folder.name


def test_both_matrix_products_are_what_they_say():
    script = SCRIPT.with_name("page_products.mjs")
    done = subprocess.run([str(NODE), str(script)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["hasSimd"]
    assert found["simd"] < 1e-4 and found["plain"] < 1e-4


def test_every_bundled_model():
    pretrained = Path(__file__).parent.parent / "hrm" / "pretrained"
    folders = {pretrained / name: HRM.from_pretrained(name) for name in bundled_models()}
    compare(folders, {folder: model.grid.shape for folder, model in folders.items()}, 2)


def test_random_models_with_every_option(tmp_path: Path):
    grid = Grid(height=5, width=3, input_codes=7, answer_codes=4, structure=STRUCTURE)
    folders = {}
    for name, config in CONFIGS.items():
        folders[tmp_path / name] = model = random_model(config, grid)
        model.save_pretrained(tmp_path / name)
    shared = replace(grid, structure=replace(STRUCTURE, alike=(("odd", "row"),)))
    model = random_model(CONFIGS["an axis of codes"], shared)
    model.save_pretrained(tmp_path / "alike")
    folders[tmp_path / "alike"] = model
    compare(folders, dict.fromkeys(folders, grid.shape), 2)


def test_grids_of_another_shape(tmp_path: Path):
    config = {**PLAIN, "rope_2d": True, "local_mixing": True, "modules": "H"}
    grid = Grid(4, 4, input_codes=5, answer_codes=5, structure=Structure(NINE))
    model = random_model(config, grid)
    model.save_pretrained(tmp_path)
    compare({tmp_path: model}, {tmp_path: (9, 11)}, 2)


def test_sudoku_of_another_size(tmp_path: Path):
    """A network with an axis of codes takes other groups, and more digits."""
    small, large = (
        registry.make(registry.read_settings({"name": "sudoku", "size": size})) for size in (4, 6)
    )
    config = {**PLAIN, "local_mixing": True, "code_axis": True, "attention": False}
    model = random_model(config, small.grid)
    model.save_pretrained(tmp_path)
    puzzle = large.draw(1, (0,))[0]
    job = {
        "folder": str(tmp_path), "puzzle": puzzle.ravel().tolist(), "shape": puzzle.shape,
        "structure": asdict(large.structure), "segments": 2,
    }  # fmt: skip
    expected = logits_of_library(model.on(large.grid), puzzle, 2)
    assert np.abs(logits_of_page([job])[0] - expected).max() < 1e-4
