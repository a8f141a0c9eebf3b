"""Data sets in the published layout: every structure is read, every malformation refused."""

import re
import shutil

import numpy as np
import pytest
from folders import arrays, meta, read_slowly, task, write, write_split
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hrm.tasks.folder.layout import Metadata
from hrm.tasks.grid import IGNORE, MAX_CODES

IN_A_FOLDER = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def graded(example, ignored):
    return [IGNORE if label == ignored else label for label in example.label]


def require_read_as(found, expected, shape, ignored):
    assert found.inputs.dtype == found.answers.dtype == np.uint8
    assert found.inputs.shape == found.answers.shape == (len(expected), *shape)
    assert found.inputs.reshape(len(expected), -1).tolist() == [e.input for e in expected]
    assert found.answers.reshape(len(expected), -1).tolist() == [
        graded(e, ignored) for e in expected
    ]
    assert found.groups.tolist() == [e.group for e in expected]


def test_a_split_is_read_as_the_published_code_reads_it(tmp_path):
    for split in ("train", "test"):
        found = task(write(tmp_path)).given(split)
        require_read_as(found, read_slowly(tmp_path, split), (2, 2), 0)
    assert [e.group for e in read_slowly(tmp_path, "train")] == [0, 0, 1, 1]


@st.composite
def splits(draw):
    """A data set of any structure: `dataset.json` and the arrays of each set."""
    vocab_size, cells = draw(st.integers(2, MAX_CODES)), draw(st.sampled_from([1, 4, 9]))
    ignored = draw(st.sampled_from([None, 0, -100, 255, vocab_size - 1, 70_000]))
    kind = draw(st.sampled_from(["<u2", ">i4", "<i8"] if ignored != -100 else [">i4", "<i8"]))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    sets, group_cnt = {}, 0
    for name in draw(st.sampled_from([["all"], ["all", "b-1"]])):
        sizes = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1))
        puzzles = [size for group in sizes for size in group]
        group_cnt += len(sizes)
        inputs = random.integers(0, vocab_size, (sum(puzzles), cells))
        labels = random.integers(0, vocab_size, inputs.shape)
        if ignored is not None and ignored < 60_000:
            labels[random.random(inputs.shape) < 0.3] = ignored
        labels[:, 0] = 1 if ignored == 0 else 0
        sets[name] = {
            "inputs": inputs.astype(kind),
            "labels": labels.astype(kind),
            "puzzle_identifiers": random.integers(0, 3, len(puzzles)),
            "puzzle_indices": np.cumsum([0, *puzzles]).astype(">u4"),
            "group_indices": np.cumsum([0, *map(len, sizes)]).astype(np.int16),
        }
    found = meta(
        vocab_size=vocab_size,
        seq_len=cells,
        ignore_label_id=ignored,
        sets=list(sets),
        total_groups=group_cnt,
        total_puzzles=7,
        something_new=[1],
    )
    return found, sets


@IN_A_FOLDER
@given(splits())
def test_every_structure_is_read_as_the_published_code_reads_it(tmp_path, split):
    metadata, sets = split
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    write_split(tmp_path / "data", "train", metadata, sets)
    found = task(tmp_path / "data")
    side = round(metadata["seq_len"] ** 0.5)
    expected = read_slowly(tmp_path / "data", "train")
    require_read_as(found.given("train"), expected, (side, side), metadata["ignore_label_id"])
    assert len(found.codes) == len(found.answer_codes) == metadata["vocab_size"]


MALFORMED = {
    "missing": (arrays(labels=None), "all__labels.npy", "write it|leave"),
    "pickled": (arrays(labels=np.array([{}, 1], object)), "all__labels.npy", "write it anew"),
    "floats": (arrays(inputs=np.ones((4, 4))), "all__inputs.npy: holds float64", "integers"),
    "truths": (arrays(inputs=np.ones((4, 4), bool)), "all__inputs.npy: holds bool", "integers"),
    "one axis": (arrays(inputs=np.ones(16, int)), "all__inputs.npy: has shape (16,)", "seq_len"),
    "grids": (arrays(labels=np.ones((4, 2, 2), int)), "labels.npy: has shape (4, 2, 2)", "seq_len"),
    "no examples": (arrays(inputs=np.ones((0, 4), int)), "inputs.npy: holds no", "leave"),
    "too wide": (arrays(labels=np.ones((4, 5), int)), "labels.npy: has shape (4, 5)", "correct"),
    "a label less": (arrays(labels=np.ones((3, 4), int)), "labels.npy: 3 of them", "one for each"),
    "code too large": (
        arrays(inputs=np.full((4, 4), 5)),
        "inputs.npy: example 1 holds 5",
        "0 to 4",
    ),
    "code below 0": (
        arrays(inputs=np.full((4, 4), -1)),
        "inputs.npy: example 1 holds -1",
        "0 to 4",
    ),
    "label too large": (
        arrays(labels=np.array([[1] * 4, [1] * 4, [1, 1, 260, 1], [1] * 4])),
        "labels.npy: example 3 holds 260 in cell 3",
        "0 to 4",
    ),
    "nothing graded": (
        arrays(labels=np.array([[1] * 4, [0] * 4, [1] * 4, [1] * 4])),
        "labels.npy: example 2 has nothing but ignore_label_id 0",
        "take it out",
    ),
    "puzzles begin late": (
        arrays(puzzle_indices=np.array([1, 2, 3, 4])),
        "puzzle_indices.npy: begins with 1",
        "begin with 0",
    ),
    "no puzzles": (arrays(puzzle_indices=np.array([], int)), "puzzle_indices.npy", "begin with 0"),
    "empty puzzle": (
        arrays(puzzle_indices=np.array([0, 2, 2, 4])),
        "puzzle_indices.npy: 2 is followed by 2 (entry 2)",
        "larger",
    ),
    "puzzles end early": (
        arrays(puzzle_indices=np.array([0, 1, 2, 3])),
        "puzzle_indices.npy: ends with 3",
        "end with 4",
    ),
    "puzzles of floats": (arrays(puzzle_indices=np.arange(4.0)), "puzzle_indices.npy", "integers"),
    "puzzles in a table": (
        arrays(puzzle_indices=np.array([[0, 2, 3, 4]])),
        "puzzle_indices.npy: has shape (1, 4)",
        "one axis",
    ),
    "groups backwards": (
        arrays(group_indices=np.array([0, 2, 1, 3])),
        "group_indices.npy: 2 is followed by 1",
        "larger",
    ),
    "groups end late": (
        arrays(group_indices=np.array([0, 1, 4])),
        "group_indices.npy: ends with 4",
        "end with 3",
    ),
    "an identifier less": (
        arrays(puzzle_identifiers=np.zeros(2, int)),
        "puzzle_identifiers.npy: 2 of them",
        "one for each",
    ),
    "identifier too large": (
        arrays(puzzle_identifiers=np.array([0, 3, 0])),
        "puzzle_identifiers.npy: puzzle 2 has 3",
        "0 to 2",
    ),
    "identifier below 0": (
        arrays(puzzle_identifiers=np.array([0, 1, -1])),
        "puzzle_identifiers.npy: puzzle 3 has -1",
        "0 to 2",
    ),
}


