"""Any task as a data set for other programs: what they read of it, and what is read back here."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from folders import meta, read_slowly, task, write, write_split
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.data.export import write_folder
from hrm.data.hashing import content_hash, contents
from hrm.data.load import load_dataset
from hrm.data.source import held_out
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.tasks.folder import writing
from hrm.tasks.grid import IGNORE, Code
from hrm.tasks.settings import TaskSettings
from hrm.tasks.task import Task


class Shape(TaskSettings):
    rows: int = 1
    columns: int = 1


class Given(Task):
    """Examples that a test gives."""

    Config = Shape
    codes: Sequence[Code] = (Code(".", "empty"), Code("a", "first"), Code("b", "second"))
    answers: Sequence[Code] = codes
    examples: Examples

    @property
    def answer_codes(self):
        return self.answers

    @property
    def shape(self):
        return self.examples.shape

    def given(self, split):
        return self.examples


def of_examples(examples, codes=Given.codes, answers=None):
    found = Given()
    found.examples, found.codes, found.answers = examples, codes, answers or codes
    return found


def board_paths(**keys):
    return registry.make(registry.read_settings({"name": "boardpath", **keys}))


def test_codes_are_written_plus_one_and_nothing_is_padding(tmp_path):
    lines = list(write_folder(tmp_path / "out", board_paths(board_size=3), 20, 10, 4))
    for split, count in (("train", 20), ("test", 10)):
        examples = read_slowly(tmp_path / "out", split)
        assert [e.puzzle for e in examples] == [e.group for e in examples] == list(range(count))
        found = json.loads((tmp_path / "out" / split / "dataset.json").read_text())
        assert found == {
            "pad_id": 0,
            "ignore_label_id": 0,
            "blank_identifier_id": 0,
            "vocab_size": 6,
            "seq_len": 9,
            "num_puzzle_identifiers": 1,
            "total_groups": count,
            "mean_puzzle_examples": 1.0,
            "total_puzzles": count,
            "sets": ["all"],
        }
    of_tests = held_out(board_paths(board_size=3), 10)
    for key, cells in (("input", of_tests.inputs), ("label", of_tests.answers)):
        numbers = [getattr(e, key) for e in read_slowly(tmp_path / "out", "test")]
        assert numbers == (cells.reshape(10, 9).astype(int) + 1).tolist()
    assert json.loads((tmp_path / "out" / "identifiers.json").read_text()) == ["<blank>"]
    read = task(tmp_path / "out")
    assert read.shape == (3, 3)
    words = {code.word: code.glyph for code in read.codes}
    assert words == {
        "padding": "0",
        "floor": ".",
        "wall": "#",
        "start": "S",
        "end": "E",
        "path": "*",
    }
    assert f"task.path={tmp_path / 'out'}" in lines[-1] and "20 puzzles" in "".join(lines)
    assert content_hash(of_tests.inputs) in lines[-2]


def test_the_training_puzzles_are_those_of_a_run_with_the_seed(tmp_path):
    of_run = board_paths(board_size=4, train_count=30, val_count=5, seed=6)
    list(write_folder(tmp_path / "out", of_run, 30, 40, 6))
    fixed = load_dataset(of_run.config).train.fixed
    found = task(tmp_path / "out").given("train")
    assert fixed and np.array_equal(found.inputs, fixed.inputs + 1)
    assert np.array_equal(found.answers, fixed.answers + 1)


def test_no_puzzle_is_in_both_splits_even_of_a_kind_with_few(tmp_path):
    list(write_folder(tmp_path / "out", board_paths(board_size=2), 15, 15, 0))
    train, test = (contents(task(tmp_path / "out").given(s).inputs) for s in ("train", "test"))
    assert len(train) == len(test) == 15 and not train & test


@st.composite
def example_sets(draw):
    """Examples of any shape, some cells not graded, some made of one another."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    sizes = draw(st.none() | st.lists(st.integers(1, 3), min_size=1, max_size=4))
    count = sum(sizes) if sizes else draw(st.integers(1, 5))
    groups = None if sizes is None else np.repeat(np.arange(len(sizes)) * 5 + 2, sizes)
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    inputs, answers = random.integers(0, 3, (2, count, rows, columns)).astype(np.uint8)
    answers[random.random(answers.shape) < 0.4] = IGNORE
    answers[:, 0, 0] = 1
    return Examples(inputs, answers, groups)


@settings(max_examples=30, deadline=None)
@given(example_sets())
def test_whatever_is_exported_is_read_back_by_others_and_here(tmp_path_factory, examples):
    out = tmp_path_factory.mktemp("sets") / "out"
    list(write_folder(out, of_examples(examples), len(examples), len(examples), 0))
    of_others = read_slowly(out, "train")
    assert [e.input for e in of_others] == [
        [c + 1 for c in g.ravel().tolist()] for g in examples.inputs
    ]
    assert [e.label for e in of_others] == [
        [0 if c == IGNORE else c + 1 for c in grid.ravel().tolist()] for grid in examples.answers
    ]
    same_group = np.arange(len(examples)) if examples.groups is None else examples.groups
    numbers = {group: number for number, group in enumerate(dict.fromkeys(same_group.tolist()))}
    assert [e.group for e in of_others] == [numbers[group] for group in same_group.tolist()]
    back = task(out).given("test")
    assert np.array_equal(back.inputs, examples.inputs + 1)
    ignored = examples.answers == IGNORE
    assert np.array_equal(back.answers, np.where(ignored, IGNORE, examples.answers + np.uint8(1)))


