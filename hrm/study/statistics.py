"""From epochs to figures, from seeds to intervals, from differences to verdicts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np

from hrm.study.schema import Expectation

EPOCHS = {"best": "best epoch", "top3": "mean of top 3", "last5": "mean of last 5"}
"""Selections of epochs, and their names in tables."""

FEWEST_SEEDS = 3
"""With fewer, every verdict is undecided: two seeds may agree by chance, and their interval is then
narrow."""

Verdict = Literal["supported", "not supported", "undecided"]

_MEASURED = {
    "board_acc": "board_acc",
    "acc4x": "board_acc_4x",
    "solved": "solved",
    "solved4x": "solved_4x",
}
_RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; the interval is NaN if there is only one value."""

    mean: float
    low: float
    high: float
    count: int
    """Number of values."""

    @property
    def half(self) -> float:
        """Half its width."""
        return (self.high - self.low) / 2


def summarise(epochs: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """A run's figures by selection of epochs (`EPOCHS`), from the rows of its metrics.

    `best` is the epoch with the highest board acc, the earliest of equal ones; acc4x and gap are of
    that same epoch. `top3` and `last5` are means over those epochs; in a short training there are
    fewer.
    """
    by_board_acc = sorted(epochs, key=lambda row: (-row["board_acc"], row["epoch"]))
    chosen = {"best": by_board_acc[:1], "top3": by_board_acc[:3], "last5": list(epochs)[-5:]}
    summary: dict[str, dict[str, float]] = {}
    for name, rows in chosen.items():
        figures = {key: mean(row[column] for row in rows) for key, column in _MEASURED.items()}
        summary[name] = {**figures, "gap": figures["acc4x"] - figures["board_acc"]}
    summary["best"]["epoch"] = by_board_acc[0]["epoch"]
    return summary


def same_epochs(epoch_cnt: int) -> dict[str, str]:
    """In a short training: selections with the same epochs as an earlier selection, and which."""
    if epoch_cnt == 1:
        return {"top3": "best", "last5": "best"}
    return {"last5": "top3"} if epoch_cnt <= 3 else {}


def t_interval(values: Sequence[float]) -> Interval:
    """The mean and its 95 % interval by Student's t with n − 1 degrees of freedom."""
    if len(values) < 2:
        return Interval(values[0] if values else math.nan, math.nan, math.nan, len(values))
    from scipy.stats import t

    middle = mean(values)
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Interval(middle, middle - half, middle + half, len(values))


def board_interval(right: Sequence[str]) -> Interval:
    """The share of boards that are right, with a 95 % bootstrap interval over boards.

    Each seed has its own boards. They are drawn anew with replacement within each seed, and the
    shares are averaged over the seeds. The interval shows how much depends on the boards, not on
    the training.

    Args:
        right: for each seed a text of 0 and 1, a character a board.
    """
    random = np.random.default_rng(0)
    flags = [np.frombuffer(text.encode(), dtype=np.uint8) == ord("1") for text in right]
    # A resample of n boards has a binomial number of right ones.
    shares = [random.binomial(len(f), f.mean(), _RESAMPLES) / len(f) for f in flags]
    low, high = np.quantile(np.mean(shares, axis=0), [0.025, 0.975])
    return Interval(float(np.mean([f.mean() for f in flags])), float(low), float(high), len(flags))


def judge(interval: Interval, expect: Expectation, margin: float) -> Verdict:
    """What the interval of a difference says about a claim.

    Args:
        interval: of a − b.
        expect: what the claim says about a − b.
        margin: differences within ± this do not matter.
    """
    low, high = interval.low, interval.high
    if expect == "lower":
        low, high = -high, -low
    if math.isnan(low) or interval.count < FEWEST_SEEDS:
        return "undecided"
    supported, refuted = {
        "higher": (low > 0, high < margin),
        "lower": (low > 0, high < margin),
        "equal": (-margin < low and high < margin, low > 0 or high < 0),
        "not_higher": (high < margin, low > 0),
    }[expect]
    return "supported" if supported else "not supported" if refuted else "undecided"


def agree(verdicts: Sequence[Sequence[Verdict]]) -> Verdict:
    """Whether findings are robust.

    Args:
        verdicts: for each claim, its verdicts under several selections of epochs.

    Returns:
        Not supported if a verdict turns into its opposite. Supported if none changes at all and not
        all are undecided. Otherwise undecided.
    """
    if any({"supported", "not supported"} <= set(changing) for changing in verdicts):
        return "not supported"
    decided = any(verdict != "undecided" for same in verdicts for verdict in same)
    return "supported" if decided and all(len(set(v)) == 1 for v in verdicts) else "undecided"


def measured(result: dict[str, Any], measure: str, epochs: str = "best") -> float:
    """A figure of a run's result; see `schema.MEASURES` and `EPOCHS`."""
    if not measure.startswith("test_"):
        return result["summary"][epochs][measure]
    short = result["config"]["model"]["infer_segment_cnt"]
    curve = result["test"]["solved" if "solved" in measure else "board_acc"]
    at, after = curve[short - 1], curve[4 * short - 1]
    if measure == "test_gap":
        return after - at
    return after if measure.endswith("4x") else at
