"""The report of a study, finished or not: Markdown, one HTML page, and CSV."""

import io
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hrm.files import write_atomic
from hrm.rendering.screenless import import_matplotlib
from hrm.runs.output import duration
from hrm.study.definition import Study
from hrm.study.exports import write_csv_files
from hrm.study.findings import Finished, judge_all
from hrm.study.page import html_page
from hrm.study.results import Result
from hrm.study.tables import (
    Table,
    aggregate_tables,
    failure_table,
    is_words,
    main_table,
    other_epochs_table,
    other_verdict_table,
    pair_table,
    verdict_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(study: Study, results: dict[str, Result], folder: Path) -> list[Path]:
    """Write the report of the results so far.

    Args:
        study: of the results.
        results: by run name; at least one that did not fail.
        folder: for the files, which replace those of an earlier report.

    Returns:
        The files.

    Raises:
        ValueError: if Matplotlib or SciPy is not installed.
        OSError: if the folder cannot be written.
    """
    matplotlib = require_packages()
    from hrm.study.plots import PLOTS

    finished = Finished(results)
    findings = judge_all(study, finished)
    tables = [main_table(study, finished), other_epochs_table(study, finished)]
    tables += aggregate_tables(study, finished)
    if findings:
        verdicts = [verdict_table(study, findings), other_verdict_table(study, findings)]
        tables = [*verdicts, *tables, pair_table(findings)]
    tables = [*filter(lambda table: table.rows, [failure_table(results), *tables])]
    # The same numbers give the same bytes: no date, no random names of parts.
    matplotlib.rcParams["svg.hashsalt"] = study.name
    images: dict[str, dict[str, str]] = {}
    inline: dict[str, dict[str, str]] = {}
    pictures = []
    for name, (heading, place, plot) in PLOTS.items():
        if place in [table.title for table in tables]:
            figure = plot(study, finished, findings)
            pictures.append(folder / f"{name}.png")
            write_atomic(pictures[-1], rendered(figure, "png"))
            images.setdefault(place, {})[heading] = f"{name}.png"
            inline.setdefault(place, {})[heading] = _svg(figure)
    lines = _status(study, results)
    write_atomic(folder / "report.md", _markdown(study, lines, tables, images))
    page = html_page(study.title, study.about, lines, tables, inline)
    write_atomic(folder / "report.html", page)
    files = write_csv_files(folder, study, finished, findings)
    return [folder / "report.md", folder / "report.html", *pictures, *files]


def require_packages() -> ModuleType:
    """Import Matplotlib, and see that SciPy is there too.

    Raises:
        ValueError: if one of them is not installed.
    """
    try:
        matplotlib = import_matplotlib()
        import scipy  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed, and a report needs it; in your clone:"
            " pip install -e '.[study]'"
        ) from None
    return matplotlib


def _status(study: Study, results: dict[str, Result]) -> list[str]:
    """How many runs are done, and where and how long they ran."""
    done = [result for result in results.values() if "failed" not in result]
    failed = len(results) - len(done)
    expected = len({run.name for run in study.runs} | set(results))
    seconds = sum(r["seconds"]["training"] + r["seconds"]["measuring"] for r in done)
    machines = sorted({r["versions"]["machine"] for r in done})
    torches = sorted({r["versions"]["torch"] for r in done})
    settled = [result["settled"] for result in done]
    settled = sorted({f"{s['threads']} thread(s) a run, {s['kernels']} kernels" for s in settled})
    seeds = sorted({result["seed"] for result in done} or study.seeds)
    return [
        f"Runs: {len(done)} of {expected} done" + (f", {failed} failed" if failed else ""),
        f"Seeds: {', '.join(str(seed) for seed in seeds)}; seed s sets the boards and the training",
        f"Time: {duration(seconds)} over all runs, evaluation included; {'; '.join(settled)}",
        f"Machine: {'; '.join(machines)}; torch {', '.join(torches)}",
        f"Command: hrm study run {study.name}.yaml",
    ]


def _markdown(
    study: Study, lines: list[str], tables: list[Table], images: dict[str, dict[str, str]]
) -> str:
    parts = [f"# {study.title}", study.about, "\n".join(f"- {line}" for line in lines)]
    for table in tables:
        parts += [f"## {table.title}", markdown_table(table), table.note]
        for heading, image in images.get(table.title, {}).items():
            parts += [f"### {heading}", f"![{heading}]({image})"]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(table: Table) -> str:
    """The rows of a table as Markdown."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    columns = list(zip(*table.rows, strict=True))[1:]
    sides = ["---" if any(map(is_words, column)) else "---:" for column in columns]
    rule = "|".join(["", "---", *sides, ""])
    return "\n".join([line(table.header), rule, *(line(row) for row in table.rows)])


def _svg(figure) -> str:
    text = rendered(figure, "svg").decode()
    return text[text.index("<svg") :]


def rendered(figure: "Figure", kind: str) -> bytes:
    """A figure as a file, `kind` png or svg. The same numbers give the same bytes."""
    file = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(file, format=kind, dpi=130, metadata=metadata)
    return file.getvalue()
