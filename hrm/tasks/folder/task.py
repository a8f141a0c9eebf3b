"""A data set in the layout of the published HRM and TRM as a task."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrm.tasks.arc import ballots as arc
from hrm.tasks.arc.grids import BLACK, COLOURS
from hrm.tasks.examples import Examples
from hrm.tasks.folder import layout
from hrm.tasks.folder.arrays import read_split
from hrm.tasks.folder.codes import chosen, read_codes
from hrm.tasks.given import GivenSettings, GivenTask
from hrm.tasks.grid import IGNORE, MAX_CODES, Cells, Code, Shape, shape_words
from hrm.tasks.settings import Side, TaskSettings
from hrm.tasks.supply import Ballot


class FolderSettings(GivenSettings):
    """The data set, and what its numbers mean.

    What the settings leave open is taken from the folder once and stays in the settings, so that a
    model says what it works on when the data set is elsewhere.
    """

    paths: ClassVar[tuple[str, ...]] = (*TaskSettings.paths, "path")
    of_one_shape: ClassVar[dict[str, object]] = {"path": None}
    begins_with: ClassVar[dict[str, object]] = {"stream": False, "augment": False}

    name: str = "folder"
    path: str | None = None
    """The folder of the data set, with train and test in it."""
    rows: Side | None = None
    """Rows of a puzzle. Unset: `grid.json` says it; without such a file seq_len must be a square
    number, and a square is meant."""
    columns: Side | None = None
    """Columns of a puzzle; as `rows`."""
    vocab_size: Annotated[int, Field(ge=1, le=MAX_CODES)] | None = None
    """How many codes a cell may have. Unset: `dataset.json` says it."""
    puzzle_identifiers: Annotated[int, Field(ge=1)] | None = None
    """How many identifiers the puzzles may have. Unset: `dataset.json` says it."""
    codes: list[str] | None = None
    """For each code a glyph and a word, such as ["_ padding", "# wall"]. Unset: `grid.json` says
    it, or they are 0 to 9, a to z, A to Z and so on."""
    answer_codes: list[str] | None = None
    """The same for answers. Unset: as `codes`."""
    train_count: Annotated[int, Field(ge=1, le=100_000_000)] = 4000
    """Set to the number of training examples in the folder."""
    val_count: Annotated[int, Field(ge=1, le=100_000_000)] = 500
    """Training examples to validate on: the last ones of the train split, rounded up to whole
    groups. The test split is for `hrm evaluate`."""

    @model_validator(mode="before")
    @classmethod
    def _look_into_folder(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(path := values.get("path"), str):
            return values
        rows, columns, vocab_size = (values.get(key) for key in ("rows", "columns", "vocab_size"))
        if None not in (rows, columns, vocab_size):
            return values
        if not all(side is None or (type(side) is int and side > 0) for side in (rows, columns)):
            return values  # refused by their own fields
        try:
            found = layout.describe(Path(path), rows, columns)
        except ValueError as error:
            raise ValueError(f"path: {error}") from None
        return {**found, **{key: value for key, value in values.items() if value is not None}}

    @model_validator(mode="after")
    def _with_its_codes(self) -> Self:
        if self.augment:
            raise ValueError("augment: a data set tells of no symmetries; set task.augment=false")
        for key in ("codes", "answer_codes"):
            texts = getattr(self, key)
            if texts is None:
                continue
            if len(texts) != self.vocab_size:
                raise ValueError(
                    f"{key}: {len(texts)} of them, but vocab_size {self.vocab_size}; give one for"
                    " each"
                )
            try:
                read_codes(texts)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        return self

    @property
    def shape(self) -> Shape:
        """Rows and columns of the puzzles; 0 of either where no data set is named yet."""
        return self.rows or 0, self.columns or 0


class Folder(GivenTask):
    """Puzzles of a data set in the layout of the published HRM and TRM."""

    Config = FolderSettings
    config: FolderSettings

    def __init__(self, config: TaskSettings | None = None):
        super().__init__(config)
        of_puzzle, of_answer = self.config.codes, self.config.answer_codes
        self.codes = read_codes(of_puzzle) if of_puzzle else chosen(self.config.vocab_size or 0)
        self._answer_codes = read_codes(of_answer) if of_answer else self.codes

    @property
    def answer_codes(self) -> Sequence[Code]:
        """As many as those of the puzzle."""
        return self._answer_codes

    @property
    def shape(self) -> Shape:
        """Rows and columns.

        Raises:
            ValueError: if neither a data set nor the settings say it.
        """
        if 0 in self.config.shape or not self.codes:
            self.folder()
        return self.config.shape

    @property
    def puzzle_identifiers(self) -> int:
        """How many identifiers puzzles may have."""
        return self.config.puzzle_identifiers or 1

    @property
    def identifier_names(self) -> Sequence[str]:
        """As `identifiers.json` of the data set says."""
        return layout.read_identifiers(self.folder(), self.puzzle_identifiers)

    @property
    def known_splits(self) -> tuple[str, ...]:
        """Those that the data set has."""
        return layout.splits(self.folder()) or layout.SPLITS

    @property
    def pad_id(self) -> int:
        """As `dataset.json` says."""
        return self._metadata.pad_id

    @property
    def ignore_label_id(self) -> int | None:
        """As `dataset.json` says."""
        return self._metadata.ignore_label_id

    @property
    def _metadata(self) -> layout.Metadata:
        folder = self.folder()
        layout.require_folder(folder)
        return layout.read_metadata(folder, layout.splits(folder)[0])

    def folder(self) -> Path:
        """Where the data set is.

        Raises:
            ValueError: if the settings do not name it.
        """
        if self.config.path is None:
            rows, columns = self.config.shape
            which = f" of {shape_words((rows, columns))} puzzles" if rows and columns else ""
            raise ValueError(
                f"task.path: no data set{which} is named; give its folder with task.path=DIR, or"
                " with --path DIR"
            )
        return Path(self.config.path)

    def _read(self, split: str) -> Examples:
        folder = self.folder()
        expected = self.config.shape, len(self.codes), self.config.puzzle_identifiers
        try:
            return read_split(folder, split, *expected)
        except ValueError as error:
            raise ValueError(f"task.path: {error}") from None

    def answer(self, inputs: Cells) -> Cells:
        """As of every data set; no answers are known where none is named."""
        return np.full_like(inputs, IGNORE) if self.config.path is None else super().answer(inputs)

    def identify(self, inputs: Cells) -> NDArray[np.int64] | None:
        """As of every data set; none are known where none is named."""
        return None if self.config.path is None else super().identify(inputs)

    def ballots(self, examples: Examples, answers: Cells) -> list[Ballot]:
        """Of ARC, whose identifiers name views of tasks; of another data set, none."""
        return [] if self._view_of is None else arc.ballots(examples, answers, self._view_of)

    @functools.cached_property
    def _view_of(self) -> arc.ViewOf | None:
        rows, columns = self.config.shape
        if self.config.path is None or rows != columns or len(self.codes) != BLACK + COLOURS:
            return None
        return arc.by_names(self.identifier_names)
