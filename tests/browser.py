"""A real browser for the tests of the page, and what they ask of it."""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hrm.page.server import PageServer
from hrm.page.site import page_files, shown_models

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
BOARD = "S..\n.#.\n..E"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """The browser's path; without one, or without playwright, the test is skipped."""
    pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    return found


@contextmanager
def started_browser() -> Iterator[Any]:
    """A headless one."""
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # In containers Chromium runs as root, where it has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served_page(models: list[str]) -> Iterator[str]:
    """The address of a page with models."""
    with PageServer(page_files(shown_models(models)), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


class Visit:
    """A visitor's page, which remembers what went wrong in it."""

    def __init__(self, browser: Any, address: str, **context: Any):
        self.address, self.problems = address, []
        self.requests: list[str] = []
        self.context = browser.new_context(reduced_motion="reduce", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda message: self._heard(message))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.context.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def open(self, fragment: str = "") -> "Visit":
        """Open the page and wait until it has thought."""
        self.page.goto(self.address + fragment)
        return self.settle()

    def settle(self) -> "Visit":
        """Wait until nothing is thought any more and the last moment is shown."""
        self.page.wait_for_function(
            "() => { const panes = [...document.querySelectorAll('.pane')];"
            " return panes.length && panes.every((p) => p.ariaBusy !== 'true'"
            " && p.querySelector('.chip').dataset.verdict) }"
        )
        return self

    def say(self, selector: str) -> str:
        """The text of an element."""
        return self.page.locator(selector).first.inner_text().strip()

    def cells(self) -> dict[tuple[int, int], str]:
        """What is said of each cell of the first board; rows and columns from 1."""
        labels = self.page.eval_on_selector_all(
            ".pane:first-child [role=gridcell]",
            "(cells) => cells.map((cell) => cell.getAttribute('aria-label'))",
        )
        found = [re.fullmatch(r"row (\d+), column (\d+): (.*)", label) for label in labels]
        return {(int(f[1]), int(f[2])): f[3] for f in found if f}

    def point(self, row: int, column: int) -> tuple[float, float]:
        """The middle of a cell in the window."""
        grid = self.page.locator("[role=grid]").first
        rows = grid.locator("[role=row]").count()
        columns = grid.locator("[role=gridcell]").count() // rows
        box = grid.bounding_box()
        assert box
        return (
            box["x"] + (column - 0.5) * box["width"] / columns,
            box["y"] + (row - 0.5) * box["height"] / rows,
        )

    @property
    def verdict(self) -> str:
        """The name of the verdict on what is shown."""
        return str(self.page.locator(".chip").first.get_attribute("data-verdict"))

    @property
    def text(self) -> str:
        """The puzzle as text."""
        return str(self.page.locator("#text").input_value())

    def close(self) -> None:
        """Leave, and complain of errors in the console and of requests to anywhere else."""
        self.context.close()
        assert not self.problems
        origin = self.address if self.address.startswith("http") else "file://"
        foreign = [u for u in self.requests if not u.startswith((origin, "data:", "blob:"))]
        assert not foreign


@contextmanager
def visit(browser: Any, address: str, **context: Any) -> Iterator[Visit]:
    """A visit that is checked at its end."""
    visitor = Visit(browser, address, **context)
    yield visitor
    visitor.close()


def drop(visitor: Visit, *files: Path) -> None:
    """Drop files or a folder on the page, as from a file manager."""
    devtools = visitor.context.new_cdp_session(visitor.page)
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests of a module."""
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a page with the bundled models."""
    with served_page([]) as address:
        yield address


@pytest.fixture
def visitor(browser: Any, address: str) -> Iterator[Visit]:
    """A visit at a desk."""
    with visit(browser, address, **DESKTOP) as visitor:
        yield visitor


def link_of(rows: str) -> str:
    """The fragment of an address that holds a board."""
    board = rows.replace("#", "w").replace("\n", "-")
    return f"#task=boardpath&model=boardpath-10x10&puzzle={board}"
