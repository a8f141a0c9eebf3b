"""Put a run's best model into the package, with a card that says what it is and how good it is,
and the metrics of its training.

    python benchmarks/bundle.py RUN NAME --command "hrm train demo"
    python benchmarks/bundle.py RUN NAME --command "hrm train any-size" --larger 40:500 64:300

Accuracy is measured on 1,000 held-out puzzles, which the run must never have seen, and on held-out
puzzles of larger sizes, as `benchmarks/sizes.py` does.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from protocol import minutes_of
from record import require_unseen
from sizes import Measurement, measure, size_and_count

from hrm import HRM, RunConfig, Task, evaluate
from hrm.cli import errors_as_exit_codes
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.data.source import held_out
from hrm.intervals import wilson
from hrm.models import hub
from hrm.models.hub import DEFAULT_MODEL
from hrm.runs import folder as runs
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.tasks.grid import shape_words
from hrm.tasks.settings import HELD_OUT_SEED, TaskSettings
from hrm.training.metrics import METRICS, best_epoch, read_metrics

PUZZLE_CNT = 1000
SEGMENTS = (1, 2, 4, 8, 16, 32)
ONLY_IN_TRAINING = {"mazes", "move_ends", "reveal", "sizes", "board_sizes"}
"""Keys that change training puzzles only."""
_MODULES = {"H": "one module", "HL": "two modules"}
CHOSEN = {"val_loss": "the lowest loss", "board_acc": "the highest board acc"}
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16 products"}


def card(
    run: Path,
    name: str,
    command: str,
    note: str = "",
    puzzle_cnt: int = PUZZLE_CNT,
    larger: Mapping[int, int] | None = None,
) -> str:
    """The model card of a run's best checkpoint.

    Args:
        run: its folder.
        name: that the model is to have.
        command: that the run was started with, its seeds apart.
        note: to add to the time that training took.
        puzzle_cnt: held-out puzzles to measure on.
        larger: of sizes that it has not learned from, how many of each.

    Raises:
        ValueError: if there is no such run, it is one that the card has no words for, or it has
            seen one of the held-out puzzles, or learned from a size of `larger`.
    """
    model, config = HRM.from_pretrained(run), runs.read_config(run)
    task, dataset = registry.make(config.task), load_dataset(config.task)
    if config.task.train_boards or config.train.init_from:
        raise ValueError(f"{run}: a card tells of new models from drawn puzzles")
    test = held_out(task, puzzle_cnt)
    require_unseen(run, test.inputs, dataset)
    parts = [_head(model, task, name), _training(run, config, task, command, note)]
    parts.append(_accuracy(model, task, test))
    if larger:
        parts.append(_larger([measure(run, size, count) for size, count in larger.items()]))
    return "\n".join([*parts, _limits(model, config.task)])


def _head(model: HRM, task: Task, name: str) -> str:
    named = "" if name == DEFAULT_MODEL else f', "{name}"'
    return f"""---
library_name: hrm-lab
license: mit
tags: [hrm, reasoning, {task.config.name}]
---
# {task.title} ({shape_words(task.shape)})

A reasoning model of {model.parameter_cnt:,} parameters:
{_network(model)}.
It thinks for {model.config.infer_segment_cnt} segments of {model.config.step_cnt} updates unless \
told otherwise.

```python
from hrm import solve

print(solve(open("puzzle.txt").read(){named}))
```
"""


def _network(model: HRM) -> str:
    config, structure = model.config, model.grid.structure
    words = [f"{_MODULES[config.modules]} of width {config.d_model}"]
    if config.attention:
        words[0] += f" with {config.head_cnt} heads"
    if config.code_axis:
        words.append("a vector for each cell and code")
    if config.local_mixing and structure.neighbourhood:
        words.append("a depthwise 3×3 convolution" + " before attention" * config.attention)
    if config.local_mixing and structure.groups:
        words.append(f"means over each {', '.join(structure.groups)}")
    if config.attention and config.rope_2d:
        words.append("RoPE by row and column")
    return ", ".join(words)


def _training(run: Path, config: RunConfig, task: Task, command: str, note: str) -> str:
    history, best = read_metrics(run), best_epoch(run, config.train.best_by)
    versions = json.loads((run / runs.VERSIONS).read_text())
    return f"""## Training

