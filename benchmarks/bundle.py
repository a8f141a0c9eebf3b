"""Put a run's best model into the package, with a card that says what it is and how good it is,
and the metrics of its training.

    python benchmarks/bundle.py RUN NAME --command "hrm train demo"

Accuracy is measured on 1,000 held-out boards, which the run must never have seen.
"""

import argparse
import json
import shutil
from pathlib import Path

from record import board_paths_of, require_unseen

from hrm import HRM, ModelConfig, RunConfig, TaskConfig, evaluate
from hrm.cli import errors_as_exit_codes
from hrm.data.hashing import content_hash
from hrm.data.load import load_dataset
from hrm.data.source import held_out
from hrm.intervals import wilson
from hrm.models import hub
from hrm.models.hub import DEFAULT_MODEL
from hrm.runs import folder as runs
from hrm.tasks.examples import Examples
from hrm.tasks.grid import shape_words
from hrm.tasks.settings import HELD_OUT_SEED
from hrm.training.metrics import METRICS, best_epoch, read_metrics

BOARD_CNT = 1000
SEGMENTS = (1, 2, 4, 8, 16, 32)
CHOSEN = {"val_loss": "the lowest loss", "board_acc": "the highest board acc"}
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16 products"}


def card(run: Path, name: str, command: str, note: str = "", board_cnt: int = BOARD_CNT) -> str:
    """The model card of a run's best checkpoint.

    Args:
        run: its folder.
        name: that the model is to have.
        command: that the run was started with, its seeds apart.
        note: to add to the time that training took.
        board_cnt: held-out boards to measure on.

    Raises:
        ValueError: if there is no such run, it is one that the card has no words for, or it has
            seen one of the held-out boards.
    """
    model, config = HRM.from_pretrained(run), runs.read_config(run)
    task = board_paths_of(run, config)
    if task.config.board_sizes or task.config.train_boards or config.train.init_from:
        raise ValueError(f"{run}: a card tells of new models from drawn boards of one size")
    test = held_out(task, board_cnt)
    require_unseen(run, test.inputs, load_dataset(task.config))
    accuracy = _accuracy(model, test, task.config.wall_prob)
    parts = (_head(model, name), _training(run, config, task.config, command, note), accuracy)
    return "\n".join([*parts, _limits(model)])


def _head(model: HRM, name: str) -> str:
    named = "" if name == DEFAULT_MODEL else f', "{name}"'
    return f"""---
library_name: hrm-lab
license: mit
tags: [hrm, reasoning, pathfinding]
---
# Shortest paths on {shape_words(model.grid.shape)} boards

A reasoning model of {model.parameter_cnt:,} parameters that marks a shortest path from S to E:
{_network(model.config)}.
It thinks for {model.config.infer_segment_cnt} segments of {model.config.step_cnt} updates unless \
told otherwise.

```python
from hrm import solve

print(solve(open("board.txt").read(){named}))
```
"""


def _network(config: ModelConfig) -> str:
    modules = {"H": "one module", "HL": "two modules"}[config.modules]
    mixing = ", a depthwise 3×3 convolution before attention" if config.local_mixing else ""
    positions = ", RoPE by row and column" if config.rope_2d else ""
    return f"{modules} of width {config.d_model} with {config.head_cnt} heads{mixing}{positions}"


def _training(run: Path, config: RunConfig, task: TaskConfig, command: str, note: str) -> str:
    history, best = read_metrics(run), best_epoch(run, config.train.best_by)
    versions = json.loads((run / runs.VERSIONS).read_text())
    minutes = sum(row["seconds"] for row in history) / 60
    return f"""## Training

| | |
|---|---|
| command | `{command}`, commit {versions.get("commit", "unknown")} |
| seeds | `task.seed={task.seed}`, `train.seed={config.train.seed}` |
| data | {_data(task, len(history))} |
| kept | epoch {best["epoch"]}, {CHOSEN[config.train.best_by]} on {task.val_count} \
validation boards |
| time | {minutes:.0f} minutes, validation included{note and f"; {note}"} |
| machine | {versions["machine"]}, torch {versions["torch"]}, {PRECISIONS[config.train.precision]} |
"""


def _data(task: TaskConfig, epochs: int) -> str:
    if task.stream:
        kind, count = "boards of the endless stream", task.train_count * epochs
    else:
        kind, count = "boards", task.train_count
    views = []
    if task.augment:
        views.append("turned or mirrored at random")
    if task.move_ends:
        views.append("with START and END drawn anew")
    shown = f", each epoch {' and '.join(views)}, labels computed anew" if views else ""
    return f"{count:,} {kind}, `wall_prob` {task.wall_prob}, in {epochs} epochs{shown}"


def _accuracy(model: HRM, test: Examples, wall_prob: float) -> str:
    return f"""## Accuracy

On {len(test):,} held-out boards (`hrm data generate --size {model.grid.height} --wall-prob \
{wall_prob} --count {len(test)} --seed {HELD_OUT_SEED}`, SHA-256 \
`{content_hash(test.inputs)[:16]}…`),
none of which the run has seen; float32; 95 % Wilson intervals over boards, one training seed.
*Board acc* asks for exactly the path of the label, *solved* accepts any shortest path.

{_accuracy_table(model, test)}
"""


def _accuracy_table(model: HRM, test: Examples) -> str:
    """A Markdown table of accuracy by segment count."""
    titles = ("segments", "cell acc", "board acc", "95 %", "solved", "95 %")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for count, metrics in evaluate(model, test, SEGMENTS).items():
        cells = [f"{count}", f"{metrics.cell_acc:.4f}"]
        for share in (metrics.board_acc, metrics.solved):
            low, high = wilson(share, len(test))
            cells += [f"{share:.3f}", f"{low:.3f} to {high:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _limits(model: HRM) -> str:
    size = shape_words(model.grid.shape)
    sizes = f"Trained on boards of {size} cells only, though it takes others."
    if model.config.tied_to_size_by:
        sizes = f"Boards of {size} cells only."
    return f"""## Limits

{sizes} It has seen random walls of this density only. For a
board without a path it gives an answer too, which is always wrong; `hrm solve` checks this and
says so.
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
    given = parser.parse_args()
    with errors_as_exit_codes():
        text = card(given.run, given.name, given.command, given.note)
        print(f"{bundle(given.run, given.name, text)}\n\n{text}")


if __name__ == "__main__":
    main()
