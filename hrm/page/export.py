"""Copies of the page that need no server of this library."""

import base64
from pathlib import Path

from hrm.files import read_text, write_atomic
from hrm.models.hub import CONFIG, WEIGHTS
from hrm.page.one_file import one_file
from hrm.page.site import Shown, content_of, page_files

_LONGEST_CONFIG = 2**20


def export_page(target: Path, models: list[Shown]) -> Path:
    """Write the page with its models.

    Args:
        target: a name that ends in ``.html``: one file, which works from a disk too; another one: a
            folder of files for any web server. Other files in the folder stay.
        models: that it offers.

    Returns:
        The file to open.

    Raises:
        OSError: if it cannot be written.
    """
    if target.suffix.lower() in (".html", ".htm"):
        write_atomic(target, one_file({"models": [_embedded(model) for model in models]}))
        return target
    for path, file in page_files(models).items():
        write_atomic(target / path, content_of(file))
    return target / "index.html"


def _embedded(model: Shown) -> dict[str, str]:
    weights = (model.folder / WEIGHTS).read_bytes()
    return {
        "name": model.name,
        "config": read_text(model.folder / CONFIG, _LONGEST_CONFIG),
        "weights": base64.b64encode(weights).decode(),
    }
