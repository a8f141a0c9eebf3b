"""The measurement of finished runs on boards larger than those they learned from."""

import json
import shutil

import pytest
from helpers import held_out_boards
from runs_to_measure import TINY

from benchmarks.protocol import finished
from benchmarks.sizes import measure, row
from hrm import HRM, evaluate
from hrm.inference.solving import solve_all
from hrm.runs import folder as runs
from hrm.runs import launch
from hrm.training.metrics import METRICS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny-0"
    local = {"model__attention": False, "model__local_mixing": True}
    sizes = {"task__board_sizes": [3, 4], "task__train_count": 12, "task__val_count": 8}
    launch.start(folder, TINY.derive(**local, **sizes))
    return folder


def test_a_run_thinks_in_proportion_to_the_size_and_until_solved(run):
    found = measure(run, 6, 30)
    boards, model = held_out_boards(6, 30), HRM.from_pretrained(run)
    expected = evaluate(model, boards, [3])[3]
    assert (found.segments, found.learned_from) == (3, [3, 4])
    assert (found.board_acc, found.solved) == (expected.board_acc, expected.solved)
    longest = {"until": "solved", "max_segments": 6, "patience": 8}
    solutions = list(solve_all(boards.inputs, model, **longest))
    assert found.until_solved == pytest.approx(sum(s.solved for s in solutions) / 30)
    solutions = list(solve_all(boards.inputs, model, **longest, symmetries=True))
    assert found.with_symmetries == pytest.approx(sum(s.solved for s in solutions) / 30)
    assert found.mean_segments == pytest.approx(sum(s.segments for s in solutions) / 30)
    assert found.minutes > 0 and found.cpu_seconds > 0
    assert row([found]).startswith("| tiny-0 | 0 | 6×6 | 30 | ")


def test_mazes_are_measured_by_their_area(tmp_path):
    local = {"model__attention": False, "model__local_mixing": True}
    mazes = {"name": "maze", "kind": "perfect", "rows": 7, "columns": 7, "sizes": [[5, 7], [7, 7]]}
    config = TINY.derive(task=mazes | {"train_count": 12, "val_count": 8}, **local)
    launch.start(tmp_path / "maze-0", config)
    found = measure(tmp_path / "maze-0", 9, 10)
    assert (found.segments, found.learned_from) == (3, [7])
    assert found.solved <= found.until_solved <= found.with_symmetries
    assert found.mean_segments <= 8 * 6


def test_runs_of_other_tasks_are_refused(tmp_path):
    launch.start(tmp_path / "run", TINY.derive(task={"name": "sudoku", "size": 4}))
    with pytest.raises(ValueError, match="task sudoku; name runs of boardpath or maze"):
        measure(tmp_path / "run", 9, 10)


def test_boards_of_another_kind_than_the_protocols_are_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / runs.CONFIG).write_text(TINY.derive(task__wall_prob=0.2).to_yaml())
    with pytest.raises(ValueError, match=r"task\.wall_prob is 0\.2; the protocol is for 0\.3"):
        measure(tmp_path / "run", 6, 10)


def test_sizes_that_it_has_learned_are_no_larger_ones(run):
    with pytest.raises(ValueError, match=r"--boards 4: .* has learned from 4×4; give larger ones"):
        measure(run, 4, 10)


def test_a_run_that_is_not_over_is_not_measured(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / METRICS).write_text(json.dumps({"epoch": 1, "updates": 1}) + "\n")
    with pytest.raises(ValueError, match=r"1 of 2 epochs are done; .*--resume"):
        finished(tmp_path / "run")
