from collections import deque
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.data.dataset import content_hash, generate
from hrm.tasks.boardpath import boards as boards_module
from hrm.tasks.boardpath.boards import (
    END,
    FLOOR,
    PATH,
    START,
    UNREACHABLE,
    WALL,
    Verdict,
    distances_to_end,
    judge,
    label,
    random_boards,
    shortest_lengths,
    solved,
)
from hrm.tasks.boardpath.text import SYMBOLS

FEW = settings(deadline=None, max_examples=60, derandomize=True)
STEPS = [(-1, 0), (1, 0), (0, -1), (0, 1)]


def board_of(text: str) -> np.ndarray:
    return np.array([[SYMBOLS.index(c) for c in row] for row in text.split()], dtype=np.uint8)


def text_of(board: np.ndarray) -> str:
    return " ".join("".join(SYMBOLS[code] for code in row) for row in board)


def cell_of(board, code):
    [(row, column)] = [(int(r), int(c)) for r, c in zip(*np.nonzero(board == code), strict=True)]
    return row, column


def around(cell, size):
    for dr, dc in STEPS:
        row, column = cell[0] + dr, cell[1] + dc
        if 0 <= row < size and 0 <= column < size:
            yield row, column


def bfs_parents(board, source, enter):
    """The textbook search: a queue, and for each cell found the cell it was found from."""
    parents, queue = {source: None}, deque([source])
    while queue:
        cell = queue.popleft()
        for neighbour in around(cell, len(board)):
            if neighbour not in parents and enter(neighbour):
                parents[neighbour] = cell
                queue.append(neighbour)
    return parents


def path_to(cell, parents):
    path = []
    while cell is not None:
        path.append(cell)
        cell = parents[cell]
    return path


def reference_label(board):
    """The label, or None where there is no path."""
    parents = bfs_parents(board, cell_of(board, START), lambda cell: board[cell] != WALL)
    if cell_of(board, END) not in parents:
        return None
    answer = board.copy()
    for cell in path_to(cell_of(board, END), parents)[1:-1]:
        answer[cell] = PATH
    return answer


def reference_distances(board):
    parents = bfs_parents(board, cell_of(board, END), lambda cell: board[cell] != WALL)
    distance = np.full(board.shape, UNREACHABLE)
    for cell in parents:
        distance[cell] = len(path_to(cell, parents)) - 1
    return distance


def reference_verdict(board, answer):
    target = reference_label(board)
    if target is None:
        return "unsolvable"
    if (target == answer).all():
        return "exact"
    cells = [(row, column) for row in range(len(board)) for column in range(len(board))]
    for cell in cells:
        allowed = board[cell] == FLOOR if answer[cell] == PATH else answer[cell] == board[cell]
        if not allowed:
            return "none"
    marks = {cell for cell in cells if answer[cell] == PATH}
    end = cell_of(board, END)
    parents = bfs_parents(board, cell_of(board, START), lambda cell: cell in marks or cell == end)
    if end not in parents:
        return "none"
    return "solved" if len(marks) == (target == PATH).sum() else "longer"


def any_boards(count, size, wall_prob, seed):
    """Random boards by another road than the library's, some of them without a path."""
    rng = np.random.default_rng(seed)
    boards = np.where(rng.random((count, size * size)) < wall_prob, WALL, FLOOR).astype(np.uint8)
    for board in boards:
        start, end = rng.choice(size * size, 2, replace=False)
        board[start], board[end] = START, END
    return boards.reshape(count, size, size)


def verdict_of(board: str, answer: str) -> str:
    board_array, answer_array = board_of(board)[None], board_of(answer)[None]
    [verdict] = judge(board_array, answer_array)
    assert solved(board_array, answer_array)[0] == (verdict in ("exact", "solved"))
    return verdict.value


