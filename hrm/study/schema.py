"""The keys of a study's YAML file; `docs/studies.md` is their manual."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hrm.section import Section, Seed

GAPS = ("gap", "test_gap")
"""Measures that are differences by themselves."""
MEASURES = {
    "board_acc": "board acc",
    "acc4x": "acc4x",
    "gap": "gap",
    "solved": "solved",
    "solved4x": "solved 4x",
    "test_board_acc": "test board acc",
    "test_acc4x": "test acc4x",
    "test_gap": "test gap",
    "test_solved": "test solved",
    "test_solved4x": "test solved 4x",
}
"""The measures of a run, and their names in tables. Those of the test set exist for the model of
the best epoch only."""

Expectation = Literal["higher", "lower", "equal", "not_higher"]
"""What a claim says about the difference a − b of its pairs."""


class HypothesisKeys(Section):
    """A claim, the comparison that tests it, and what the comparison has to show."""

    claim: str
    """In words."""
    measure: str = "test_board_acc"
    """What is compared; one of `MEASURES`. Nothing was selected on the boards of the default."""
    compare: str | None = None
    """The name of the comparison whose pairs test it."""
    expect: Expectation | None = None
    """What the claim says about a − b."""
    robust: list[str] = []
    """Instead: the hypotheses whose verdicts must agree for best, top 3 and last 5 epochs."""
    exploratory: bool = False
    """Whether results about it were known when it was written; reports say so."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.measure not in MEASURES:
            raise ValueError(f"measure: {self.measure}; choose from {', '.join(MEASURES)}")
        if bool(self.compare) == bool(self.robust) or bool(self.compare) != bool(self.expect):
            raise ValueError("give compare and expect, or robust alone")
        return self


class Published(Section):
    """Figures of the same rows from elsewhere; reports show them beside the study's own."""

    source: str
    """Where they are from."""
    rows: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    """By row: board acc and acc4x."""
    aggregates: dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]] = {}
    """By axis and value: board acc and gap."""


class StudyFile(Section):
    """The file. If it `extends` another one, the two are merged before this is read."""

    title: str
    """The title of the report."""
    about: str = ""
    """A paragraph for the report."""
    base: str = "specification"
    """The preset or task that all rows start from, as in `hrm train`."""
    settings: dict[str, Any] = {}
    """Changes to the base for all rows, as in a config file: the scale of the study."""
    seeds: Annotated[int, Field(ge=1, le=1000)] | Annotated[list[Seed], Field(min_length=1)] = 3
    """Their number (they are then 0, 1, …), or a list of them."""
    seen: list[Seed] = []
    """Seeds whose results were known when hypotheses, measures or the number of seeds were last
    changed; the report judges the other seeds alone as well."""
    test_count: Annotated[int, Field(ge=1, le=2000)] = 1000
    """Held-out puzzles to test on."""
    axes: dict[str, str | dict[str, dict[str, Any]]] = {}
    """What is varied: a key, or a name for each bundle of keys."""
    rows: dict[str, dict[str, Any]] = {}
    """By name: values on axes, and other keys."""
    controls: dict[str, dict[str, Any]] = {}
    """Rows that are left out of the aggregates."""
    grid: dict[str, list[Any]] = {}
    """Values by axis or key; every combination is a row."""
    only: list[str] | None = None
    """The rows and controls to keep of a study that is extended."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Differences within ± this do not matter."""
    published: Published | None = None
    comparisons: dict[str, list[Annotated[list[str], Field(min_length=1, max_length=2)]]] = {}
    """Matched pairs of rows [a, b], compared seed by seed; or rows [a], whose own gap is tested."""
    hypotheses: dict[str, HypothesisKeys] = {}
