"""The keys of a study's YAML file; `docs/studies.md` is their manual."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hrm.config.schema import Section, Seed
from hrm.data.dataset import HELD_OUT_CNT

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
"""What a run is measured by, and its name in tables. Those of the test set are of the best epoch's
model alone."""

Expectation = Literal["higher", "lower", "equal", "not_higher"]
"""What a claim says of the difference a − b of its pairs."""


class HypothesisKeys(Section):
    """A claim, the comparison that tests it, and what the comparison has to show."""

    claim: str
    """In words."""
    measure: str = "test_board_acc"
    """What is compared; one of `MEASURES`. By default on boards that nothing was selected on."""
    compare: str | None = None
    """The name of the comparison whose pairs test it."""
    expect: Expectation | None = None
    """What the claim says of a − b."""
    robust: list[str] = []
    """Instead: the hypotheses whose verdicts must agree for best, top 3 and last 5 epochs."""
    exploratory: bool = False
    """Whether results that bear on it were known when it was written; reports say so."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.measure not in MEASURES:
            raise ValueError(f"measure: {self.measure}; choose from {', '.join(MEASURES)}")
        if bool(self.compare) == bool(self.robust) or bool(self.compare) != bool(self.expect):
            raise ValueError("give compare and expect, or robust alone")
        return self


class Published(Section):
    """Figures of the same rows from elsewhere, shown beside one's own."""

    source: str
    """Whose they are."""
    rows: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    """By row: board acc and acc4x."""
    aggregates: dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]] = {}
    """By axis and value: board acc and gap."""


class StudyFile(Section):
    """The file; a study that `extends` another is laid over it before it is read."""

    title: str
    """Heads the report."""
    about: str = ""
    """A paragraph for the report."""
    base: str = "boardpath-10x10"
    """The preset that everything starts from."""
    settings: dict[str, Any] = {}
    """Laid over the base, as in a config file: the scale of the study."""
    seeds: Annotated[int, Field(ge=1, le=1000)] | Annotated[list[Seed], Field(min_length=1)] = 3
    """How many (from 0), or which."""
    seen: list[Seed] = []
    """Seeds whose results were known when hypotheses, measures or the number of seeds were last
    changed; the report judges the other seeds alone as well."""
    test_count: Annotated[int, Field(ge=1, le=HELD_OUT_CNT)] = 1000
    """Held-out boards to test on."""
    axes: dict[str, str | dict[str, dict[str, Any]]] = {}
    """What is varied: a key, or a name for each bundle of keys."""
    rows: dict[str, dict[str, Any]] = {}
    """By name: values on axes, and other keys."""
    controls: dict[str, dict[str, Any]] = {}
    """Rows that stand outside the aggregates."""
    grid: dict[str, list[Any]] = {}
    """Values by axis or key; every combination is a row."""
    only: list[str] | None = None
    """The rows and controls to keep, of those of a study that is extended."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Differences within ± this are none that matter."""
    published: Published | None = None
    comparisons: dict[str, list[Annotated[list[str], Field(min_length=2, max_length=2)]]] = {}
    """Matched pairs of rows [a, b], compared seed by seed."""
    hypotheses: dict[str, HypothesisKeys] = {}
