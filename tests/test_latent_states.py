"""The tool that draws a model's state: what it records, and what its colours and numbers mean."""

import numpy as np

from hrm import HRM, watch
from hrm.data.source import generate
from hrm.tasks.registry import default_task
from tools.latent_states import Moment, components, draw, measure, moments, to_colours

TASK = default_task(10)
PUZZLE = generate(TASK, 1, seed=1)[0]


def test_it_records_the_answers_that_watching_gives():
    model = HRM.from_pretrained("boardpath-10x10")
    found = moments(model, PUZZLE, update_cnt=12)
    frames = watch(PUZZLE, model, segments=2)
    assert len(found) == len(frames) == 13
    for moment, frame in zip(found, frames, strict=True):
        assert np.array_equal(moment.answer, frame.predicted)
        assert moment.state.shape == (100, model.config.d_model)


def test_components_are_coordinates_that_keep_the_distances_of_flat_states():
    random = np.random.default_rng(0)
    flat = random.normal(size=(50, 3))
    turned, _ = np.linalg.qr(random.normal(size=(8, 3)))  # three directions of eight
    values, share = components([(flat @ turned.T)[:25], (flat @ turned.T)[25:]])
    assert [len(part) for part in values] == [25, 25]
    assert np.isclose(share, 1)
    together = np.concatenate(values)
    for i, j in ((0, 1), (3, 40), (25, 49)):
        assert np.isclose(
            np.linalg.norm(together[i] - together[j]), np.linalg.norm(flat[i] - flat[j])
        )


def test_one_scale_serves_all_states():
    low, high = np.zeros((50, 3)), np.ones((50, 3))
    first, second = to_colours([low, high])
    assert (first == 0).all() and (second == 1).all()


def test_the_numbers_of_states_that_tell_the_path_and_nothing_else():
    label = TASK.answer(PUZZLE[None])[0]
    path = (label != PUZZLE).ravel().astype(float)
    told = np.stack([path, 1 - path], axis=1)
    still = measure(TASK, PUZZLE, label, Moment(told, label), Moment(told, label))
    assert still == ["0.00", "1.00"]
    turned = measure(TASK, PUZZLE, label, Moment(-told, label), Moment(told, label))
    assert turned == ["2.00", "1.00"]  # every vector of length 1 moved by 2


def test_it_draws_a_png():
    state = np.random.default_rng(0).normal(size=(100, 4))
    values, _ = components([state])
    content = draw(TASK, PUZZLE, {1: Moment(state, PUZZLE)}, to_colours(values))
    assert content.startswith(b"\x89PNG")
