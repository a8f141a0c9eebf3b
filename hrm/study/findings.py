"""What results say: figures of rows, aggregates over axes, verdicts on hypotheses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from hrm.study.definition import Hypothesis, Study
from hrm.study.results import Result
from hrm.study.statistics import (
    EPOCHS,
    Interval,
    Verdict,
    agree,
    board_interval,
    judge,
    measured,
    t_interval,
)

BySeed = dict[int, Result]
Pair = tuple[str, str]


class Finished:
    """The results that are there, by row and seed; failures are left out."""

    def __init__(self, results: Mapping[str, Result]):
        self.rows: dict[str, BySeed] = {}
        for result in results.values():
            if "failed" not in result:
                self.rows.setdefault(result["row"], {})[result["seed"]] = result

    def figure(self, row: str, measure: str, epochs: str = "best") -> Interval:
        """Mean and interval over the seeds of a row."""
        by_seed = self.rows.get(row, {})
        return t_interval([measured(by_seed[seed], measure, epochs) for seed in sorted(by_seed)])

    def boards(self, row: str) -> Interval:
        """Board acc of the model that was kept, with its interval over boards."""
        by_seed = self.rows[row]
        exact = [by_seed[seed]["validation"]["exact"] for seed in sorted(by_seed)]
        return board_interval([texts[min(texts, key=int)] for texts in exact])

    def difference(self, pairs: tuple[Pair, ...], measure: str, epochs: str = "best") -> Interval:
        """Of a − b, averaged over the pairs seed by seed, over the seeds that all rows have."""
        rows = [row for pair in pairs for row in pair]
        return t_interval(
            [
                mean(self._difference(pair, seed, measure, epochs) for pair in pairs)
                for seed in self._shared_seeds(rows)
            ]
        )

    def average(self, rows: list[str], measure: str, epochs: str = "best") -> Interval:
        """The mean over rows of equal weight, over the seeds that all of them have."""
        return t_interval(
            [
                mean(measured(self.rows[row][seed], measure, epochs) for row in rows)
                for seed in self._shared_seeds(rows)
            ]
        )

    def _difference(self, pair: Pair, seed: int, measure: str, epochs: str) -> float:
        a, b = (measured(self.rows[row][seed], measure, epochs) for row in pair)
        return a - b

    def _shared_seeds(self, rows: list[str]) -> list[int]:
        return sorted(set.intersection(*(set(self.rows.get(row, {})) for row in rows)))


@dataclass(frozen=True)
class Aggregate:
    """The rows of one value of an axis, taken together; controls are left out."""

    axis: str
    value: str
    rows: list[str]
    published: Sequence[float] | None
    """Board acc and gap as printed elsewhere."""
    recomputed: Sequence[float] | None
    """The same from the published figures of the rows, equally weighted."""


@dataclass(frozen=True)
class Finding:
    """What became of a hypothesis, by selection of epochs (`statistics.EPOCHS`)."""

    hypothesis: Hypothesis
    differences: dict[str, Interval]
    """Empty for one about the robustness of others."""
    verdicts: dict[str, Verdict]
    pairs: dict[Pair, Interval]
    """Pair by pair, best epoch."""

    @property
    def verdict(self) -> Verdict:
        """Of the best epoch, on which the study's claims rest."""
        return self.verdicts["best"]


def aggregates(study: Study) -> list[Aggregate]:
    """One for each value of each axis on which the rows differ."""
    rows = [row for row in study.rows if not row.control]
    found = []
    for axis in study.axes:
        values = list(dict.fromkeys(row.values[axis] for row in rows if axis in row.values))
        if len(values) < 2:
            continue
        for value in values:
            names = [row.name for row in rows if row.values.get(axis) == value]
            found.append(Aggregate(axis, value, names, *_published(study, axis, value, names)))
    return found


def _published(study: Study, axis: str, value: str, rows: list[str]):
    if study.published is None:
        return None, None
    printed = study.published.aggregates.get(axis, {}).get(value)
    figures = [study.published.rows[row] for row in rows if row in study.published.rows]
    recomputed = None
    if len(figures) == len(rows):
        recomputed = mean(acc for acc, _ in figures), mean(after - acc for acc, after in figures)
    return printed, recomputed


def judge_all(study: Study, finished: Finished) -> list[Finding]:
    """A finding for each hypothesis."""
    found: dict[str, Finding] = {}
    for hypothesis in study.hypotheses:
        if hypothesis.robust:
            of_each = [list(found[name].verdicts.values()) for name in hypothesis.robust]
            finding = Finding(hypothesis, {}, {"best": agree(of_each)}, {})
        else:
            finding = _test(study, hypothesis, finished)
        found[hypothesis.name] = finding
    return list(found.values())


def _test(study: Study, hypothesis: Hypothesis, finished: Finished) -> Finding:
    assert hypothesis.expect
    measure = hypothesis.measure
    selections = ["best"] if measure.startswith("test_") else list(EPOCHS)
    differences = {
        epochs: finished.difference(hypothesis.pairs, measure, epochs) for epochs in selections
    }
    verdicts: dict[str, Verdict] = {
        epochs: judge(interval, hypothesis.expect, study.margin)
        for epochs, interval in differences.items()
    }
    pairs = {pair: finished.difference((pair,), measure) for pair in hypothesis.pairs}
    return Finding(hypothesis, differences, verdicts, pairs)