def take(count, *args):
    """The first boards of a stream, whatever its batches."""
    return np.stack(list(islice((b for batch in random_boards(*args) for b in batch), count)))


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        # Down before right, up before right, down before left, up before left.
        ("S.. ... ..E", "S.. *.. **E"),
        ("..E ... S..", "**E *.. S.."),
        ("..S ... E..", "..S ..* E**"),
        ("E.. ... ..S", "E** ..* ..S"),
        # Two ways around an obstacle: left before right, up before down.
        (".S. .#. .E.", "*S. *#. *E."),
        ("... S#E ...", "*** S#E ..."),
        ("S... .##. .##. ...E", "S... *##. *##. ***E"),
        # Up first although it leads away from the row of E; down when up is closed.
        ("..... .###. S#.#E .###. .....", "***** *###* S#.#E .###. ....."),
        ("..#.. .###. S#.#E .###. .....", "..#.. .###. S#.#E *###* *****"),
        # The tie is decided at the third step: the first two are forced.
        ("S#.. .#.. .... ##.E", "S#.. *#.. ***. ##*E"),
        ("SE ..", "SE .."),
        ("S. .E", "S. *E"),
        (".S E.", ".S E*"),
    ],
)
def test_label_takes_up_then_down_then_left_then_right(board, expected):
    assert text_of(label(board_of(board)[None])[0]) == expected


