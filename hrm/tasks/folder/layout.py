"""The description of a data set in the layout of the published HRM and TRM.

    FOLDER/identifiers.json         names of the identifiers; for export and ARC's votes
    FOLDER/grid.json                rows, columns and codes: ours, and not needed
    FOLDER/SPLIT/dataset.json       what the arrays hold
    FOLDER/SPLIT/SET__FIELD.npy     the arrays of each set; see `arrays.py`

SPLIT is train or test. What is described here can be told without reading an array.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hrm.files import read_text
from hrm.tasks.folder.codes import read_codes
from hrm.tasks.grid import MAX_CODES, Shape
from hrm.tasks.settings import Side

SPLITS = ("train", "test")
DATASET, GRID, IDENTIFIERS = "dataset.json", "grid.json", "identifiers.json"
_MAX_BYTES = 2**20
_MAX_NAMES_BYTES = 2**28

_Number = Annotated[int, Field(ge=0)]
_Count = Annotated[int, Field(ge=1)]
_SetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]  # it becomes part of a file's name


class _Described(BaseModel):
    """A JSON file, of strict types; keys that are not known here are passed over."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Metadata(_Described):
    """`dataset.json`, with the keys of the published code."""

    pad_id: _Number
    ignore_label_id: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None
    blank_identifier_id: _Number
    vocab_size: _Count
    seq_len: _Count
    num_puzzle_identifiers: _Count
    total_groups: _Count
    mean_puzzle_examples: Annotated[float, Field(gt=0)]
    total_puzzles: int | None = None
    """TRM only. Its maze builder counts groups here, so the number is not relied on."""
    sets: Annotated[list[_SetName], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.vocab_size > MAX_CODES:
            raise ValueError(
                f"vocab_size: {self.vocab_size}; at most {MAX_CODES} codes can be read here"
            )
        if self.pad_id >= self.vocab_size:
            raise ValueError(f"pad_id: {self.pad_id}; give one below vocab_size {self.vocab_size}")
        if self.blank_identifier_id >= self.num_puzzle_identifiers:
            raise ValueError(
                f"blank_identifier_id: {self.blank_identifier_id}; give one below"
                f" num_puzzle_identifiers {self.num_puzzle_identifiers}"
            )
        if len(set(self.sets)) < len(self.sets):
            raise ValueError(f"sets: {self.sets} names a set twice; name each once")
        return self


class GridFile(_Described):
    """`grid.json`: what the published layout leaves out."""

    format_version: Literal[1]
    rows: Side
    columns: Side
    codes: list[str]
    answer_codes: list[str] | None = None
    """Of the answers, where they mean something else; None: as `codes`."""

    @model_validator(mode="after")
    def _legible(self) -> Self:
        for key in ("codes", "answer_codes"):
            try:
                read_codes(getattr(self, key) or ())
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        return self


def read_metadata(folder: Path, split: str) -> Metadata:
    """What `dataset.json` of a split says.

    Raises:
        ValueError: naming the file, the field, its value and what to do.
    """
    if not (folder / split / DATASET).exists():
        require_folder(folder)
        raise ValueError(
            f"{folder / split / DATASET}: no such file; the data set has no {split} split"
        )
    return _read(Metadata, folder / split / DATASET)


def read_grid(folder: Path) -> GridFile | None:
    """What `grid.json` says; None where there is none.

    Raises:
        ValueError: as `read_metadata`.
    """
    return _read(GridFile, folder / GRID) if (folder / GRID).exists() else None


def read_identifiers(folder: Path, count: int) -> list[str]:
    """The names of the puzzle identifiers; numbers after "<blank>" where the file is missing.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    file = folder / IDENTIFIERS
    if not file.exists():
        return ["<blank>", *map(str, range(1, count))]
    try:
        names = json.loads(read_text(file, _MAX_NAMES_BYTES))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{file}: damaged: not JSON; write the data set anew") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file}: expected a list of names; write one for each identifier")
    if len(names) != count:
        words = f"{len(names)} names, but there are {count} puzzle identifiers"
        raise ValueError(f"{file}: {words}; write one for each")
    return names


def splits(folder: Path) -> tuple[str, ...]:
    """The splits that a data set has."""
    return tuple(split for split in SPLITS if (folder / split / DATASET).exists())


def require_folder(folder: Path) -> None:
    """Refuse what is no data set.

    Raises:
        ValueError: naming it, and what to do.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; name that of the data set")
    if not splits(folder):
        places = " nor ".join(f"{split}/{DATASET}" for split in SPLITS)
        raise ValueError(f"{folder}: holds neither {places}; name the folder above train and test")


def describe(folder: Path, rows: int | None, columns: int | None) -> dict[str, Any]:
    """The settings that follow from a data set: rows, columns, vocab_size, puzzle_identifiers and
    the codes.

    Args:
        folder: of the data set.
        rows: that the settings ask for; None: `grid.json` says it, or a square is meant.
        columns: likewise.

    Raises:
        ValueError: if the files are damaged, or do not tell the shape.
    """
    require_folder(folder)
    split = splits(folder)[0]
    metadata, grid = read_metadata(folder, split), read_grid(folder)
    file = folder / split / DATASET
    found: dict[str, Any] = {"vocab_size": metadata.vocab_size}
    found["puzzle_identifiers"] = metadata.num_puzzle_identifiers
    if grid is not None:
        for key in ("codes", "answer_codes"):
            codes = getattr(grid, key)
            if codes is not None and len(codes) != metadata.vocab_size:
                raise ValueError(
                    f"{folder / GRID}: {key}: {len(codes)} of them, but {file} has vocab_size"
                    f" {metadata.vocab_size}; give one for each"
                )
            found[key] = codes
        if rows is None and columns is None:
            rows, columns = grid.rows, grid.columns
    found["rows"], found["columns"] = _shape(metadata.seq_len, rows, columns, file)
    return found


def _shape(cells: int, rows: int | None, columns: int | None, file: Path) -> Shape:
    """Rows and columns of so many cells."""
    if rows is None and columns is None:
        rows = columns = math.isqrt(cells)
    rows, columns = rows or cells // (columns or 1), columns or cells // (rows or 1)
    if rows * columns != cells:
        raise ValueError(
            f"{file}: seq_len: {cells} cells are not {rows} rows and {columns} columns; set"
            " task.rows=R and task.columns=C"
        )
    return rows, columns


_Model = TypeVar("_Model", bound=_Described)


def _read(model: type[_Model], file: Path) -> _Model:
    try:
        content = json.loads(read_text(file, _MAX_BYTES))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{file}: damaged: not JSON; write the data set anew") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{file}: {_wording(error.errors()[0])}") from None


def _wording(problem: Any) -> str:
    """What is wrong with a field, its value, and what to do."""
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    key = ".".join(map(str, problem["loc"])) or "content"
    if problem["type"] == "missing":
        return f"{key}: is missing; add it, or write the data set anew"
    message = problem["msg"]
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r}; correct it"
