"""Cards of finished runs, and what is bundled of them."""

import shutil

import pytest
import runs_to_measure
from helpers import held_out_boards

from benchmarks.bundle import bundle, card
from benchmarks.sizes import measure
from hrm import HRM, evaluate
from hrm.config.presets import preset
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
    text = card(finished, "tiny", "hrm train debug", "on a quiet machine", puzzle_cnt=40)
    found = evaluate(HRM.from_pretrained(finished), held_out_boards(4, 40), [2])[2]
    assert f"| 2 | {found.cell_acc:.4f} | {found.board_acc:.3f} |" in text
    assert (
        f"kept | epoch {best_epoch(finished, 'board_acc')['epoch']}, the highest board acc" in text
    )
    assert "24 puzzles, `wall_prob` 0.3, in 3 epochs, each epoch under symmetries" in text
    assert 'read(), "tiny"))' in text and "hrm train debug" in text
    assert "on a quiet machine" in text and "one module of width 8 with 2 heads" in text
    assert "a depthwise 3×3 convolution before attention, RoPE by row and column" in text
    assert "`hrm data generate boardpath --size 4 --wall-prob 0.3 --count 40 --seed" in text


def test_the_card_of_a_sudoku_says_how_hard_its_puzzles_are(tmp_path):
    config = preset("record-sudoku").derive(
        task__size=6, task__min_guesses=1, task__reveal=3, task__train_count=20, task__val_count=4,
        model__d_model=8, model__H_cycle_cnt=1, train__epoch_cnt=1, train__threads=1,
    )  # fmt: skip
    launch.start(tmp_path / "run", config)
    text = card(tmp_path / "run", "six", "hrm train", puzzle_cnt=10)
    assert "# Sudoku: each digit once in every row, column and box (6×6)" in text
    assert "20 puzzles, `min_guesses` 1, `reveal` 3, in 1 epochs |" in text
    assert "hrm data generate sudoku --size 6 --min-guesses 1 --count 10" in text
    assert "a vector for each cell and code, means over each row, column, box." in text
    assert "Trained on 6×6 puzzles only, though it takes others." in text


def test_the_card_of_mazes_says_what_it_is_worth_on_larger_ones(tmp_path):
    mazes = {"name": "maze", "kind": "perfect", "rows": 7, "columns": 7, "sizes": [[5, 7], [7, 7]]}
    local = {"model__attention": False, "model__local_mixing": True}
    launch.start(tmp_path / "run", TINY.derive(task=mazes | {"train_count": 12}, **local))
    text = card(tmp_path / "run", "maze", "hrm train", puzzle_cnt=5, larger={9: 3})
    found = measure(tmp_path / "run", 9, 3)
    assert (
        "(7×7)" in text
        and "`sizes` [[5, 7], [7, 7]], `kind` perfect, `algorithm` depth_first, in" in text
    )
    assert (
        "`hrm data generate maze --size 7 --kind perfect --algorithm depth_first --count 5" in text
    )
    assert f"| 9×9 | 3 | {found.solved:.3f} | " in text and f"| {found.mean_segments:.1f} |" in text
    assert "Trained on 7×7, 5×7 puzzles only" in text


def test_a_run_that_has_seen_a_held_out_board_gets_no_card(finished, monkeypatch):
    seen = load_dataset(TINY.task).val
    monkeypatch.setattr("benchmarks.bundle.held_out", lambda *_: seen)
    with pytest.raises(ValueError, match=r"tiny: 8 test boards are among those that it has seen"):
        card(finished, "tiny", "hrm train debug")


def test_a_run_that_the_card_has_no_words_for_gets_none(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    config = TINY.derive(train__init_from="boardpath-10x10")
    (tmp_path / "run" / runs.CONFIG).write_text(config.to_yaml())
    with pytest.raises(ValueError, match=r"run: a card tells of new models"):
        card(tmp_path / "run", "tiny", "hrm train debug")


def test_what_is_bundled_is_the_best_model_with_its_card_and_metrics(finished, tmp_path):
    folder = bundle(finished, "tiny", "# A card\n", parent=tmp_path)
    kept, best = HRM.from_pretrained(folder), HRM.from_pretrained(finished)
    assert all((kept.state_dict()[key] == value).all() for key, value in best.state_dict().items())
    assert (folder / "README.md").read_text() == "# A card\n"
    assert (folder / METRICS).read_bytes() == (finished / METRICS).read_bytes()
