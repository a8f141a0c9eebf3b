"""A data set as a task: shape and codes, answers, splits, and what a model keeps of it."""

import json
import shutil

import numpy as np
import pytest
from folders import arrays, meta, task, write, write_split

from hrm.data.load import fit_to_own_puzzles, load_dataset
from hrm.data.source import held_out
from hrm.tasks import registry
from hrm.tasks.folder.codes import GLYPHS
from hrm.tasks.folder.task import Folder, FolderSettings
from hrm.tasks.grid import IGNORE, MAX_CODES


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path: .*nowhere: no such folder; name"):
        task(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"path: .*neither .*; name the folder above train"):
        task(write(tmp_path) / "train")
    shutil.rmtree(tmp_path / "test")
    with pytest.raises(ValueError, match=r"task\.path: .*test/dataset.json: .*no test split"):
        held_out(task(tmp_path), 1)


def test_without_a_path_the_task_says_what_to_give():
    for act in (lambda t: t.given("test"), lambda t: t.shape, lambda t: t.draw(1, (0,))):
        with pytest.raises(ValueError, match=r"task\.path: no data set.*task\.path=DIR"):
            act(Folder(FolderSettings()))


def test_the_shape_is_a_square_only_where_nothing_else_is_said(tmp_path):
    for cells, keys, shape in (
        (4, {}, (2, 2)),
        (4, {"rows": 1}, (1, 4)),
        (12, {"columns": 4}, (3, 4)),
        (12, {"rows": 2, "columns": 6}, (2, 6)),
    ):
        wide = np.ones((4, cells), int)
        fields = arrays(inputs=wide, labels=wide)
        write_split(tmp_path, "train", meta(seq_len=cells), {"all": fields})
        assert task(tmp_path, **keys).given("train").shape == shape
    for keys in ({}, {"rows": 5}, {"columns": 13}):
        with pytest.raises(ValueError, match=r"seq_len: 12 .*task\.rows=R and task\.columns=C"):
            task(tmp_path, **keys)
    with pytest.raises(ValueError, match=r"seq_len: 12.*3×3.*task\.rows=R and task\.columns=C"):
        task(tmp_path, rows=3, columns=3, vocab_size=5).given("train")
    with pytest.raises(ValueError, match=r"vocab_size: 5.* 6; set task\.vocab_size=5"):
        task(tmp_path, rows=3, columns=4, vocab_size=6).given("train")


GRID = {
    "format_version": 1,
    "rows": 1,
    "columns": 4,
    "codes": ["_ pad", "#", "S start", ". x", "é"],
}


def test_the_grid_file_tells_shape_and_codes_unless_the_settings_do(tmp_path):
    (write(tmp_path) / "grid.json").write_text(json.dumps(GRID))
    found = task(tmp_path)
    assert found.shape == (1, 4)
    assert [(c.glyph, c.word) for c in found.codes[:3]] == [
        ("_", "pad"),
        ("#", "code 1"),
        ("S", "start"),
    ]
    assert found.answer_codes == found.codes
    other = task(
        tmp_path, rows=4, columns=1, codes=["a", "b", "c", "d", "e"], answer_codes=list("vwxyz")
    )
    assert other.shape == (4, 1)
    assert "".join(code.glyph for code in (*other.codes, *other.answer_codes)) == "abcdevwxyz"


@pytest.mark.parametrize(
    "changes, place, remedy",
    [
        ({"rows": "1"}, "rows: .*'1'", "correct"),
        ({"rows": 3}, "seq_len: 4 .*3 rows and 4 columns", "task.rows=R"),
        ({"format_version": 2}, "format_version: .*2", "correct"),
        ({"codes": ["a"]}, "codes: 1 of them", "one for each"),
        ({"answer_codes": list("abc")}, "answer_codes: 3 of them", "one for each"),
        ({"codes": list("abcda")}, "codes: codes 0 and 4 .*a", "its own"),
        ({"codes": ["a", "b", "c", "d", " e"]}, "codes: code 4 is ' e'", "begin with"),
        ({"codes": ["a", "b", "c", "d", ""]}, "codes: code 4 is ''", "begin with"),
        ({"codes": None}, "codes: .*None", "correct"),
    ],
)
def test_a_wrong_grid_file_is_refused_in_a_line(tmp_path, changes, place, remedy):
    (write(tmp_path) / "grid.json").write_text(json.dumps({**GRID, **changes}))
    with pytest.raises(ValueError, match=f"(grid|dataset).json: {place}.*{remedy}"):
        task(tmp_path)


def test_settings_that_mean_nothing_here_are_refused(tmp_path):
    for keys, remedy in (
        ({"stream": True}, "stream: .*task.stream=false"),
        ({"augment": True}, "augment: .*task.augment=false"),
        ({"train_boards": "a.txt"}, "train_boards: .*leave it out"),
        ({"codes": ["a"]}, "codes: 1 of them.*vocab_size 5; give one for each"),
        ({"answer_codes": list("aabcd")}, "answer_codes: codes 0 and 1 .*its own"),
        ({"vocab_size": 256}, "vocab_size"),
        ({"rows": 0}, "rows"),
    ):
        with pytest.raises(ValueError, match=remedy):
            task(write(tmp_path), **keys)


