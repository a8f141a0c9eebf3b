"""A study's numbers as CSV, one number in each cell, for further analysis."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hrm.files import write_atomic
from hrm.study.correction import corrected
from hrm.study.definition import Study
from hrm.study.findings import Finding, Finished, aggregates
from hrm.study.results import Result
from hrm.study.schema import MEASURES
from hrm.study.statistics import EPOCHS, Interval, measured

_WHOSE = ["row", "seed"]
_INTERVAL = ["mean", "low", "high", "seeds"]

Table = tuple[list[str], list[list[Any]]]
"""Titles, and rows of cells."""


def write_csv_files(folder: Path, study: Study, finished: Finished, findings: list[Finding]):
    """Write `runs`, `epochs`, `refinement`, `rows`, `aggregates` and `hypotheses` as CSV.

    Returns:
        The files.

    Raises:
        OSError: if the folder cannot be written.
    """
    results = [by_seed[seed] for by_seed in finished.rows.values() for seed in sorted(by_seed)]
    contents = {
        "runs": _runs(study, results),
        "epochs": _epochs(results),
        "refinement": _refinement(results),
        "rows": _rows(study, finished),
        "aggregates": _aggregates(study, finished),
        "hypotheses": _hypotheses(study, findings),
    }
    files = []
    for name, (header, rows) in contents.items():
        files.append(folder / f"{name}.csv")
        write_atomic(files[-1], _csv([header, *rows]))
    return files


def _runs(study: Study, results: list[Result]) -> Table:
    facts = [
        "parameters",
        "training_operations",
        "training_seconds",
        "threads",
        "kernels",
        "best_epoch",
    ]
    rows = [
        [r["row"], r["seed"], *_values(study, r["row"]), *_facts(r)]
        + [measured(r, measure) for measure in MEASURES]
        for r in results
    ]
    return [*_WHOSE, *study.axes, *facts, *MEASURES], rows


def _epochs(results: list[Result]) -> Table:
    return _by_name([{**_whose(r), **epoch} for r in results for epoch in r["epochs"]])


def _refinement(results: list[Result]) -> Table:
    return _by_name(
        [
            {**_whose(r), "segments": count, **dict(zip(r["test"], figures, strict=True))}
            for r in results
            for count, figures in enumerate(zip(*r["test"].values(), strict=True), start=1)
        ]
    )


def _whose(result: Result) -> dict[str, Any]:
    return {name: result[name] for name in _WHOSE}


def _by_name(records: list[dict[str, Any]]) -> Table:
    """Every number under its own name: results of other versions may have other ones."""
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


def _rows(study: Study, finished: Finished) -> Table:
    rows = [
        [row, *_values(study, row), epochs, measure, *_cells(figure)]
        for row in finished.rows
        for epochs, measure in _selections()
        for figure in [finished.figure(row, measure, epochs)]
    ]
    return ["row", *study.axes, "epochs", "measure", *_INTERVAL], rows


def _aggregates(study: Study, finished: Finished) -> Table:
    rows = [
        [a.axis, a.value, epochs, measure, *_cells(finished.average(a.rows, measure, epochs))]
        for a in aggregates(study)
        for epochs, measure in _selections()
    ]
    return ["axis", "value", "epochs", "measure", *_INTERVAL], rows


def _hypotheses(study: Study, findings: list[Finding]) -> Table:
    rows = []
    among_all = corrected(findings, study.margin)
    for finding in findings:
        hypothesis = finding.hypothesis
        stated = "exploratory" if hypothesis.exploratory else "before"
        own, validated = hypothesis.measure, hypothesis.measure.removeprefix("test_")
        judged = [(own, "best", "all", finding.verdict, finding.difference)]
        judged += [
            (validated, epochs, "all", found.verdict, found.difference)
            for epochs, found in finding.epochs.items()
            if (validated, epochs) != (own, "best")
        ]
        if new := finding.unseen:
            judged.append((own, "best", "new", new.verdict, new.difference))
        for measure, epochs, which, verdict, interval in judged:
            cells = [hypothesis.name, stated, measure, hypothesis.expect or "", epochs, which]
            rows.append([*cells, verdict, *(_cells(interval) if interval else [])])
            if (measure, which, epochs) == (own, "all", "best"):
                left = among_all.get(hypothesis.name)
                rows[-1] += [left.p, left.adjusted, left.verdict] if left else []
    header = ["hypothesis", "stated", "measure", "expect", "epochs", "of seeds", "verdict"]
    header += [*_INTERVAL, "p", "Holm p", "Holm verdict"]
    return header, [row + [None] * (len(header) - len(row)) for row in rows]


def _values(study: Study, row: str) -> list[str]:
    values = next(r.values for r in study.rows if r.name == row)
    return [values.get(axis, "") for axis in study.axes]


def _facts(result: dict) -> list:
    return [
        result["parameters"],
        result["operations"]["training"],
        result["seconds"]["training"],
        result["settled"]["threads"],
        result["settled"]["kernels"],
        result["summary"]["best"]["epoch"],
    ]


def _selections() -> list[tuple[str, str]]:
    """All pairs of epochs and measure that exist: test measures are of the best epoch only."""
    return [
        (epochs, measure)
        for epochs in EPOCHS
        for measure in MEASURES
        if epochs == "best" or not measure.startswith("test_")
    ]


def _cells(interval: Interval) -> list:
    return [interval.mean, interval.low, interval.high, interval.count]


def _csv(rows: Iterable[Iterable]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