def some_examples(count=4, cells=4):
    grids = np.arange(count * cells).reshape(count, 2, -1) % 3
    return Examples(grids.astype(np.uint8), grids.astype(np.uint8), np.arange(count) // 2)


def test_glyphs_that_cannot_be_read_back_are_replaced_and_the_others_kept(tmp_path):
    codes = [Code(" ", "empty"), Code("0", "zero"), Code("0", "again"), Code("xy", "long")]
    answers = (Code("o", "off"), Code("x", "on"))
    list(write_folder(tmp_path / "out", of_examples(some_examples(), codes, answers), 4, 4, 0))
    found = task(tmp_path / "out")
    assert [code.word for code in found.codes] == ["padding", "empty", "zero", "again", "long"]
    assert "".join(code.glyph for code in found.codes) == "1.023"
    assert [code.word for code in found.answer_codes] == [
        "padding",
        "off",
        "on",
        "code 3",
        "code 4",
    ]
    assert [code.glyph for code in found.answer_codes[1:3]] == ["o", "x"]
    assert found.grid.input_codes == found.grid.answer_codes == 5


@pytest.mark.parametrize("ignored, kind", [(0, np.uint8), (-100, np.int32), (None, np.uint8)])
def test_a_data_set_keeps_its_numbers(tmp_path, ignored, kind):
    source = write(tmp_path / "source")
    of_all = meta(pad_id=4, ignore_label_id=ignored, num_puzzle_identifiers=1)
    cells = np.array([[1, 2, 3, 4], [2, 2, 2, 2]])
    labels = np.array([[1, ignored or 0, 3, 0], [2, 2, 2, 2]])
    ends = {"puzzle_indices": np.arange(3), "group_indices": np.arange(3)}
    fields = {"inputs": cells, "labels": labels, "puzzle_identifiers": np.zeros(2, int), **ends}
    for split in ("train", "test"):
        write_split(source, split, of_all, {"all": fields})
    lines = list(write_folder(tmp_path / "out", task(source, rows=1), 2, 2, 0))
    for split in ("train", "test"):
        assert read_slowly(tmp_path / "out", split) == read_slowly(source, split)
    found = json.loads((tmp_path / "out" / "train" / "dataset.json").read_text())
    assert (found["pad_id"], found["ignore_label_id"], found["vocab_size"]) == (4, ignored, 5)
    assert np.load(tmp_path / "out" / "train" / "all__labels.npy").dtype == kind
    assert task(tmp_path / "out").shape == (1, 4)
    assert not any("identifiers" in line for line in lines)


def test_puzzles_with_identifiers_are_written_as_they_were_read(tmp_path):
    source = write(tmp_path / "source")
    lines = list(write_folder(tmp_path / "out", task(source), 4, 2, 0))
    for split in ("train", "test"):
        assert read_slowly(tmp_path / "out", split) == read_slowly(source, split)
    found = json.loads((tmp_path / "out" / "train" / "dataset.json").read_text())
    assert (found["num_puzzle_identifiers"], found["total_puzzles"]) == (3, 3)
    assert found["mean_puzzle_examples"] == 4 / 3
    names = json.loads((tmp_path / "out" / "identifiers.json").read_text())
    assert names == ["<blank>", "1", "2"] and "4 examples of 3 puzzles in 2 groups" in lines[1]


def test_the_names_of_identifiers_are_kept_and_wrong_ones_refused(tmp_path):
    source = write(tmp_path / "source")
    (source / "identifiers.json").write_text('["<blank>", "é", "b"]')
    list(write_folder(tmp_path / "out", task(source), 4, 2, 0))
    assert task(tmp_path / "out").identifier_names == ["<blank>", "é", "b"]
    for wrong, words in (("{}", "list of names"), ("[]", "0 names"), ("[1", "not JSON")):
        (source / "identifiers.json").write_text(wrong)
        with pytest.raises(ValueError, match=f"identifiers.json: .*{words}"):
            list(write_folder(tmp_path / "other", task(source), 4, 2, 0))


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    out = tmp_path / "out"
    many = tuple(Code("x", f"w{i}") for i in range(255))
    for source, counts, remedy in (
        (task(write(tmp_path / "source")), (5, 1), "train_count 5: .*4 training.*fewer"),
        (task(tmp_path / "source"), (1, 3), "count 3: only 2 .*fewer"),
        (of_examples(some_examples(), many), (1, 1), "255 codes.*at most 255"),
        (board_paths(board_size=2), (1000, 1), "too few different"),
    ):
        with pytest.raises(ValueError, match=remedy):
            list(write_folder(out, source, *counts, 0))
        assert not out.exists()


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"--out: .*already there; name another"):
        list(write_folder(tmp_path, board_paths(board_size=3), 1, 1, 0))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("killed_at", range(14))
def test_a_data_set_that_was_not_finished_is_not_read(tmp_path, monkeypatch, killed_at):
    whole = writing.write_atomic
    written = []

    def mortal(path, content):
        if len(written) == killed_at:
            raise OSError("killed")  # at each of 2 files, and 6 for each split
        written.append(path)
        whole(path, content)

    monkeypatch.setattr(writing, "write_atomic", mortal)
    out = tmp_path / "out"
    with pytest.raises(OSError, match="killed"):
        list(write_folder(out, board_paths(board_size=3), 2, 2, 0))
    with pytest.raises(ValueError, match=r"no train split|neither|no such folder"):
        task(out).given("train")