@pytest.mark.parametrize("count", [1, 11, 63, MAX_CODES])
def test_chosen_glyphs_are_different_and_can_be_typed(tmp_path, count):
    mixed, plain = np.arange(256) % count, np.repeat(np.arange(count), 256)
    cells = np.concatenate([mixed, plain]).reshape(-1, 256)
    ends = np.arange(count + 2)
    fields = {"puzzle_identifiers": ends[1:] * 0, "puzzle_indices": ends, "group_indices": ends}
    fields = arrays(inputs=cells, labels=cells, **fields)
    of_all = meta(seq_len=256, vocab_size=count, ignore_label_id=None, total_groups=count + 1)
    write_split(tmp_path, "train", of_all, {"all": fields})
    found = task(tmp_path)
    assert "".join(code.glyph for code in found.codes).startswith("0123456789abcdefg"[:count])
    assert len({code.glyph for code in found.codes}) == count <= len(GLYPHS)
    inputs = found.given("train").inputs
    assert [p.input.tolist() for p in found.parse(found.format_all(inputs))] == inputs.tolist()
    assert [found.parse(found.format(grid))[0].input.tolist() for grid in inputs] == inputs.tolist()


def test_answers_are_known_of_the_puzzles_in_the_data_set_alone(tmp_path):
    found = task(write(tmp_path))
    train, test = found.given("train"), found.given("test")
    strange = np.full((1, 2, 2), 1, np.uint8)
    answers = found.answer(np.concatenate([test.inputs, strange, train.inputs]))
    assert np.array_equal(answers[:2], test.answers) and np.array_equal(answers[3:], train.answers)
    assert (answers[2] == IGNORE).all()
    without = Folder(found.config.model_copy(update={"path": None}))
    assert (without.answer(train.inputs) == IGNORE).all()
    assert found.answer(train.inputs[:0]).shape == (0, 2, 2)


def test_of_several_answers_to_a_puzzle_the_first_is_known(tmp_path):
    same = np.ones((4, 4), int)
    labels = np.array([[3, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1], [4, 4, 4, 4]])
    write_split(tmp_path, "train", meta(), {"all": arrays(inputs=same, labels=labels)})
    found = task(tmp_path)
    assert found.answer(found.given("train").inputs).reshape(4, 4).tolist() == [[3, 1, 1, 1]] * 4


def test_a_cell_that_is_not_graded_may_be_anything(tmp_path):
    found = task(write(tmp_path))
    examples = found.given("train")
    for filler in range(5):
        answers = np.where(examples.answers == IGNORE, np.uint8(filler), examples.answers)
        assert found.check(examples.inputs, answers).all()
        assert found.solves(examples, answers).all()
        verdicts = found.judge(examples.inputs, answers, examples.answers)
        assert [verdict.name for verdict in verdicts] == ["exact"] * 4
    wrong = examples.answers.copy()
    wrong[:, 0, 0] = 0
    assert not found.check(examples.inputs, wrong).any()
    names = [v.name for v in found.judge(examples.inputs, wrong, examples.answers)]
    assert names == ["none"] * 4


def test_no_answer_to_an_unknown_puzzle_is_right(tmp_path):
    found = task(write(tmp_path))
    strange = np.full((1, 2, 2), 1, np.uint8)
    assert not found.check(strange, strange).any()
    verdict = found.judge(strange, strange, found.answer(strange))[0]
    assert verdict.name == "unknown" and not verdict.solved


def test_the_last_whole_groups_are_validated_on(tmp_path):
    write(tmp_path)
    for wanted, kept in ((1, 2), (2, 2)):
        config = fit_to_own_puzzles(FolderSettings(path=str(tmp_path), val_count=wanted))
        assert (config.train_count, config.val_count) == (4 - kept, kept)
        dataset = load_dataset(config)
        assert dataset.val.inputs.tolist() == task(tmp_path).given("train").inputs[-kept:].tolist()
        assert load_dataset(fit_to_own_puzzles(config)).hashes == dataset.hashes
    with pytest.raises(ValueError, match=r"task\.val_count: 3 of 4.*use fewer"):
        load_dataset(FolderSettings(path=str(tmp_path), val_count=3))


def test_a_run_names_the_folder_by_its_absolute_path_and_a_model_not_at_all(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path / "data").parent)
    config = fit_to_own_puzzles(FolderSettings(path="data", val_count=1))
    assert config.model_dump()["path"] == str(tmp_path / "data")
    described = registry.describe(config)
    assert "path" not in described and str(tmp_path) not in json.dumps(described)
    assert described == {
        "name": "folder",
        "rows": 2,
        "columns": 2,
        "vocab_size": 5,
        "puzzle_identifiers": 3,
        "codes": None,
        "answer_codes": None,
    }


def test_a_run_and_a_model_know_their_puzzles_without_the_data_set(tmp_path):
    (write(tmp_path) / "grid.json").write_text(json.dumps(GRID))
    before = task(tmp_path)
    config, grid = before.config.model_dump(), before.grid
    shutil.rmtree(tmp_path)
    for values in (config, registry.describe(before.config)):
        after = registry.make(registry.read_settings(values))
        assert after.grid == grid and after.codes == before.codes
        assert after.parse("_#S.")[0].input.tolist() == [[0, 1, 2, 3]]
    with pytest.raises(ValueError, match=r"task\.path: .*no such folder"):
        registry.make(registry.read_settings(config)).given("train")


def test_puzzles_of_another_shape_are_not_those_of_the_data_set(tmp_path):
    other = task(write(tmp_path)).of_shape((1, 4))
    assert other.config.model_dump()["path"] is None
    with pytest.raises(ValueError, match=r"task\.path: no data set of 1×4"):
        other.given("test")
    assert (other.answer(np.array([[[1, 2, 3, 4]]], np.uint8)) == IGNORE).all()


def test_puzzles_are_drawn_from_the_test_split(tmp_path):
    found = task(write(tmp_path))
    drawn = found.draw(20, (1, 2))
    assert np.array_equal(drawn, found.draw(20, (1, 2)))
    assert {grid.tobytes() for grid in drawn} == {
        grid.tobytes() for grid in found.given("test").inputs
    }