@pytest.mark.parametrize("fields, place, remedy", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_array_is_refused_in_a_line(tmp_path, fields, place, remedy):
    write_split(write(tmp_path), "train", meta(), {"all": arrays()})
    for file in (tmp_path / "train").glob("*.npy"):
        file.unlink()
    write_split(tmp_path, "train", meta(), {"all": fields})
    with pytest.raises(ValueError, match=f"task.path: .*{re.escape(place)}.*(?:{remedy})") as error:
        task(tmp_path).given("train")
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes, place, remedy",
    [
        ({"pad_id": None}, "pad_id: ", "correct"),
        ({"pad_id": 5}, "pad_id: 5", "below vocab_size 5"),
        ({"pad_id": -1}, "pad_id: .*-1", "correct"),
        ({"ignore_label_id": "0"}, "ignore_label_id: .*'0'", "correct"),
        ({"blank_identifier_id": 3}, "blank_identifier_id: 3", "below num_puzzle_identifiers 3"),
        ({"vocab_size": 256}, "vocab_size: 256", "at most 255"),
        ({"vocab_size": 5.5}, "vocab_size: .*5.5", "correct"),
        ({"vocab_size": True}, "vocab_size: .*True", "correct"),
        ({"seq_len": 0}, "seq_len: .*0", "correct"),
        ({"num_puzzle_identifiers": 0}, "num_puzzle_identifiers: .*0", "correct"),
        ({"mean_puzzle_examples": "many"}, "mean_puzzle_examples: .*'many'", "correct"),
        ({"total_groups": 3}, "total_groups: 3.* 2", "write 2"),
        ({"sets": []}, r"sets: .*\[\]", "correct"),
        ({"sets": "all"}, "sets: .*'all'", "correct"),
        ({"sets": ["../all"]}, "sets.0: .*'../all'", "correct"),
        ({"sets": ["all", "all"]}, "sets: .*twice", "once"),
        ({"sets": ["all", "more"]}, "more__inputs.npy", "leave its set out"),
    ],
)
def test_a_wrong_field_is_refused_in_a_line(tmp_path, changes, place, remedy):
    write_split(tmp_path, "train", meta(**changes), {"all": arrays()})
    with pytest.raises(ValueError, match=f"{place}.*{remedy}"):
        task(tmp_path).given("train")


@pytest.mark.parametrize("field", [key for key in Metadata.model_fields if key != "total_puzzles"])
def test_a_missing_field_is_named(tmp_path, field):
    metadata = meta()
    del metadata[field]
    write_split(tmp_path, "train", metadata, {"all": arrays()})
    with pytest.raises(ValueError, match=f"path: .*dataset.json: {field}: is missing; add it"):
        task(tmp_path)


@IN_A_FOLDER
@given(st.integers(0, 200), st.binary(max_size=12))
@example(0, b"PK\x03\x04")
@example(0, b"\x80\x04")
@example(6, b"\xff")
def test_a_damaged_file_is_refused_or_read(tmp_path, place, noise):
    file = write(tmp_path) / "train" / "all__inputs.npy"
    content = file.read_bytes()
    for damaged in (content[:place] + noise + content[place + len(noise) :], content[:place]):
        file.write_bytes(damaged)
        try:
            found = task(tmp_path).given("train")
        except ValueError as error:
            assert "all__inputs.npy" in str(error) and "\n" not in str(error)
        else:
            assert found.inputs.shape == (4, 2, 2) and found.inputs.max() <= 4


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "\xff\xfe", "[" * 100_000])
def test_a_description_that_is_none_is_refused(tmp_path, content):
    (write(tmp_path) / "train" / "dataset.json").write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=r"path: .*dataset\.json: "):
        task(tmp_path)