| | |
|---|---|
| command | `{command}`, commit {versions.get("commit", "unknown")} |
| seeds | `task.seed={config.task.seed}`, `train.seed={config.train.seed}` |
| data | {_data(task, len(history))} |
| kept | epoch {best["epoch"]}, {CHOSEN[config.train.best_by]} on {config.task.val_count} \
validation puzzles |
| time | {minutes_of(history):.0f} minutes, validation included{note and f"; {note}"} |
| machine | {versions["machine"]}, torch {versions["torch"]}, {PRECISIONS[config.train.precision]} |
"""


def _data(task: Task, epochs: int) -> str:
    kind, count = "puzzles", task.config.train_count
    if task.config.stream:
        kind, count = "puzzles of the endless stream", count * epochs
    settings = "".join(f", `{key}` {value}" for key, value in _settings(task).items())
    views = ", each epoch under symmetries drawn at random" if task.config.augment else ""
    return f"{count:,} {kind}{settings}, in {epochs} epochs{views}"


def _settings(task: Task) -> dict[str, object]:
    """What the task's own keys say, apart from its shape."""
    config = task.config
    known = {*TaskSettings.model_fields, *config.keys_of_shape(), *config.without_effect}
    own = {key: value for key, value in config.model_dump().items() if key not in known}
    return {key: value for key, value in own.items() if value}


def _accuracy(model: HRM, task: Task, test: Examples) -> str:
    asked = "".join(
        f" --{key.replace('_', '-')} {value}"
        for key, value in _settings(task).items()
        if key not in ONLY_IN_TRAINING
    )
    size = " --size " + "x".join(map(str, dict.fromkeys(task.shape)))
    return f"""## Accuracy

On {len(test):,} held-out puzzles (`hrm data generate {task.config.name}{size}{asked} --count \
{len(test)} --seed {HELD_OUT_SEED}`, SHA-256 `{content_hash(test.inputs)[:16]}…`),
none of which the run has seen; float32; 95 % Wilson intervals over puzzles, one training seed.
*Board acc* asks for exactly the label, *solved* accepts any right answer.

{_accuracy_table(model, test)}
"""


def _accuracy_table(model: HRM, test: Examples) -> str:
    """A Markdown table of accuracy by segment count."""
    titles = ["segments", "cell acc", "board acc", "95 %", "solved", "95 %"]
    rows = []
    for count, metrics in evaluate(model, test, SEGMENTS).items():
        shares = [_share(share, len(test)) for share in (metrics.board_acc, metrics.solved)]
        rows.append([f"{count}", f"{metrics.cell_acc:.4f}", *shares[0], *shares[1]])
    return _table(titles, rows)


def _larger(measured: list[Measurement]) -> str:
    """A Markdown table of accuracy on larger puzzles."""
    titles = ["size", "puzzles", "solved, fixed time", "95 %", "segments"]
    titles += ["until solved", "95 %", "until solved, 8 symmetries", "95 %", "segments"]
    titles += ["CPU seconds, fixed time"]
    rows = []
    for found in measured:
        cells = [f"{found.size}×{found.size}", f"{found.boards:,}"]
        cells += [*_share(found.solved, found.boards), f"{found.segments:,}"]
        cells += _share(found.until_solved, found.boards)
        cells += [*_share(found.with_symmetries, found.boards), f"{found.mean_segments:.1f}"]
        rows.append([*cells, f"{found.cpu_seconds:.2g}"])
    return f"""Held-out puzzles of larger sizes, by the protocol of docs/records.md:

{_table(titles, rows)}
"""


def _share(share: float, puzzle_cnt: int) -> list[str]:
    """Two cells: a share of so many puzzles, and its interval."""
    low, high = wilson(share, puzzle_cnt)
    return [f"{share:.3f}", f"{low:.3f} to {high:.3f}"]


def _table(titles: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)])


def _limits(model: HRM, settings: TaskSettings) -> str:
    size = ", ".join(shape_words(part.shape) for part in settings.parts())
    sizes = f"Trained on {size} puzzles only, though it takes others."
    if model.config.tied_to_size_by:
        sizes = f"{size} puzzles only."
    return f"""## Limits

{sizes} It has seen puzzles drawn with these settings only.
To a puzzle without a solution it gives an answer too, which is always wrong; `hrm solve` checks
this and says so.
"""


def bundle(run: Path, name: str, text: str, parent: Path = hub.BUNDLED) -> Path:
    """Write model, card and metrics of a run.

    Args:
        run: its folder.
        name: of the model.
        text: of the card.
        parent: of the folder that is written.
    """
    folder = parent / name
    HRM.from_pretrained(run).save_pretrained(folder, model_card=text)
    shutil.copy(run / METRICS, folder)
    return folder


def main() -> None:
    """Read the arguments and write the folder."""
    parser = argparse.ArgumentParser(description="Bundle a run's best model.")
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--command", required=True, help="that the run was started with")
    parser.add_argument("--note", default="", help="to add to the time that training took")
    parser.add_argument(
        "--larger",
        type=size_and_count,
        nargs="+",
        default=[],
        metavar="SIZE:COUNT",
        help="puzzles of larger sizes to measure on too",
    )
    given = parser.parse_args()
    with errors_as_exit_codes():
        larger = dict(given.larger)
        text = card(given.run, given.name, given.command, given.note, larger=larger)
        print(f"{bundle(given.run, given.name, text)}\n\n{text}")


if __name__ == "__main__":
    main()
