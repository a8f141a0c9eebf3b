"""The tables of a report, as text in cells."""

import math
from dataclasses import dataclass

from hrm.study.correction import Corrected, corrected
from hrm.study.definition import Row, Study
from hrm.study.findings import Aggregate, Finding, Finished, Judged, aggregates
from hrm.study.results import Result
from hrm.study.schema import MEASURES
from hrm.study.statistics import EPOCHS, Interval

NONE = "–"
_WORDS_FROM = 24
_EXPECTED = {"higher": "> 0", "lower": "< 0", "equal": "≈ 0", "not_higher": "≤ 0"}


@dataclass(frozen=True)
class Table:
    """A heading, columns, rows of text, and a note about them."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


def main_table(study: Study, finished: Finished) -> Table:
    """Every row at its best epoch, beside the published figures."""
    measures = ["board_acc", "acc4x", "gap", "solved", "solved4x"]
    header = [*_row_header(study), "seeds", *(MEASURES[m] for m in measures), "over boards"]
    published = study.published
    if published:
        header += [f"{published.source}: board acc", "acc4x", "gap"]
    rows = []
    for row in study.rows:
        figures = {m: finished.figure(row.name, m) for m in measures}
        cells = [*_row_cells(study, row, finished), str(figures["gap"].count)]
        cells += [interval_text(figures[m], signed=m == "gap") for m in measures]
        cells.append(_range_text(finished.boards(row.name)) if row.name in finished.rows else NONE)
        if published:
            acc, after = published.rows.get(row.name, [math.nan, math.nan])
            cells += [number(acc), number(after), number(after - acc, signed=True)]
        rows.append(cells)
    note = (
        "Best epoch by board acc on the validation boards; acc4x, gap and solved are of that same"
        " epoch. Mean ± half the 95 % t-interval over seeds. *Over boards*: the 95 % bootstrap"
        " interval of board acc over validation boards, of the model that"
        " `train.best_by` kept. Operations are of the whole training."
    )
    return Table("All rows", header, rows, note)


def other_epochs_table(study: Study, finished: Finished) -> Table:
    """Every row on the test set, and by the mean of several epochs."""
    measures = ["test_board_acc", "test_acc4x", "test_gap", "test_solved", "test_solved4x"]
    header = ["row", *(MEASURES[m] for m in measures)]
    header += [f"{name}: {word}" for name in ("top 3", "last 5") for word in ("board acc", "gap")]
    rows = []
    for row in study.rows:
        cells = [finished.figure(row.name, measure) for measure in measures]
        for epochs in ("top3", "last5"):
            cells += [finished.figure(row.name, m, epochs) for m in ("board_acc", "gap")]
        texts = [interval_text(cell, "gap" in header[i]) for i, cell in enumerate(cells, start=1)]
        rows.append([row.name, *texts])
    note = (
        f"The test set is {study.test_count:,} held-out boards that no run trains on and nothing"
        " was selected on; the model is the one that `train.best_by` kept. Best selects on"
        " the boards that it reports, so it flatters; the test set does not."
    )
    return Table("Test set and other epochs", header, rows, note)


def aggregate_tables(study: Study, finished: Finished) -> list[Table]:
    """One for each axis."""
    tables: dict[str, Table] = {}
    columns = [(e, m) for e in EPOCHS for m in ("board_acc", "gap", "solved")]
    header = ["rows", *(f"{_short(e)}: {MEASURES[m]}" for e, m in columns)]
    if study.published:
        source = study.published.source
        header += [f"{source}: board acc", "gap", "recomputed: board acc", "gap"]
    for aggregate in aggregates(study):
        cells = [aggregate.value, str(len(aggregate.rows))]
        for epochs, measure in columns:
            average = finished.average(aggregate.rows, measure, epochs)
            cells.append(interval_text(average, signed=measure == "gap"))
        if study.published:
            cells += _published_cells(aggregate)
        note = _AGGREGATES + (_RECOMPUTED if study.published else "")
        empty = Table(f"By {aggregate.axis}", [aggregate.axis, *header], [], note)
        tables.setdefault(aggregate.axis, empty).rows.append(cells)
    return list(tables.values())


_AGGREGATES = (
    "Every row weighs the same; controls are left out; ± is half the 95 % t-interval over seeds."
    " The rows are not balanced over the axes, so aggregates compare unlike sets of rows; verdicts"
    " rest on matched pairs instead."
)
_RECOMPUTED = " *Recomputed*: from the published rows."


def verdict_table(study: Study, findings: list[Finding]) -> Table:
    """The hypotheses, the differences measured, and the verdicts."""
    header = ["hypothesis", "verdict", "claim", "difference", "Holm", "stated", "measure"]
    header += ["expected"]
    among_all = corrected(findings, study.margin)
    rows = []
    for finding in findings:
        hypothesis, difference = finding.hypothesis, finding.difference
        cells = [hypothesis.name, finding.verdict, hypothesis.claim]
        cells.append(difference_text(difference) if difference else NONE)
        cells.append(_corrected_text(among_all.get(hypothesis.name)))
        cells.append("exploratory" if hypothesis.exploratory else "before")
        if difference:
            assert hypothesis.expect
            cells += [MEASURES[hypothesis.measure], _EXPECTED[hypothesis.expect]]
        else:
            cells += [NONE, "same verdicts"]
        rows.append(cells)
    note = (
        "Differences a − b of matched pairs, seed by seed, averaged over the pairs, with the 95 %"
        f" t-interval over seeds. ≈ 0 is supported only by an interval within ±{study.margin:g}."
        " The rules stand in the study's YAML file. *Exploratory*: results that bear on it were"
        " known when it was written. *Holm*: what is left of the verdict among all"
        f" {len(among_all)} that are tested, with its adjusted p, by paired t-tests over seeds and"
        " Holm's method."
    )
    return Table("Verdicts", header, rows, note)


def other_verdict_table(study: Study, findings: list[Finding]) -> Table:
    """The same comparisons by other epochs, and by the new seeds alone."""
    unseen = any(finding.unseen for finding in findings)
    header = ["hypothesis", "verdict", *(f"validation: {_short(epochs)}" for epochs in EPOCHS)]
    header += ["new seeds alone"] if unseen else []
    rows = []
    for finding in findings:
        cells = [finding.hypothesis.name, finding.verdict]
        cells += [_epochs_text(finding, epochs) for epochs in EPOCHS]
        rows.append(cells + ([_judged_text(finding.unseen)] if unseen else []))
    note = (
        "*Validation*: the same comparisons on validation boards, at the best epoch, which is"
        " chosen on them, and by the mean of several."
    )
    if unseen:
        seen = ", ".join(map(str, study.seen))
        note += f" *New seeds alone*: without seeds {seen}, whose results were known before."
    return Table("Verdicts by other epochs", header, rows, note)


def _corrected_text(left: Corrected | None) -> str:
    if left is None:
        return NONE
    p = "p < 0.001" if left.adjusted < 0.001 else f"p = {left.adjusted:.3f}"
    return f"{left.verdict}: {p}"


def _epochs_text(finding: Finding, epochs: str) -> str:
    if epochs in finding.same:
        return f"same epochs as {_short(finding.same[epochs])}"
    return _judged_text(finding.epochs.get(epochs))


def _judged_text(judged: Judged | None) -> str:
    if judged is None or not judged.difference.count:
        return NONE
    return f"{judged.verdict}: {difference_text(judged.difference)}"


def pair_table(findings: list[Finding]) -> Table:
    """Every pair of every hypothesis."""
    rows = [
        [
            finding.hypothesis.name,
            MEASURES[finding.hypothesis.measure],
            *(*pair, NONE)[:2],
            difference_text(difference),
        ]
        for finding in findings
        for pair, difference in finding.pairs.items()
    ]
    return Table("Pairs", ["hypothesis", "measure", "a", "b", "a − b"], rows)


def failure_table(results: dict[str, Result]) -> Table:
    """The runs that failed, and why."""
    failed = {name: r["failed"] for name, r in results.items() if "failed" in r}
    return Table("Failed runs", ["run", "reason"], [[name, why] for name, why in failed.items()])


def interval_text(interval: Interval, signed: bool = False) -> str:
    """``0.436 ± 0.021``; without the ± where there is one value, and a dash for none."""
    if math.isnan(interval.low):
        return number(interval.mean, signed)
    return f"{number(interval.mean, signed)} ± {interval.half:.3f}"


def number(value: float, signed: bool = False) -> str:
    """Three decimals, or a dash for NaN."""
    return NONE if math.isnan(value) else f"{value:+.3f}" if signed else f"{value:.3f}"


def operations_text(count: float) -> str:
    """In the largest unit that fits: ``3.2 TFLOP``."""
    for exponent, prefix in ((18, "E"), (15, "P"), (12, "T"), (9, "G")):
        if count >= 10**exponent:
            return f"{count / 10**exponent:.3g} {prefix}FLOP"
    return f"{count / 1e6:.3g} MFLOP"


def _row_header(study: Study) -> list[str]:
    return ["row", *study.axes, "parameters", "operations"]


def _row_cells(study: Study, row: Row, finished: Finished) -> list[str]:
    cells = [row.name, *(row.values.get(axis, NONE) for axis in study.axes)]
    result = next(iter(finished.rows.get(row.name, {}).values()), None)
    if result is None:
        return [*cells, NONE, NONE]
    return [*cells, f"{result['parameters']:,}", operations_text(result["operations"]["training"])]


def _published_cells(aggregate: Aggregate) -> list[str]:
    cells = []
    for figures in (aggregate.published, aggregate.recomputed):
        acc, gap = figures or (math.nan, math.nan)
        cells += [number(acc), number(gap, signed=True)]
    return cells


def difference_text(interval: Interval) -> str:
    """Mean and interval of a difference: ``+0.089 [+0.052, +0.125]``."""
    if math.isnan(interval.low):
        return number(interval.mean, signed=True)
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _range_text(interval: Interval) -> str:
    return f"{interval.low:.3f} … {interval.high:.3f}"


def _short(epochs: str) -> str:
    return {"best": "best", "top3": "top 3", "last5": "last 5"}[epochs]


def is_words(cell: str) -> bool:
    """Whether a cell holds a sentence rather than figures."""
    return len(cell) > _WORDS_FROM and sum(map(str.isalpha, cell)) > len(cell) / 2
