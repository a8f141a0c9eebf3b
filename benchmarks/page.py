"""How long a segment takes on the page of `hrm play`, in headless Chromium.

    python benchmarks/page.py [--segments N]

Prints, for each bundled model and for networks of two presets on 9×9 Sudoku, the fastest and the
median of N segments after 5 others, and what the fastest is in GFLOP/s. The network runs as
it does on the page, with the answer read out after each update. Needs Debian's package chromium.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import torch

from hrm import HRM
from hrm.config.presets import preset
from hrm.models.hub import bundled_models
from hrm.models.operations import forward_flops
from hrm.page.server import PageServer
from hrm.page.site import page_files, shown_models
from hrm.tasks import registry

WARM_UP = 5
SUDOKU = ("puzzle", "record-sudoku")
"""Presets whose networks are measured on 9×9 Sudoku."""

MEASURE = """async ([folder, segments]) => {
  const [{ readConfig }, { Network }, { readTensors }] = await Promise.all(
    ["config", "hrm", "safetensors"].map((name) => import(`/js/network/${name}.js`)));
  const config = await (await fetch(`/${folder}/config.json`)).text();
  const weights = await (await fetch(`/${folder}/model.safetensors`)).arrayBuffer();
  const network = new Network(readConfig(config), readTensors(weights).tensors);
  const { height, width, inputCodes } = network.grid;
  const puzzle = Uint8Array.from({ length: height * width }, (_, i) => (i * 7) % inputCodes);
  const layout = network.layout([height, width]);
  const x = network.embed(puzzle, layout);
  let state = network.initialState(layout);
  const times = [];
  for (let i = 0; i < segments; i++) {
    const began = performance.now();
    for (const after of network.segment(state, x, layout)) {
      state = after;
      network.read(state, layout);
    }
    times.push(performance.now() - began);
  }
  return times;
}"""


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--segments", type=int, default=20)
    count = parser.parse_args().segments
    browser = shutil.which("chromium") or sys.exit("there is no chromium; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        names = bundled_models()
        for name in SUDOKU:
            names.append(str(Path(folder) / name))
            sudoku_network(name).save_pretrained(names[-1])
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        with PageServer(page_files(shown_models(names)), 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page.goto(server.address)
            for number, name in enumerate(names):
                times = page.evaluate(MEASURE, [f"models/{number}", WARM_UP + count])[WARM_UP:]
                report(name, HRM.from_pretrained(name), times)
            server.shutdown()


def sudoku_network(name: str) -> HRM:
    """Of a preset; its weights are random."""
    task = registry.make(registry.read_settings({"name": "sudoku"}))
    torch.manual_seed(0)
    return HRM(preset(name).model, task.grid, registry.describe(task.config))


def report(name: str, model: HRM, milliseconds: list[float]) -> None:
    """One line."""
    operations = sum(forward_flops(model.config, model.grid).values())
    fastest, median = min(milliseconds), statistics.median(milliseconds)
    print(
        f"{Path(name).name}: fastest {fastest:.0f} ms, median {median:.0f} ms,"
        f" {operations / fastest / 1e6:.2f} GFLOP/s"
    )


if __name__ == "__main__":
    main()
