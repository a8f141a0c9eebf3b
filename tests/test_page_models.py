"""Models that a visitor brings to the page, and thoughts that are taken along as files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from browser import BOARD, DESKTOP, PHONE, Visit, address, browser, drop, link_of, visit, visitor

from hrm import HRM, solve
from hrm.data.source import generate
from hrm.models.hub import bundled_models
from hrm.page.export import export_page
from hrm.page.record import save_recorded
from hrm.page.site import shown_models
from hrm.tasks import registry
from hrm.tasks.task import Task


def small_sudoku(folder: Path) -> tuple[HRM, Task]:
    """A model folder for 4×4 Sudoku, whose weights are random."""
    task = registry.make(registry.read_settings({"name": "sudoku", "size": 4}))
    torch.manual_seed(0)
    config = {"d_model": 16, "head_cnt": 2, "H_block_cnt": 1}
    model = HRM(config, task.grid, registry.describe(task.config)).eval()
    model.save_pretrained(folder)
    return model, task


def test_a_folder_is_dropped_and_its_sudoku_typed(visitor: Visit, tmp_path: Path):
    model, task = small_sudoku(tmp_path / "tiny-sudoku")
    visitor.open()
    drop(visitor, tmp_path / "tiny-sudoku")
    visitor.page.wait_for_selector("text=Fill in the digits")
    visitor.settle()
    assert visitor.page.locator("select.model").input_value() == "tiny-sudoku"
    visitor.page.click("#clear")
    visitor.settle()
    assert visitor.verdict == "several"
    visitor.page.mouse.click(*visitor.point(1, 1))
    for key in ("1", "ArrowRight", "2"):
        visitor.page.keyboard.press(key)
    visitor.page.mouse.click(*visitor.point(2, 3))
    visitor.page.click("text='4'")
    visitor.settle()
    assert visitor.text == "12..\n..4.\n....\n...."
    expected = solve(visitor.text, model, task=task)
    words = [code.word for code in task.codes]
    said = visitor.cells()
    for (r, c), code in np.ndenumerate(expected.predicted):
        assert said[r + 1, c + 1].split()[-1] == words[code]
    visitor.page.mouse.click(*visitor.point(1, 3))
    visitor.page.keyboard.press("2")
    assert "stands twice" in visitor.say("#error")


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _cut_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _edited(folder: Path) -> None:
    file = folder / "config.json"
    file.write_text(file.read_text().replace('"H_cycle_cnt": 6', '"H_cycle_cnt": 5'))


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _too_new(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    content["model"]["telepathy"] = True
    (folder / "config.json").write_text(json.dumps(content))


BROKEN = {
    _without_weights: "There is no model.safetensors",
    _cut_short: "damaged: the numbers of",
    _edited: "damaged or edited",
    _no_json: "config.json: damaged: not JSON",
    _too_new: "model.telepathy is not known to this page",
}


def test_broken_folders_are_refused_in_words(visitor: Visit, tmp_path: Path):
    visitor.open(link_of(BOARD))
    good = shown_models(["boardpath-10x10"])[0].folder
    for number, (spoil, message) in enumerate(BROKEN.items()):
        folder = tmp_path / str(number)
        shutil.copytree(good, folder)
        spoil(folder)
        drop(visitor, folder)
        visitor.page.wait_for_selector(f"#error:has-text('{message}')")
    assert visitor.text == BOARD and visitor.verdict == "exact", "the page goes on as before"
    names = visitor.page.locator("select.model option").all_inner_texts()
    assert names == bundled_models()


def test_files_are_chosen_where_nothing_can_be_dropped(visitor: Visit, tmp_path: Path):
    small_sudoku(tmp_path)
    visitor.open()
    visitor.page.set_input_files("#files", tmp_path / "config.json")
    assert "There is no model.safetensors" in visitor.say("#error")
    files = [tmp_path / name for name in ("config.json", "model.safetensors")]
    visitor.page.set_input_files("#files", files)
    visitor.page.wait_for_selector("text=Fill in the digits")
    visitor.settle()


def test_a_recorded_thought_is_played_from_a_file(browser: Any, tmp_path: Path):
    solution = solve(BOARD, "boardpath-10x10", 2, watch=True)
    file = tmp_path / "thought.html"
    save_recorded(file, solution.task, solution.input, solution.target, solution.frames)
    with visit(browser, file.as_uri(), **DESKTOP) as visitor:
        visitor.open()
        assert "Update 12 of 12" in visitor.say(".moment")
        assert visitor.verdict == solution.verdict.name
        assert visitor.page.locator("#random").is_hidden()
        visitor.page.click("#first")
        visitor.page.click("#forth")
        assert "Update 1 of 12" in visitor.say(".moment")
        assert visitor.requests == [file.as_uri()]


def test_a_recorded_thought_of_ones_own_puzzle_is_drawn_as_tiles(browser: Any, tmp_path: Path):
    path = Path(__file__).parent.parent / "examples" / "lights_out.py"
    task = registry.make(registry.read_settings({"name": f"{path}:LightsOut"}))
    torch.manual_seed(0)
    model = HRM({"d_model": 16, "head_cnt": 2, "H_block_cnt": 1}, task.grid).eval()
    solution = solve(generate(task, 1, 0)[0], model, task=task, watch=True)
    file = tmp_path / "thought.html"
    save_recorded(file, solution.task, solution.input, solution.target, solution.frames)
    with visit(browser, file.as_uri(), **PHONE) as visitor:
        visitor.open()
        assert visitor.verdict == solution.verdict.name


def test_the_exported_file_thinks_without_a_server(browser: Any, tmp_path: Path):
    file = export_page(tmp_path / "think.html", shown_models(["boardpath-10x10"]))
    with visit(browser, file.as_uri(), **DESKTOP) as visitor:
        visitor.open(link_of(BOARD))
        assert visitor.verdict == "exact" and visitor.text == BOARD
