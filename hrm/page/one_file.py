"""The page as one HTML file, which holds its style, its modules and its data.

Browsers load no modules from a file that was opened from a disk. So all modules become one plain
script, in the order in which they need each other. Each becomes a function that is called once and
returns what the module exports, so that its other names stay its own.
"""

import json
import posixpath
import re
from typing import Any

from hrm.page.site import STATIC

_MAIN, _WORKER = "js/main.js", "js/thinking/worker.js"
_IMPORT = re.compile(r"^import (\{[^}]*\}) from \"([^\"]+)\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_STYLE = '<link rel="stylesheet" href="style.css">\n'
_SCRIPT = '<script type="module" src="js/main.js"></script>\n'


def one_file(data: dict[str, Any]) -> str:
    """The page as the text of one HTML file.

    Args:
        data: what the page is to show: `models` or `recorded`; see `static/js/sources.js`.
    """
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    # In a script nothing ends it but its end tag.
    kept = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    program = joined_modules().replace("</script", "<\\/script")
    page = page.replace(_STYLE, f"<style>\n{style}</style>\n")
    page = page.replace(_SCRIPT, "")
    scripts = (
        f'<script type="application/json" id="data">{kept}</script>\n'
        f'<script id="program">\n{program}</script>\n'
    )
    return page.replace("</body>", f"{scripts}</body>")


def joined_modules() -> str:
    """All modules as one plain script."""
    joined: dict[str, str] = {}
    _join(_WORKER, joined)
    _join(_MAIN, joined)
    program = "\n".join(joined.values()).replace("import.meta.url", "location.href")
    return f'"use strict";\n{program}'


def _join(path: str, joined: dict[str, str]) -> str:
    """Add a module after all those that it needs.

    Returns:
        The name of what it exports.
    """
    name = "m_" + re.sub(r"\W", "_", path)
    if path in joined:
        return name
    text = (STATIC / path).read_text(encoding="utf-8")

    def imported(found: re.Match[str]) -> str:
        needed = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        return f"const {found[1]} = {_join(needed, joined)};\n"

    text = _IMPORT.sub(imported, text)
    exports = ", ".join(found[1] for found in _EXPORT.findall(text))
    body = _EXPORT.sub(r"\1", text)
    joined[path] = f"const {name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"
    return name
