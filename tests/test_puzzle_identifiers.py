"""Puzzle identifiers: from a data set to the network, in training, evaluation and solving."""

import json

import numpy as np
import pytest
import torch
from folders import meta, read_slowly, task, write, write_split
from helpers import board_path, tiny, trainer_of

from hrm.data.hashing import examples_hash
from hrm.data.load import fit_to_own_puzzles
from hrm.data.source import held_out
from hrm.inference.curve import ways
from hrm.inference.evaluation import evaluate, score
from hrm.inference.solving import solve, solve_all
from hrm.inference.thinking import Thinking, think
from hrm.models import hub
from hrm.models.hrm import HRM
from hrm.models.segment import Inputs
from hrm.tasks.examples import Examples
from hrm.tasks.folder.task import FolderSettings
from hrm.tasks.grid import Grid

SHOWN = "shown"


class Witness(HRM):
    """A network that remembers, of each puzzle that it is shown, its cells and its identifier."""

    def forward(self, state, inputs, *how, **more):
        if isinstance(inputs, Inputs):
            ids = inputs.puzzle_ids
            numbers = [None] * len(inputs.tokens) if ids is None else ids.tolist()
            cells = map(tuple, inputs.tokens.flatten(1).tolist())
            self.__dict__.setdefault(SHOWN, []).extend(zip(cells, numbers, strict=True))
        return super().forward(state, inputs, *how, **more)

    def take(self):
        return self.__dict__.pop(SHOWN)


@pytest.fixture
def folder(tmp_path):
    """Different puzzles, each of some identifier."""
    random, count = np.random.default_rng(0), 40
    numbers = random.permutation(4**4).reshape(-1, 1)
    for split, begin in (("train", 0), ("test", count)):
        cells = numbers[begin : begin + count] // 4 ** np.arange(4) % 4 + 1
        fields = {
            "inputs": cells,
            "labels": cells[:, ::-1],
            "puzzle_identifiers": random.integers(0, 7, count // 2),
            "puzzle_indices": np.arange(count // 2 + 1) * 2,
            "group_indices": np.arange(count // 4 + 1) * 2,
        }
        described = meta(num_puzzle_identifiers=7, total_groups=count // 4)
        write_split(tmp_path / "data", split, described, {"all": fields})
    return tmp_path / "data"


def witness(of):
    torch.manual_seed(0)
    return Witness(tiny().model, of.grid, {**of.config.model_dump(), "name": "folder"})


def expected(folder, split):
    return {(tuple(e.input), e.identifier) for e in read_slowly(folder, split)}


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_training_and_validation_show_each_puzzle_with_its_identifier(
    folder, tmp_path, micro_batch
):
    settings = fit_to_own_puzzles(FolderSettings(path=str(folder), val_count=8))
    keys = {f"task__{key}": value for key, value in settings.model_dump().items()}
    config = tiny(**keys, train__epoch_cnt=2, train__micro_batch=micro_batch)
    trainer = trainer_of(config, tmp_path / "run", model=witness(task(folder)))
    trainer.run()
    assert isinstance(trainer.model, Witness)
    shown = trainer.model.take()
    assert set(shown) == expected(folder, "train") and len(shown) >= 2 * 2 * 32


def test_evaluation_shows_each_puzzle_with_its_identifier(folder):
    own = task(folder)
    model = witness(own)
    list(score(model, own, held_out(own, 40), [2], batch_size=7))
    assert set(model.take()) == expected(folder, "test")
    evaluate(model, own.given("train").inputs, [1])
    assert set(model.take()) == expected(folder, "train")


def test_solving_shows_puzzles_of_the_data_set_with_their_identifiers_and_others_with_0(folder):
    own = task(folder)
    model, test = witness(own), own.given("test").inputs
    how = {"until": "settled", "max_segments": 5, "restarts": 1}  # some leave before others
    list(solve_all([*test, np.full((2, 2), 3)], model, **how))
    assert set(model.take()) == expected(folder, "test") | {((3, 3, 3, 3), 0)}
    solve(test[0], model, watch=True)
    assert set(model.take()) <= expected(folder, "test")


def test_views_of_a_puzzle_with_an_identifier_are_refused(folder):
    own = task(folder)
    test = own.given("test")
    with pytest.raises(ValueError, match=r"symmetries: .*identifiers"):
        how = Thinking(symmetries=True)
        think(witness(own), own, test.inputs, how, puzzle_ids=test.puzzle_ids)
    assert not any("symmetries" in way for way in ways(tiny().model, own))


def test_puzzles_without_identifiers_are_shown_without(tmp_path):
    plain = board_path(4)
    model = Witness(tiny().model, 4)
    examples = held_out(plain, 3)
    list(score(model, plain, examples, [1]))
    list(solve_all(list(examples.inputs), model))
    assert {number for _, number in model.take()} == {None}
    assert plain.grid.puzzle_identifiers == 1 and plain.identify(examples.inputs) is None
    write_split_of_one = write(tmp_path)
    for split in ("train", "test"):
        file = write_split_of_one / split / "dataset.json"
        described = {**json.loads(file.read_text()), "num_puzzle_identifiers": 1}
        file.write_text(json.dumps(described))
        ids = np.zeros(3 if split == "train" else 2, int)
        np.save(write_split_of_one / split / "all__puzzle_identifiers.npy", ids)
    assert task(tmp_path).given("train").puzzle_ids is None
    assert task(tmp_path).grid.puzzle_identifiers == 1


def test_a_split_with_another_number_of_identifiers_is_refused(folder):
    file = folder / "test" / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "num_puzzle_identifiers": 8}))
    with pytest.raises(ValueError, match=r"num_puzzle_identifiers: 8.* 7; write the same"):
        task(folder).given("test")


def test_a_hash_tells_identifiers_apart_and_ignores_blank_ones():
    cells = np.ones((2, 2, 2), np.uint8)
    hashes = [
        examples_hash(Examples(cells, cells, puzzle_ids=ids))
        for ids in (None, np.zeros(2, np.int64), np.array([0, 1]), np.array([1, 0]))
    ]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 3


def test_a_model_folder_says_how_many_identifiers_there_are_and_old_ones_have_one(tmp_path):
    grid = Grid(2, 2, 4, 4, puzzle_identifiers=900_000)
    HRM(tiny().model, grid, {"name": "x"}).save_pretrained(tmp_path)
    assert HRM.from_pretrained(tmp_path).grid == grid
    file = tmp_path / hub.CONFIG
    content = json.loads(file.read_text())
    del content["grid"]["puzzle_identifiers"]
    file.write_text(json.dumps(content))
    assert hub.read_config(tmp_path).grid.puzzle_identifiers == 1
    for wrong in (0, "3", 2**40):
        file.write_text(
            json.dumps({**content, "grid": {**content["grid"], "puzzle_identifiers": wrong}})
        )
        with pytest.raises(ValueError, match="damaged"):
            hub.read_config(tmp_path)
