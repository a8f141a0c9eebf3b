"""Animations of thoughts: their frames, their times, their files."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from pictures import TASK, board_of, differs, thought
from PIL import Image, ImageSequence

from hrm import canvas
from hrm.rendering.animation import (
    FIRST_MS,
    LAST_MS,
    MOVING_MS,
    SETTLED_MS,
    STEP_MS,
    WAITING_MS,
    draw_board,
    draw_frame,
    durations,
    save_animation,
)
from hrm.rendering.frame import Frame
from hrm.tasks.boardpath.boards import LONGER, NONE, SOLVED, UNSOLVABLE
from hrm.tasks.grid import EXACT

VERDICTS = (EXACT, SOLVED, LONGER, NONE, UNSOLVABLE)


def durations_of(path: Path) -> list[int]:
    with Image.open(path) as image:
        return [picture.info["duration"] for picture in ImageSequence.Iterator(image)]


@pytest.fixture(scope="module")
def gif(tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "thought.gif"
    board = board_of(10)
    save_animation(path, TASK, board, thought(board), EXACT)
    return path


def test_animation_has_one_picture_a_frame_with_its_duration(gif):
    answers = [frame.predicted.tobytes() for frame in thought(board_of(10))]
    last_change = max(i for i in range(1, 17) if answers[i] != answers[i - 1])
    assert 10 < last_change < 16
    settled = [SETTLED_MS] * (15 - last_change)
    assert durations_of(gif) == [FIRST_MS, *[STEP_MS] * last_change, *settled, LAST_MS]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("abbcccc", [FIRST_MS, *[STEP_MS] * 3, *[SETTLED_MS] * 2, LAST_MS]),
        ("aaaa", [FIRST_MS, SETTLED_MS, SETTLED_MS, LAST_MS]),
        ("aaab", [FIRST_MS, STEP_MS, STEP_MS, LAST_MS]),
        ("abaa", [FIRST_MS, STEP_MS, STEP_MS, LAST_MS]),
        ("aba", [FIRST_MS, STEP_MS, LAST_MS]),
        ("ab", [FIRST_MS, LAST_MS]),
        ("a", [LAST_MS]),
    ],
)
def test_what_comes_after_the_last_change_is_passed_over_quickly(answers, expected):
    grids = {letter: np.full((2, 2), i, dtype=np.uint8) for i, letter in enumerate("abc")}
    frames = [Frame(grids[letter], None, i, 1) for i, letter in enumerate(answers)]
    assert durations(frames) == expected


@pytest.mark.parametrize("count", [67, 100, 101, 333, 900])
def test_a_long_thought_goes_by_in_a_watchable_time(count):
    grids = [np.full((2, 2), i % 2, dtype=np.uint8) for i in range(count)]
    frames = [Frame(grid, None, i, 1) for i, grid in enumerate(grids)]
    found = durations(frames)
    assert found[0] == FIRST_MS and found[-1] == LAST_MS and len(found) == count
    [step] = set(found[1:-1])
    assert step == max(20, 10 * (2000 // (count - 1)))
    assert sum(found[1:-1]) <= MOVING_MS
    frames = [Frame(grids[0], None, i, 1) for i in range(count)]
    assert sum(durations(frames)[1:-1]) <= max(WAITING_MS, 20 * count)


def test_before_the_first_update_the_puzzle_is_shown_alone():
    board = board_of(10)
    first = draw_frame(TASK, board, thought(board)[0], 8, 2)
    alone = draw_frame(TASK, board, Frame(board, None, 0, 0), 8, 2)
    assert not differs(first, alone)
    side = 540
    shown = first.crop((30, 122, 30 + side, 122 + side))
    still = draw_board(TASK, board).crop((30, 30, 30 + side, 30 + side))
    assert not differs(shown, still)
    assert not differs(draw_board(TASK, board), draw_board(TASK, board, board))


def test_animation_loops_forever_and_is_small(gif):
    with Image.open(gif) as image:
        assert image.info["loop"] == 0
    assert gif.stat().st_size < 400_000


def test_animation_keeps_frames_whose_answers_are_the_same(tmp_path):
    board = board_of(4)
    frames = [Frame(board, None, 0, 0)]
    frames += [Frame(board, None, s, t) for s in range(1, 16) for t in (1, 2, 3)]
    save_animation(tmp_path / "a.gif", TASK, board, frames, NONE)
    assert len(durations_of(tmp_path / "a.gif")) == len(frames)


@pytest.mark.parametrize("durations", [[LAST_MS], [FIRST_MS, LAST_MS]])
def test_short_thoughts_are_saved_too(tmp_path, durations):
    board = board_of(3)
    frames = thought(board)[: len(durations)]
    save_animation(tmp_path / "a.gif", TASK, board, frames, NONE)
    assert durations_of(tmp_path / "a.gif") == durations


def test_every_frame_of_the_animation_has_the_colours_of_its_drawing(gif):
    board = board_of(10)
    frames = thought(board)
    with Image.open(gif) as image:
        for index in (0, 8, 15):
            image.seek(index)
            drawn = np.asarray(draw_frame(TASK, board, frames[index], 8, 2), dtype=int)
            shown = np.asarray(image.convert("RGB"), dtype=int)
            assert np.abs(drawn - shown).mean() < 2
            assert np.quantile(np.abs(drawn - shown), 0.999) < 40


@pytest.mark.parametrize(("segment", "step"), [(0, 0), (1, 1), (1, 3), (3, 2), (4, 3)])
def test_the_strip_fills_step_by_step(segment, step):
    board = board_of(3)
    picture = draw_frame(TASK, board, Frame(board, None, segment, step), 4, 3)
    row = [picture.getpixel((x, 102)) for x in range(picture.width)]
    done, open_ = row.count(canvas.PATH), row.count(canvas.GRID)
    assert done + open_ > 480
    assert done / (done + open_) == pytest.approx(max(0, (segment - 1) * 3 + step) / 12, abs=0.02)


def test_each_verdict_has_its_own_picture():
    board = board_of(5)
    frame = thought(board)[-1]
    pictures = [draw_frame(TASK, board, frame, 8, 2, verdict) for verdict in (None, *VERDICTS)]
    for one, other in combinations(pictures, 2):
        assert differs(one, other)
    good = [picture.getpixel((36, 71)) == canvas.RIGHT for picture in pictures[1:]]
    assert [v for v, is_good in zip(VERDICTS, good, strict=True) if is_good] == [
        EXACT,
        SOLVED,
    ]


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    board = board_of(3)
    with pytest.raises(OSError, match="disk full"):
        save_animation(path, TASK, board, thought(board), EXACT)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_when_the_picture_is_complete(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    board = board_of(3)
    save_animation(path, TASK, board, thought(board)[:2], EXACT)
    with Image.open(path) as image:
        assert image.format == "GIF"
    assert list(tmp_path.iterdir()) == [path]


def test_no_frames_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="no frames"):
        save_animation(tmp_path / "a.gif", TASK, board_of(3), [], EXACT)
    assert not list(tmp_path.iterdir())
