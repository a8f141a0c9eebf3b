"""Take the picture of the page that README begins with.

    python tools/page_picture.py docs/play.png [--update N]

The board is that of `hrm solve --seed 2085`. Needs Debian's package chromium, and playwright.
"""

import argparse
import shutil
import threading
from io import BytesIO
from pathlib import Path

from PIL import Image

from hrm.data.source import generate
from hrm.errors import WorkFailed
from hrm.files import write_atomic
from hrm.models.hub import DEFAULT_MODEL
from hrm.page.server import PageServer
from hrm.page.site import page_files, shown_models
from hrm.rendering.animation import to_png
from hrm.tasks import registry

SEED = 2085


def take(update: int) -> Image.Image:
    """The page at an update of the thought, when all of it is thought."""
    browser_path = shutil.which("chromium")
    if browser_path is None:
        raise WorkFailed("there is no chromium; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with PageServer(page_files(shown_models([])), 0) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 940}, reduced_motion="reduce")
        page.goto(f"{server.address}#{fragment()}")
        page.locator(".chip[data-verdict=exact]").wait_for()
        page.locator("#moment").fill(str(update))
        page.evaluate("document.activeElement.blur()")
        bottom = page.evaluate("document.querySelector('.stage').getBoundingClientRect().bottom")
        content = page.screenshot(full_page=True)
        browser.close()
        server.shutdown()
    picture = Image.open(BytesIO(content)).convert("RGB")
    return picture.crop((0, 0, picture.width, round(bottom) + 10))


def fragment() -> str:
    """The link that holds the board."""
    task = registry.default_task()
    rows = "-".join(task.rows(generate(task, 1, SEED)[0])).replace("#", "w")
    return f"task={task.config.name}&model={DEFAULT_MODEL}&puzzle={rows}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the picture of the page.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--update", type=int, default=5)
    given = parser.parse_args()
    write_atomic(given.target, to_png(take(given.update)))
