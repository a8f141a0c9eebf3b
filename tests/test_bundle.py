"""Cards of finished runs, and what is bundled of them."""

import shutil

import pytest
import runs_to_measure
from helpers import held_out_boards

from benchmarks.bundle import bundle, card
from hrm import HRM, evaluate
from hrm.data.load import load_dataset
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.training.metrics import METRICS, best_epoch

TINY = runs_to_measure.TINY.derive(
    task__augment=True, train__epoch_cnt=3, train__best_by="board_acc"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    launch.start(folder, TINY)
    return folder


def test_the_card_says_what_the_run_did_and_what_its_best_model_is_worth(finished):
    text = card(finished, "tiny", "hrm train debug", "on a quiet machine", board_cnt=40)
    found = evaluate(HRM.from_pretrained(finished), held_out_boards(4, 40), [2])[2]
    assert f"| 2 | {found.cell_acc:.4f} | {found.board_acc:.3f} |" in text
    assert (
        f"kept | epoch {best_epoch(finished, 'board_acc')['epoch']}, the highest board acc" in text
    )
    assert "24 boards, `wall_prob` 0.3, in 3 epochs, each epoch turned or mirrored" in text
    assert 'read(), "tiny"))' in text and "hrm train debug" in text
    assert "on a quiet machine" in text and "one module of width 8 with 2 heads" in text


def test_a_run_that_has_seen_a_held_out_board_gets_no_card(finished, monkeypatch):
    seen = load_dataset(TINY.task).val
    monkeypatch.setattr("benchmarks.bundle.held_out", lambda *_: seen)
    with pytest.raises(ValueError, match=r"tiny: 8 test boards are among those that it has seen"):
        card(finished, "tiny", "hrm train debug")


@pytest.mark.parametrize(
    "changes", [{"task__board_sizes": [4, 5]}, {"train__init_from": "boardpath-10x10"}]
)
def test_a_run_that_the_card_has_no_words_for_gets_none(finished, tmp_path, changes):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / runs.CONFIG).write_text(TINY.derive(**changes).to_yaml())
    with pytest.raises(ValueError, match=r"run: a card tells of new models"):
        card(tmp_path / "run", "tiny", "hrm train debug")


def test_what_is_bundled_is_the_best_model_with_its_card_and_metrics(finished, tmp_path):
    folder = bundle(finished, "tiny", "# A card\n", parent=tmp_path)
    kept, best = HRM.from_pretrained(folder), HRM.from_pretrained(finished)
    assert all((kept.state_dict()[key] == value).all() for key, value in best.state_dict().items())
    assert (folder / "README.md").read_text() == "# A card\n"
    assert (folder / METRICS).read_bytes() == (finished / METRICS).read_bytes()
