"""The tool that finds out why larger boards fail: its changes of attention, and what it counts."""

import io

import numpy as np
import pytest
import torch
from helpers import board_path, held_out_boards
from PIL import Image

from hrm import HRM
from hrm.inference.evaluation import evaluate
from hrm.models.batch import to_inputs
from hrm.tasks.boardpath.boards import PATH
from hrm.tasks.examples import Examples
from tools.larger_boards import (
    Change,
    Course,
    changed_attention,
    draw,
    follow,
    in_bins,
    variants,
    wrong_along_path,
)

MODEL = HRM.from_pretrained("boardpath-10x10").eval()
CPU = torch.device("cpu")


def logits_of(size, change):
    examples = held_out_boards(size, 2)
    model = MODEL.on(board_path(size).grid)
    inputs = to_inputs(examples.inputs, None, CPU)
    with torch.inference_mode(), changed_attention(model, change):
        return model(model.initial_state(2, (size, size)), inputs)[1].logits


@pytest.mark.parametrize("change", [Change(100), Change(100, scaled=True), Change(100, window=9)])
def test_at_the_learned_size_a_change_changes_nothing(change):
    torch.testing.assert_close(logits_of(10, change), logits_of(10, None), atol=1e-4, rtol=1e-4)


def test_on_larger_boards_each_change_changes_the_thought_and_then_it_is_over():
    as_ever = logits_of(14, None)
    torch.testing.assert_close(logits_of(14, Change(100)), as_ever, atol=1e-4, rtol=1e-4)
    for change in (Change(100, scaled=True), Change(100, window=9)):
        assert (logits_of(14, change) - as_ever).abs().max() > 1e-2
    assert torch.equal(logits_of(14, None), as_ever)


def test_it_solves_what_evaluation_solves():
    course = follow(MODEL, 12, 40, 3)
    found = evaluate(MODEL, held_out_boards(12, 40), (1, 2, 3))
    assert course.solved.mean(axis=1).tolist() == [found[n].solved for n in (1, 2, 3)]
    wrong = course.wrong.any(axis=(1, 2))
    assert 1 - wrong.mean() == pytest.approx(found[3].board_acc)


def test_wrong_cells_are_counted_along_the_path():
    """A straight way of ten steps; the model of the second board misses the sixth cell of it."""
    board = np.zeros((2, 2, 11), dtype=np.uint8)
    board[:, 1], board[:, 0, 0], board[:, 0, -1] = 1, 2, 3
    labels = board.copy()
    labels[:, 0, 1:-1] = PATH
    wrong = np.zeros(board.shape, dtype=bool)
    wrong[1, 0, 6] = True
    course = Course(Examples(board, labels), np.array([[True, False]]), wrong)
    shares = wrong_along_path(course)
    assert shares[6] == 1 and sum(s for s in shares if s == s) == 1


def test_bins_hold_equal_numbers_from_the_least_to_the_most():
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0] * 2)
    means, shares = in_bins(values, values > 3)
    assert means == [1, 2, 3, 4, 5] and shares == [0, 0, 0, 1, 1]


def test_the_picture_shows_a_panel_for_each_model_and_three_details():
    course = follow(MODEL, 10, 8, 2)
    picture = Image.open(io.BytesIO(draw({"a": {10: course}, "b": {10: course}}, 10)))
    assert picture.size == (1260, 800)


def test_attention_is_changed_only_where_there_is_some():
    assert list(variants(MODEL)) == ["", ", attention scaled", ", attention within its reach"]
    assert variants(MODEL)[", attention within its reach"] == Change(100, window=9)
