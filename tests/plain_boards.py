"""Boards, one at a time, by the textbook.

Slow and obvious on purpose: it shares nothing with the library but the numbers of the codes.
"""

from collections import deque

import numpy as np

from hrm.tasks.boardpath.boards import END, FLOOR, PATH, START, UNREACHABLE, WALL
from hrm.tasks.boardpath.text import SYMBOLS

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
