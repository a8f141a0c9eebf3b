"""The report of a study, as far as it has come: Markdown, one HTML page, and CSV."""

import html
import io
import re
from collections.abc import Iterable
from pathlib import Path

from hrm.files import write_atomic
from hrm.rendering.screenless import import_matplotlib
from hrm.study.definition import Study
from hrm.study.display import duration
from hrm.study.exports import write_csv_files
from hrm.study.findings import Finished, judge_all
from hrm.study.results import Result
from hrm.study.tables import (
    Table,
    aggregate_tables,
    failure_table,
    main_table,
    other_epochs_table,
    pair_table,
    verdict_table,
)

_STYLE = """
:root { color-scheme: light dark; --line: #ddd; --soft: #666; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --soft: #aaa; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
         vertical-align: top; white-space: nowrap; }
th { text-align: right; } td:first-child, th:first-child { text-align: left; }
td.words { text-align: left; white-space: normal; min-width: 16rem; }
td.supported { color: #007a5a; font-weight: 600; } td.not-supported { color: #c44f00;
font-weight: 600; }
p.note { color: var(--soft); font-size: .85rem; max-width: 60rem; }
figure { margin: 1rem 0; background: white; border-radius: 6px; padding: .5rem; }
figure svg { max-width: 100%; height: auto; }
"""
_WORDS_FROM = 24


def write_report(study: Study, results: dict[str, Result], folder: Path) -> list[Path]:
    """Write the report of the results that are there.

    Args:
        study: that they are of.
        results: by run name; at least one that did not fail.
        folder: for the files, which replace those of an earlier report.

    Returns:
        The files.

    Raises:
        ValueError: if Matplotlib or SciPy is not installed.
        OSError: if the folder cannot be written.
    """
    try:
        matplotlib = import_matplotlib()
        import scipy  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed, and a report needs it; pip install 'hrm-lab[study]'"
        ) from None
    from hrm.study.plots import PLOTS

    finished = Finished(results)
    findings = judge_all(study, finished)
    tables = [main_table(study, finished), other_epochs_table(study, finished)]
    tables += aggregate_tables(study, finished)
    if findings:
        tables = [verdict_table(study, findings), *tables, pair_table(findings)]
    tables = [*filter(lambda table: table.rows, [failure_table(results), *tables])]
    # The same numbers make the same bytes: no date, no random names of parts.
    matplotlib.rcParams["svg.hashsalt"] = study.name
    figures = {
        name: (heading, plot(study, finished, findings))
        for name, (heading, plot) in PLOTS.items()
        if findings or name != "differences"
    }
    pictures = [folder / f"{name}.png" for name in figures]
    for picture, (_, figure) in zip(pictures, figures.values(), strict=True):
        write_atomic(picture, _rendered(figure, "png"))
    images = {heading: f"{name}.png" for name, (heading, _) in figures.items()}
    inline = {heading: _svg(figure) for heading, figure in figures.values()}
    lines = _status(study, results)
    write_atomic(folder / "report.md", _markdown(study, lines, tables, images))
    write_atomic(folder / "report.html", _page(study, lines, tables, inline))
    files = write_csv_files(folder, study, finished, findings)
    return [folder / "report.md", folder / "report.html", *pictures, *files]


def _status(study: Study, results: dict[str, Result]) -> list[str]:
    """How far it has come, and where and how long it ran."""
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


def _markdown(study: Study, lines: list[str], tables: list[Table], images: dict[str, str]) -> str:
    parts = [f"# {study.title}", study.about, "\n".join(f"- {line}" for line in lines)]
    for table in tables:
        parts += [f"## {table.title}", _markdown_table(table), table.note]
    for heading, image in images.items():
        parts += [f"## {heading}", f"![{heading}]({image})"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(table: Table) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    columns = list(zip(*table.rows, strict=True))[1:]
    sides = ["---" if any(map(_is_words, column)) else "---:" for column in columns]
    rule = "|".join(["", "---", *sides, ""])
    return "\n".join([line(table.header), rule, *(line(row) for row in table.rows)])


def _page(study: Study, lines: list[str], tables: list[Table], images: dict[str, str]) -> str:
    title = html.escape(study.title)
    body = [f"<h1>{title}</h1>", f"<p>{html.escape(study.about)}</p>"]
    body += ["<ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>"]
    for table in tables:
        body += [f"<h2>{html.escape(table.title)}</h2>", _html_table(table)]
        body += [f'<p class="note">{_emphasis(table.note)}</p>'] if table.note else []
    for heading, svg in images.items():
        body += [f"<h2>{html.escape(heading)}</h2>", f"<figure>{svg}</figure>"]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = "\n".join(
        "<tr>" + "".join(_html_cell(cell) for cell in row) + "</tr>" for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _html_cell(cell: str) -> str:
    verdict = cell.partition(":")[0].replace(" ", "-")
    kind = "words" if _is_words(cell) else verdict if verdict.endswith("supported") else ""
    return (
        f'<td class="{kind}">{html.escape(cell)}</td>' if kind else f"<td>{html.escape(cell)}</td>"
    )


def _is_words(cell: str) -> bool:
    return len(cell) > _WORDS_FROM and sum(map(str.isalpha, cell)) > len(cell) / 2


def _emphasis(text: str) -> str:
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(text))


def _svg(figure) -> str:
    text = _rendered(figure, "svg").decode()
    return text[text.index("<svg") :]


def _rendered(figure, kind: str) -> bytes:
    file = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(file, format=kind, dpi=130, metadata=metadata)
    return file.getvalue()
