from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageSequence

from hrm.inference.solving import Frame
from hrm.rendering import animation as rendering
from hrm.rendering.animation import (
    FIRST_MS,
    LAST_MS,
    STEP_MS,
    draw_board,
    draw_frame,
    save_animation,
    save_picture,
)
from hrm.tasks.boardpath.boards import END, FLOOR, PATH, START, WALL, Verdict

KINDS = (FLOOR, WALL, START, END, PATH)


def board_of(size: int) -> np.ndarray:
    """Walls in the middle of every other row, START and END in opposite corners."""
    board = np.full((size, size), FLOOR, dtype=np.uint8)
    board[1:-1:2, 1:-1] = WALL
    board[0, 0], board[-1, -1] = START, END
    return board


def answer_of(board: np.ndarray) -> np.ndarray:
    answer = board.copy()
    answer[0, 1:] = answer[1:-1, -1] = PATH
    return answer


def thought(board: np.ndarray, segments: int = 8, steps: int = 2) -> list[Frame]:
    """A path that appears cell by cell, after an answer that is wrong all over."""
    rng = np.random.default_rng(0)
    answer, noise = answer_of(board), rng.random(board.shape)
    garbage = rng.integers(0, 5, board.shape).astype(np.uint8)
    frames = [Frame(garbage, 0.3 * noise, 0, 0)]
    for update in range(1, segments * steps + 1):
        share = update / (segments * steps)
        predicted = np.where(noise < share, answer, board)
        belief = np.clip(share * (answer == PATH) + (1 - share) * noise, 0, 1)
        frames.append(Frame(predicted, belief, (update - 1) // steps + 1, (update - 1) % steps + 1))
    return frames


def cell_picture(picture: Image.Image, board: np.ndarray, row: int, column: int) -> Image.Image:
    side = (picture.width - 60) // len(board)
    left, top = 30 + column * side, 30 + row * side
    return picture.crop((left, top, left + side, top + side))


def durations_of(path: Path) -> list[int]:
    with Image.open(path) as image:
        return [picture.info["duration"] for picture in ImageSequence.Iterator(image)]


def colours_of(picture: Image.Image) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist()))


