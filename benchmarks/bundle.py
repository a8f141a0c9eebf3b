"""Put a run's best model into the package, with a card that says what it is and how good it is,
and the metrics of its training.

    python benchmarks/bundle.py RUN NAME --preset demo

Accuracy is measured on 1,000 held-out boards, which the endless stream never yields.
"""

import argparse
import json
import shutil
from pathlib import Path

from hrm import HRM, evaluate, hub, runs
from hrm.config import HELD_OUT_SEED
from hrm.data import content_hash, held_out
from hrm.evaluation import wilson

BOARD_CNT = 1000
SEGMENTS = (1, 2, 4, 8, 16)


def accuracy_table(model: HRM, wall_prob: float) -> tuple[str, str]:
    """A Markdown table of accuracy by segment count, and the hash of the boards."""
    boards = held_out(model.board_size, wall_prob, BOARD_CNT)
    titles = ("segments", "cell acc", "board acc", "95 %", "solved", "95 %")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for count, metrics in evaluate(model, boards, SEGMENTS).items():
        cells = [f"{count}", f"{metrics.cell_acc:.4f}"]
        for share in (metrics.board_acc, metrics.solved):
            low, high = wilson(share, BOARD_CNT)
            cells += [f"{share:.3f}", f"{low:.3f} to {high:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines), content_hash(boards)


def card(run: Path, preset: str, note: str) -> str:
    """The model card of a run's best checkpoint."""
    model, config, history = HRM.from_pretrained(run), runs.read_config(run), runs.read_metrics(run)
    best = min(history, key=lambda row: row["val_loss"])
    versions = json.loads((run / runs.VERSIONS).read_text())
    table, digest = accuracy_table(model, config.task.wall_prob)
    boards = config.task.train_count * len(history)
    minutes = sum(row["seconds"] for row in history) / 60
    size, default = model.board_size, model.config.infer_segment_cnt
    return f"""---
library_name: hrm-lab
license: mit
tags: [hrm, reasoning, pathfinding]
---
# Shortest paths on {size}×{size} boards

A reasoning model of {model.parameter_cnt:,} parameters that marks a shortest path from S to E. One
module with local mixing and RoPE by row and column; it thinks for {default} segments of
{model.config.step_cnt} updates unless told otherwise.

```python
from hrm import solve
print(solve(open("board.txt").read()))
```

## Training

| | |
|---|---|
| command | `hrm train {preset}` |
| seeds | `task.seed={config.task.seed}`, `train.seed={config.train.seed}` |
| data | {boards:,} boards of the endless stream, `wall_prob` {config.task.wall_prob}, in \
{len(history)} epochs |
| kept | epoch {best["epoch"]:.0f}, the lowest loss on {config.task.val_count} validation boards |
| time | {minutes:.0f} minutes, evaluation included{note} |
| machine | {versions["machine"]}, torch {versions["torch"]}, float32 |

## Accuracy

On {BOARD_CNT:,} held-out boards (`hrm data generate --size {size} --wall-prob \
{config.task.wall_prob} --count {BOARD_CNT} --seed {HELD_OUT_SEED}`, SHA-256 `{digest[:16]}…`),
which the stream never yields; 95 % Wilson intervals over boards, one training seed. *Board acc*
asks for the very path that the label marks, *solved* accepts any shortest path.

{table}

## Limits

Boards of {size}×{size} cells only, and of about this wall density: it has seen no other. It answers
boards without a path too, wrongly of necessity; `hrm solve` checks and says so.
"""


def main() -> None:
    """Read the arguments and write the folder."""
    parser = argparse.ArgumentParser(description="Bundle a run's best model.")
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--preset", required=True)
    parser.add_argument("--note", default="", help="to add to the time that training took")
    arguments = parser.parse_args()
    folder = hub.BUNDLED / arguments.name
    note = arguments.note and f"; {arguments.note}"
    text = card(arguments.run, arguments.preset, note)
    HRM.from_pretrained(arguments.run).save_pretrained(folder, model_card=text)
    shutil.copy(arguments.run / runs.METRICS, folder)
    print(f"{folder}\n\n{text}")


if __name__ == "__main__":
    main()
