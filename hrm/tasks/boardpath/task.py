"""Shortest paths on square boards with walls, from START to END."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrm.canvas import Canvas
from hrm.randomness import Numbers
from hrm.tasks.boardpath import boards, text
from hrm.tasks.boardpath.boards import END, FLOOR, PATH, START, WALL
from hrm.tasks.boardpath.views import END_TRIES, with_ends_moved, with_mazes
from hrm.tasks.grid import IGNORE, NINE, Cells, Code, Colour, Puzzle, Structure, Symmetry, Verdict
from hrm.tasks.maze import picture
from hrm.tasks.path_drawing import PathDrawing
from hrm.tasks.settings import TaskSettings
from hrm.tasks.symmetry import turns_of
from hrm.tasks.task import Task
from hrm.tasks.tiles import Symbol

_DRAWING = PathDrawing(FLOOR, WALL, START, END, PATH)

BoardSize = Annotated[int, Field(ge=boards.SMALLEST, le=boards.LARGEST)]


class BoardPathSettings(TaskSettings):
    """The boards: how large, how many, and where they come from."""

    shape_keys: ClassVar[tuple[str, ...]] = ("board_size",)
    of_one_shape: ClassVar[dict[str, object]] = {"board_sizes": None}

    name: str = "boardpath"
    board_size: BoardSize = 10
    """Cells on a side of the board (N)."""
    board_sizes: Annotated[list[BoardSize], Field(min_length=1, max_length=63)] | None = None
    """Train and validate on boards of several sizes, such as [6, 8, 10], in equal shares; each
    batch is of one size. `board_size` must be among them. Needs a model whose positions allow any
    size (`rope_2d`). Unset: `board_size` alone."""
    wall_prob: Annotated[float, Field(ge=0, le=0.9)] = 0.3
    """Probability that a cell is a wall (obstacle density)."""
    move_ends: Annotated[int, Field(ge=0, le=4)] = 0
    """Show each board, each epoch, with START and END drawn anew among the cells that are not
    walls, where a path joins them, and with the label computed anew. 1: any such pair; 2 to 4: the
    farthest apart of so many, for longer paths; 0: as they are."""
    mazes: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Show this share of the boards, others each epoch, as mazes with a few loops, whose paths are
    long, for models that are to solve larger boards. Boards to validate and test on stay as they
    are, and so do boards below 4×4."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        sizes = self.board_sizes
        if not sizes:
            return self
        if len(set(sizes)) < len(sizes):
            raise ValueError(f"board_sizes: {sizes} names a size twice; name each once")
        if self.board_size not in sizes:
            raise ValueError(
                f"board_size: {self.board_size} is not among board_sizes {sizes}; set it to one of"
                " them, the size that the model is used at by default"
            )
        if self.train_boards:
            raise ValueError("board_sizes: boards of a file are of one size; unset board_sizes")
        if min(self.train_count, self.val_count) < len(sizes):
            raise ValueError(
                f"board_sizes: {len(sizes)} sizes, but train_count {self.train_count} and val_count"
                f" {self.val_count}; each size needs a board of either"
            )
        return self

    def parts(self) -> list[Self]:
        """The settings for each of `board_sizes`, with its share of the boards."""
        if not self.board_sizes:
            return [self]
        return self.shared([{"board_size": size, "board_sizes": None} for size in self.board_sizes])


class BoardPath(Task):
    """Shortest paths on boards with walls."""

    Config = BoardPathSettings
    config: BoardPathSettings
    relabels = True
    difficulty_words = "steps of the shortest path"
    legend = ". = Floor, # = Wall, S = Start point, E = End point, * = Path"
    codes = tuple(
        Code(glyph, word)
        for glyph, word in zip(text.SYMBOLS, ("floor", "wall", "start", "end", "path"), strict=True)
    )

    @property
    def structure(self) -> Structure:
        """Each cell with its eight neighbours."""
        return Structure(neighbourhood=NINE)

    @property
    def symmetries(self) -> Sequence[Symmetry]:
        """The square's eight."""
        return turns_of(self.shape)

    def stream(self, key: tuple[int, ...]) -> Iterator[Cells]:
        """Random solvable boards; see `boards.random_boards`."""
        return boards.random_boards(self.config.board_size, self.config.wall_prob, key)

    def draw(self, count: int, key: tuple[int, ...]) -> Cells:
        """The first `count` boards of the stream."""
        drawn: list[Cells] = []
        stream = self.stream(key)
        while sum(map(len, drawn)) < count:
            drawn.append(next(stream))
        return np.concatenate(drawn)[:count]

    @property
    def scarce(self) -> bool:
        """Only tiny or empty boards are so few."""
        return self.config.board_size <= 5 or self.config.wall_prob < 0.01

    def answer(self, inputs: Cells) -> Cells:
        """The label of each board (see `boards.label`); none where no path joins START and END."""
        answers = np.full_like(inputs, IGNORE)
        solvable = boards.shortest_lengths(inputs) != boards.UNREACHABLE
        answers[solvable] = boards.label(inputs[solvable])
        return answers

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Whether each answer marks a shortest path, any one, and changes nothing else."""
        return boards.solved(inputs, answers)

    def judge(self, inputs: Cells, answers: Cells, labels: Cells) -> list[Verdict]:
        """See `boards.judge`."""
        return boards.judge(inputs, answers, labels)

    def complaint(self, puzzle: Cells) -> str | None:
        """A board has one START and one END, and no PATH yet."""
        counts = [int((puzzle == code).sum()) for code in (START, END, PATH)]
        if counts == [1, 1, 0]:
            return None
        return (
            f"codes are {FLOOR} floor, {WALL} wall, one {START} start and one {END} end;"
            f" it has {counts[0]} start, {counts[1]} end and {counts[2]} path"
        )

    def open_cells(self, inputs: Cells) -> NDArray[np.bool_]:
        """The floor."""
        return inputs == FLOOR

    def restore(self, inputs: Cells, answers: Cells) -> Cells:
        """The boards with nothing changed but floor that is path in the answers."""
        return np.where((inputs == FLOOR) & (answers == PATH), np.uint8(PATH), inputs)

    def difficulty(self, inputs: Cells) -> NDArray[np.int64]:
        """Steps from START to END along a shortest path."""
        return boards.shortest_lengths(inputs).astype(np.int64)

    def vary(self, inputs: Cells, key: tuple[int, ...]) -> Cells:
        """With `mazes`, some as mazes; with `move_ends`, START and END drawn anew."""
        if self.config.mazes:
            inputs = with_mazes(inputs, self.config.mazes, (*key, 1))
        if not self.config.move_ends:
            return inputs
        numbers = Numbers(*key).raw(len(inputs) * END_TRIES * 2)
        return with_ends_moved(inputs, numbers, self.config.move_ends)

    def read(self, file: str | Path) -> list[Puzzle]:
        """The boards of a text file, of standard input for ``-``, of a PNG picture of a maze, or of
        a folder of such pictures.

        Raises:
            ValueError: naming the file, the place in it and what to do.
        """
        if picture.is_picture(file):
            return picture.read(self, file, picture.Codes(WALL, FLOOR, START, END))
        return super().read(file)

    def parse(self, content: str, source: str = "boards") -> list[Puzzle]:
        """Rows of ``.`` floor, ``#`` wall, ``S`` start, ``E`` end; see `docs/boards.md`."""
        return [Puzzle(board) for board in text.parse_boards(content, source)]

    def draw_answer(
        self,
        canvas: Canvas,
        left: float,
        top: float,
        side: int,
        puzzle: Cells,
        answer: Cells,
        belief: NDArray[np.floating] | None = None,
    ) -> None:
        """The path as a line on the board; see `PathDrawing`."""
        on_path = None if belief is None else belief[..., PATH]
        _DRAWING.draw(canvas, left, top, side, puzzle, answer, on_path)

    def symbols(self) -> dict[str, Symbol]:
        """The legend of a picture."""
        return _DRAWING.symbols()

    def colours(self) -> tuple[list[Colour], list[Colour]]:
        """The colours of a picture."""
        return _DRAWING.colours()
