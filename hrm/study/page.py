"""A report as one HTML page that needs nothing else."""

import html
import re

from hrm.study.tables import Table, is_words

_STYLE = """
:root { color-scheme: light dark; --line: #ddd; --soft: #666; --ground: #fff; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --soft: #aaa; --ground: #121212; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem;
       background: var(--ground); }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin-top: 1.5rem; } p, ul { max-width: 60rem; }
code { font-size: .9em; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .85rem;
        font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
         vertical-align: top; }
td { white-space: nowrap; }
th { vertical-align: bottom; }
td:first-child, th:first-child { text-align: left; position: sticky; left: 0;
                                 background: var(--ground); }
td.words { text-align: left; white-space: normal; min-width: 14rem; }
td:first-child { white-space: normal; min-width: 7rem; max-width: 11rem; }
td.interval { white-space: normal; min-width: 7rem; }
td.supported { color: #007a5a; font-weight: 600; }
td.not-supported { color: #c44f00; font-weight: 600; }
p.note { color: var(--soft); font-size: .85rem; }
figure { margin: 1rem 0; background: white; border-radius: 6px; padding: .5rem; }
figure svg { max-width: 100%; height: auto; }
"""


def html_page(
    title: str,
    about: str,
    lines: list[str],
    tables: list[Table],
    figures: dict[str, dict[str, str]],
) -> str:
    """The page.

    Args:
        title: heads it.
        about: a paragraph.
        lines: how far the study has come, where and how long it ran.
        tables: in order.
        figures: by the title of the table that they go with: SVG by heading.
    """
    body = [f"<h1>{html.escape(title)}</h1>", f"<p>{_marked(about)}</p>"]
    body += ["<ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>"]
    for table in tables:
        body += [f"<h2>{html.escape(table.title)}</h2>", _table(table)]
        body += [f'<p class="note">{_marked(table.note)}</p>'] if table.note else []
        for heading, svg in figures.get(table.title, {}).items():
            body += [f"<h3>{html.escape(heading)}</h3>", f"<figure>{svg}</figure>"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = "\n".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in table.rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: str) -> str:
    verdict = cell.partition(":")[0].replace(" ", "-")
    if is_words(cell):
        kind = "words"
    elif verdict.endswith("supported"):
        kind = f"interval {verdict}" if ":" in cell else verdict
    else:
        kind = "interval" if "[" in cell or ":" in cell else ""
    content = _marked(cell)
    return f'<td class="{kind}">{content}</td>' if kind else f"<td>{content}</td>"


def _marked(text: str) -> str:
    """Emphasis and code, of the little Markdown that notes are written in."""
    text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