@pytest.mark.parametrize("wall_prob", [0.0, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("size", [2, 3, 5, 10])
def test_label_is_the_path_that_a_queue_finds(size, wall_prob):
    boards = any_boards(60, size, wall_prob, seed=size)
    targets = [reference_label(board) for board in boards]
    solvable = np.array([target is not None for target in targets])
    np.testing.assert_array_equal(shortest_lengths(boards) != UNREACHABLE, solvable)
    expected = np.stack([target for target in targets if target is not None])
    given_boards = boards[solvable]
    before = given_boards.copy()
    labels = label(given_boards)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(given_boards, before)
    assert labels.dtype == np.uint8
    for code in (START, END, WALL):
        np.testing.assert_array_equal(labels == code, given_boards == code)


def test_label_of_a_large_board_with_a_long_way():
    size = 33
    board = np.full((size, size), FLOOR, dtype=np.uint8)
    board[1::4, :-1] = WALL
    board[3::4, 1:] = WALL
    board[0, 0], board[-1, -1] = START, END
    target = reference_label(board)
    assert target is not None
    np.testing.assert_array_equal(label(board[None])[0], target)
    assert shortest_lengths(board[None])[0] == (target == PATH).sum() + 1 > 500


def test_label_does_not_depend_on_the_batch():
    boards = take(40, 7, 0.3, (3,))
    alone = np.concatenate([label(board[None]) for board in boards])
    np.testing.assert_array_equal(label(boards), alone)
    np.testing.assert_array_equal(label(boards[::-1]), alone[::-1])


def test_label_refuses_a_board_without_a_path_and_names_it():
    good, barren = board_of("S. .E"), board_of("S# #E")
    with pytest.raises(ValueError, match="board 2 has no path"):
        label(np.stack([good, barren, good]))


@pytest.mark.parametrize("wall_prob", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("size", [2, 4, 9])
def test_distances_are_those_of_a_search_from_the_end(size, wall_prob):
    boards = any_boards(25, size, wall_prob, seed=10 + size)
    expected = np.stack([reference_distances(board) for board in boards])
    np.testing.assert_array_equal(distances_to_end(boards), expected)
    np.testing.assert_array_equal(shortest_lengths(boards), expected[boards == START])


def test_distances_keep_to_the_cells_they_may_enter():
    board = board_of("S.. .#. ..E")[None]
    only_right = board_of("S.. ##. ##E")[None] != WALL
    expected = [[4, 3, 2], [-1, -1, 1], [-1, -1, 0]]
    np.testing.assert_array_equal(distances_to_end(board, only_right)[0], expected)


TIE = "S... .... .... ...E"


@pytest.mark.parametrize(
    ("board", "answer", "expected"),
    [
        (TIE, "S... *... *... ***E", "exact"),
        (TIE, "S*** ...* ...* ...E", "solved"),
        (TIE, "S*.. .**. ..*. ..*E", "solved"),
        ("SE ..", "SE ..", "exact"),
        # Longer: a detour, a dead end beside the right path, a mark that touches nothing.
        ("S.E ... ...", "S.E *.* ***", "longer"),
        ("SE ..", "SE **", "longer"),
        (TIE, "S... **.. *... ***E", "longer"),
        (TIE, "S..* *... *... ***E", "longer"),
        (TIE, "S*** ...* *..* ...E", "longer"),
        (TIE, "S*** **** **** ***E", "longer"),
        # No path: untouched, broken, joined at a corner only, right number of marks but apart.
        (TIE, TIE, "none"),
        (TIE, "S... *... .... ***E", "none"),
        (TIE, "S... .*.. ..*. ...E", "none"),
        (TIE, "S*** ...* .... *..E", "none"),
        (TIE, "S.** ...* *..* ...E", "none"),
        # No path: through a wall, a wall or floor changed, S or E gone, moved or doubled.
        ("S#E ... ...", "S*E ... ...", "none"),
        ("S#E ... ...", "S.E *** ...", "none"),
        ("S#E ... ...", "S#E *** ..#", "none"),
        (TIE, ".... *... *... ***E", "none"),
        (TIE, "*... *... *... ***E", "none"),
        (TIE, "S... *... *... ****", "none"),
        (TIE, "S... *... *... ***S", "none"),
        (TIE, "S..S *... *... ***E", "none"),
        (TIE, "S... *... *.E. ***E", "none"),
        ("S#E ### ...", "S*E ### ...", "unsolvable"),
        ("S#E ### ...", "S#E ### ...", "unsolvable"),
    ],
)
def test_verdict_of_an_answer_by_hand(board, answer, expected):
    assert reference_verdict(board_of(board), board_of(answer)) == expected
    assert verdict_of(board, answer) == expected


def test_marks_through_a_wall_are_no_path_even_if_fewer():
    assert verdict_of("S#E .#. ...", "S*E .#. ...") == "none"
    assert verdict_of("S#E .#. ...", "S#E *#* ***") == "exact"


@st.composite
def boards_with_answers(draw):
    size = draw(st.integers(2, 5))
    board = draw(
        st.lists(st.sampled_from([FLOOR, FLOOR, WALL]), min_size=size**2, max_size=size**2)
    )
    start, end = draw(st.lists(st.integers(0, size**2 - 1), min_size=2, max_size=2, unique=True))
    board[start], board[end] = START, END
    board = np.array(board, dtype=np.uint8).reshape(size, size)
    target = reference_label(board)
    answer = board.copy() if target is None else target
    kind = draw(st.sampled_from(["label", "all marked", "mirror"]))
    if kind == "all marked":
        answer = np.where(board == FLOOR, PATH, board).astype(np.uint8)
    elif kind == "mirror" and target is not None:
        # The label of the board turned over is a shortest path too, mostly another one.
        other = reference_label(board[::-1, ::-1])
        assert other is not None
        answer = other[::-1, ::-1].copy()
    changes = draw(
        st.lists(
            st.tuples(st.integers(0, size**2 - 1), st.sampled_from([FLOOR, PATH, PATH, WALL])),
            max_size=3,
        )
    )
    for cell, code in changes:
        answer.flat[cell] = code
    return board, answer


@settings(FEW, max_examples=300)
@given(boards_with_answers())
def test_verdict_is_that_of_an_independent_checker(case):
    board, answer = case
    expected = reference_verdict(board, answer)
    assert judge(board[None], answer[None]) == [expected]
    assert solved(board[None], answer[None])[0] == (expected in ("exact", "solved"))


def test_verdicts_of_a_mixed_batch_are_those_of_each_board():
    boards = any_boards(300, 4, 0.35, seed=5)
    rng = np.random.default_rng(6)
    answers = boards.copy()
    for board, answer in zip(boards, answers, strict=True):
        target = reference_label(board)
        if target is not None and rng.random() < 0.7:
            answer[:] = target
        if rng.random() < 0.6:
            answer[tuple(rng.integers(0, 4, 2))] = rng.choice([FLOOR, PATH])
    expected = [reference_verdict(b, a) for b, a in zip(boards, answers, strict=True)]
    assert judge(boards, answers) == expected
    assert set(expected) >= {"exact", "longer", "none", "unsolvable"}
    assert solved(boards, answers).tolist() == [v in ("exact", "solved") for v in expected]


def test_judging_changes_neither_board_nor_answer():
    boards = take(10, 5, 0.3, (1,))
    answers = label(boards)
    before = boards.copy(), answers.copy()
    judge(boards, answers)
    np.testing.assert_array_equal(boards, before[0])
    np.testing.assert_array_equal(answers, before[1])


def test_every_verdict_has_its_own_words():
    assert len({verdict.words for verdict in Verdict}) == len(Verdict) == 5
    assert [v.value for v in Verdict] == ["exact", "solved", "longer", "none", "unsolvable"]


@pytest.mark.parametrize(("size", "wall_prob"), [(2, 0.5), (5, 0.0), (6, 0.4), (10, 0.3)])
def test_random_boards_are_solvable_and_well_formed(size, wall_prob):
    boards = take(300, size, wall_prob, (4, size))
    assert boards.shape == (300, size, size)
    assert boards.dtype == np.uint8
    assert set(np.unique(boards)) <= {FLOOR, WALL, START, END}
    assert ((boards == START).sum(axis=(1, 2)) == 1).all()
    assert ((boards == END).sum(axis=(1, 2)) == 1).all()
    assert all(reference_label(board) is not None for board in boards[:60])
    assert (shortest_lengths(boards) != UNREACHABLE).all()


def test_walls_are_about_as_many_as_asked_for():
    # Dropping the boards without a path leaves somewhat fewer walls than were drawn.
    density = [(take(500, 10, p, (1,)) == WALL).mean() * 100 / 98 for p in (0.0, 0.1, 0.3, 0.5)]
    assert density[0] == 0
    assert 0.085 < density[1] < 0.105
    assert 0.23 < density[2] < 0.3
    assert 0.3 < density[3] < 0.5


def test_start_and_end_are_drawn_evenly_over_all_pairs_of_cells():
    boards = take(12_000, 2, 0.0, (9,)).reshape(-1, 4)
    pairs = (boards == START).argmax(axis=1) * 4 + (boards == END).argmax(axis=1)
    counts = np.bincount(pairs, minlength=16)
    assert (counts[[0, 5, 10, 15]] == 0).all()
    assert (np.abs(np.delete(counts, [0, 5, 10, 15]) - 1000) < 160).all()


def test_random_boards_follow_from_their_arguments_alone():
    np.testing.assert_array_equal(take(200, 6, 0.3, (5, 2)), take(200, 6, 0.3, (5, 2)))
    for other in [(6, 0.3, (5, 3)), (6, 0.3, (6, 2)), (6, 0.3, (5,)), (6, 0.35, (5, 2))]:
        assert not (take(200, *other) == take(200, 6, 0.3, (5, 2))).all()


@pytest.mark.parametrize("draws", [1, 7, 4096])
def test_the_stream_of_boards_does_not_depend_on_how_many_are_drawn_at_once(draws, monkeypatch):
    expected = take(300, 5, 0.4, (8, 1))
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", draws)
    np.testing.assert_array_equal(take(300, 5, 0.4, (8, 1)), expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, 0.3, 100, 0), "88e2bdad9ad6be108b9044bc6da9c0069b70e01dcaa93fb3686c53dbba23cff6"),
        ((20, 0.3, 50, 7), "f39e636f3be69ce0fe1e2d8aabd88a364803c4b6d2af1a09ee8cf2b445a58dd2"),
        ((5, 0.9, 10, 3), "42e586ee7540ea80fc563efde9c1920313a0f9f6bfb5264eefbf35718e602aed"),
    ],
)
def test_generated_boards_are_frozen_across_versions(arguments, expected):
    """A change here breaks every published seed: it must never be made in passing."""
    assert content_hash(generate(*arguments)) == expected


def test_walls_that_leave_no_path_are_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", 16)
    monkeypatch.setattr(boards_module, "_MAX_BARREN_DRAWS", 64)
    with pytest.raises(ValueError, match=r"wall_prob 1\.0 .* size 64 .*lower wall_prob"):
        list(random_boards(64, 1.0, (0,)))


def test_a_rare_solvable_board_is_waited_for(monkeypatch):
    """Barren batches in between are no reason to give up."""
    monkeypatch.setattr(boards_module, "_DRAWS_PER_BATCH", 2)
    monkeypatch.setattr(boards_module, "_MAX_BARREN_DRAWS", 400)
    boards = take(20, 8, 1.0, (0,))
    assert (shortest_lengths(boards) == 1).all()