def differs(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


@pytest.fixture(scope="module")
def gif(tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "thought.gif"
    board = board_of(10)
    save_animation(path, board, thought(board), Verdict.EXACT)
    return path


def test_animation_has_one_picture_a_frame_with_its_duration(gif):
    assert durations_of(gif) == [FIRST_MS, *[STEP_MS] * 15, LAST_MS]


def test_animation_loops_forever_and_is_small(gif):
    with Image.open(gif) as image:
        assert image.info["loop"] == 0
    assert gif.stat().st_size < 400_000


def test_animation_keeps_frames_whose_answers_are_the_same(tmp_path):
    board = board_of(4)
    belief = np.zeros(board.shape)
    frames = [Frame(board, belief, 0, 0)]
    frames += [Frame(board, belief, s, t) for s in range(1, 16) for t in (1, 2, 3)]
    save_animation(tmp_path / "a.gif", board, frames, Verdict.NONE)
    assert len(durations_of(tmp_path / "a.gif")) == len(frames)


@pytest.mark.parametrize("durations", [[LAST_MS], [FIRST_MS, LAST_MS]])
def test_short_thoughts_are_saved_too(tmp_path, durations):
    board = board_of(3)
    frames = thought(board)[: len(durations)]
    save_animation(tmp_path / "a.gif", board, frames, Verdict.NONE)
    assert durations_of(tmp_path / "a.gif") == durations


def test_every_frame_of_the_animation_has_the_colours_of_its_drawing(gif):
    board = board_of(10)
    frames = thought(board)
    with Image.open(gif) as image:
        for index in (0, 8, 15):
            image.seek(index)
            drawn = np.asarray(draw_frame(board, frames[index], 8, 2), dtype=int)
            shown = np.asarray(image.convert("RGB"), dtype=int)
            assert np.abs(drawn - shown).mean() < 2
            assert np.quantile(np.abs(drawn - shown), 0.999) < 40


@pytest.mark.parametrize("size", [2, 10, 30, 33, 61, 64])
def test_pictures_are_wide_enough_to_read_and_fit_a_page(size):
    board = board_of(size)
    still = draw_board(board, answer_of(board))
    assert 480 <= still.width == still.height <= 640
    frame = thought(board)[1]
    assert (
        draw_frame(board, frame, 8, 2).size
        == draw_frame(board_of(5), thought(board_of(5))[1], 8, 2).size
    )


@pytest.mark.parametrize("size", [10, 30])
def test_kinds_of_cell_differ_by_colour_and_by_shape(size):
    board = board_of(size)
    answer = board.copy()
    answer[2, 2] = PATH
    places = {FLOOR: (2, 5), WALL: (1, 5), START: (0, 0), END: (-1, -1), PATH: (2, 2)}
    picture = draw_board(board, answer)
    cells = {
        kind: cell_picture(picture, board, row % size, column % size)
        for kind, (row, column) in places.items()
    }
    for one, other in combinations(KINDS, 2):
        colours = [np.asarray(cells[k], dtype=float).mean(axis=(0, 1)) for k in (one, other)]
        assert np.abs(colours[0] - colours[1]).max() > 20, (one, other)
        dark = [np.asarray(cells[k].convert("L")) < 160 for k in (one, other)]
        assert (dark[0] != dark[1]).mean() > 0.08, (one, other)


def test_start_is_round_and_end_is_a_diamond():
    board = board_of(10)
    picture = draw_board(board, board)
    start, end = (cell_picture(picture, board, place, place) for place in (0, 9))
    aslant = (start.width // 4, start.height // 4)
    assert start.getpixel(aslant) == rendering._START
    assert end.getpixel(aslant) in (rendering._FLOOR, rendering._PAPER)
    assert end.getpixel((end.width // 2, end.height // 5)) == rendering._END


@pytest.mark.parametrize(("segment", "step"), [(0, 0), (1, 1), (1, 3), (3, 2), (4, 3)])
def test_the_strip_fills_step_by_step(segment, step):
    board = board_of(3)
    picture = draw_frame(board, Frame(board, np.zeros(board.shape), segment, step), 4, 3)
    row = [picture.getpixel((x, 102)) for x in range(picture.width)]
    done, open_ = row.count(rendering._PATH), row.count(rendering._GRID)
    assert done + open_ > 480
    assert done / (done + open_) == pytest.approx(max(0, (segment - 1) * 3 + step) / 12, abs=0.02)


def test_neighbours_on_the_path_are_joined():
    board = board_of(10)
    answer = board.copy()
    answer[2, 2] = answer[2, 3] = PATH
    joined = cell_picture(draw_board(board, answer), board, 2, 2)
    answer[2, 3] = FLOOR
    alone = cell_picture(draw_board(board, answer), board, 2, 2)
    middle = joined.height // 2
    edge = (joined.width - 1, middle)
    assert joined.getpixel(edge) == joined.getpixel((middle, middle)) != alone.getpixel(edge)


@pytest.mark.parametrize(
    ("cell", "claim"),
    [
        ((1, 5), PATH), ((1, 5), FLOOR), ((1, 5), END),
        ((2, 5), WALL), ((2, 5), START), ((2, 5), END),
        ((0, 0), PATH), ((0, 0), FLOOR), ((0, 0), END),
    ],
)  # fmt: skip
def test_cells_that_contradict_the_board_are_marked(cell, claim):
    board = board_of(10)
    answer = board.copy()
    answer[cell] = claim
    right = cell_picture(draw_board(board, board), board, *cell)
    wrong = cell_picture(draw_board(board, answer), board, *cell)
    assert rendering._WRONG in colours_of(wrong)
    assert rendering._WRONG not in colours_of(right)


def test_a_path_over_floor_is_not_marked_as_a_contradiction():
    board = board_of(10)
    picture = draw_board(board, answer_of(board))
    assert rendering._WRONG not in colours_of(picture)


@pytest.mark.parametrize("cell", [(2, 5), (1, 5)])
def test_belief_shades_a_cell_the_more_the_stronger_it_is(cell):
    board = board_of(10)
    shades = []
    for belief in (0.0, 0.3, 0.6, 1.0):
        beliefs = np.zeros(board.shape)
        beliefs[cell] = belief
        picture = cell_picture(draw_board(board, board, beliefs), board, *cell)
        shade = np.asarray(picture, dtype=float)[20, 20]
        shades.append(shade - rendering._BELIEF)
    distances = [float(np.abs(shade).sum()) for shade in shades]
    assert distances == sorted(distances, reverse=True)
    assert len(set(distances)) == 4
    assert distances[-1] == 0


def test_each_verdict_has_its_own_picture():
    board = board_of(5)
    frame = thought(board)[-1]
    pictures = [draw_frame(board, frame, 8, 2, verdict) for verdict in (None, *Verdict)]
    for one, other in combinations(pictures, 2):
        assert differs(one, other)
    good = [picture.getpixel((36, 71)) == rendering._START for picture in pictures[1:]]
    assert [v for v, is_good in zip(Verdict, good, strict=True) if is_good] == [
        Verdict.EXACT,
        Verdict.SOLVED,
    ]


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    board = board_of(3)
    with pytest.raises(OSError, match="disk full"):
        save_animation(path, board, thought(board), Verdict.EXACT)
    with pytest.raises(OSError, match="disk full"):
        save_picture(path, draw_board(board, board))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_when_the_picture_is_complete(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    board = board_of(3)
    save_animation(path, board, thought(board)[:2], Verdict.EXACT)
    with Image.open(path) as image:
        assert image.format == "GIF"
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_picture_is_the_picture(tmp_path):
    board = board_of(3)
    picture = draw_board(board, answer_of(board))
    save_picture(tmp_path / "a.png", picture)
    with Image.open(tmp_path / "a.png") as image:
        assert not differs(image, picture)
    assert len(list(tmp_path.iterdir())) == 1


def test_no_frames_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="no frames"):
        save_animation(tmp_path / "a.gif", board_of(3), [], Verdict.EXACT)
    assert not list(tmp_path.iterdir())


def test_shapes_that_do_not_fit_are_named():
    board = board_of(4)
    with pytest.raises(ValueError, match=r"answer has shape \(3, 3\), the board \(4, 4\)"):
        draw_board(board, board_of(3))
    with pytest.raises(ValueError, match=r"path_probability has shape \(3, 3\)"):
        draw_board(board, board, np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"answer has shape \(3, 3\)"):
        draw_frame(board, thought(board_of(3))[0], 8, 2)


def test_values_out_of_range_are_named():
    board = board_of(4)
    with pytest.raises(ValueError, match="the answer holds code 9"):
        draw_board(board, np.full_like(board, 9))
    for bad in (-0.5, 1.5, np.nan):
        with pytest.raises(ValueError, match="path_probability goes from"):
            draw_board(board, board, np.full(board.shape, bad))
