"""From results to figures of rows, aggregates over axes and verdicts on hypotheses."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
    same_epochs,
    t_interval,
)

BySeed = dict[int, Result]
Pair = tuple[str, ...]
"""Two rows, of which the second is taken from the first; or one alone."""


class Finished:
    """The results that exist so far, by row and seed, without failures."""

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
        """The interval of a − b, averaged over the pairs seed by seed; see `differences`."""
        return t_interval(self.differences(pairs, measure, epochs))

    def differences(
        self,
        pairs: tuple[Pair, ...],
        measure: str,
        epochs: str = "best",
        without: Collection[int] = (),
    ) -> list[float]:
        """The differences a − b, averaged over the pairs.

        Returns:
            One for each seed that all rows have, except the seeds `without`.
        """
        seeds = self._shared_seeds([row for pair in pairs for row in pair])
        return [
            mean(self._difference(pair, seed, measure, epochs) for pair in pairs)
            for seed in seeds
            if seed not in without
        ]

    def average(self, rows: list[str], measure: str, epochs: str = "best") -> Interval:
        """The mean over rows of equal weight, over the seeds that all of them have."""
        return t_interval(
            [
                mean(measured(self.rows[row][seed], measure, epochs) for row in rows)
                for seed in self._shared_seeds(rows)
            ]
        )

    def _difference(self, pair: Pair, seed: int, measure: str, epochs: str) -> float:
        a, *b = (measured(self.rows[row][seed], measure, epochs) for row in pair)
        return a - sum(b)

    def _shared_seeds(self, rows: list[str]) -> list[int]:
        return sorted(set.intersection(*(set(self.rows.get(row, {})) for row in rows)))


@dataclass(frozen=True)
class Aggregate:
    """The rows of one value of an axis taken together, without controls."""

    axis: str
    value: str
    rows: list[str]
    published: Sequence[float] | None
    """Board acc and gap as printed elsewhere."""
    recomputed: Sequence[float] | None
    """The same from the published figures of the rows, equally weighted."""


@dataclass(frozen=True)
class Judged:
    """A difference and the verdict that follows from it."""

    difference: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Finding:
    """The result for a hypothesis. One about the robustness of others has a verdict only."""

    hypothesis: Hypothesis
    verdict: Verdict
    difference: Interval | None = None
    """The verdict rests on it: by the hypothesis' own measure, of the best epoch."""
    epochs: dict[str, Judged] = field(default_factory=dict)
    """On validation boards, by selection of epochs (`statistics.EPOCHS`)."""
    same: dict[str, str] = field(default_factory=dict)
    """Selections that are left out of `epochs` because they hold the same epochs as another one,
    with the name of that one."""
    unseen: Judged | None = None
    """Over only the seeds that the study does not name as seen."""
    pairs: dict[Pair, Interval] = field(default_factory=dict)
    """Pair by pair, by the hypothesis' own measure, of the best epoch."""


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
            finding = _robust(hypothesis, [found[name] for name in hypothesis.robust])
        else:
            finding = _test(study, hypothesis, finished)
        found[hypothesis.name] = finding
    return list(found.values())


def _robust(hypothesis: Hypothesis, others: list[Finding]) -> Finding:
    verdict = agree([[judged.verdict for judged in other.epochs.values()] for other in others])
    same = {selection: first for other in others for selection, first in other.same.items()}
    if same and verdict == "supported":  # two selections hold the same epochs: no confirmation
        verdict = "undecided"
    return Finding(hypothesis, verdict, same=same)


def _test(study: Study, hypothesis: Hypothesis, finished: Finished) -> Finding:
    pairs, measure = hypothesis.pairs, hypothesis.measure

    def judged(measure: str, epochs: str = "best", without: Collection[int] = ()) -> Judged:
        assert hypothesis.expect
        interval = t_interval(finished.differences(pairs, measure, epochs, without))
        return Judged(interval, judge(interval, hypothesis.expect, study.margin))

    rows = {row for pair in pairs for row in pair}
    epoch_cnt = max(row.config.train.epoch_cnt for row in study.rows if row.name in rows)
    same = same_epochs(epoch_cnt)
    validated = measure.removeprefix("test_")
    unseen = judged(measure, without=study.seen)
    return Finding(
        hypothesis,
        judged(measure).verdict,
        judged(measure).difference,
        {epochs: judged(validated, epochs) for epochs in EPOCHS if epochs not in same},
        same,
        unseen if study.seen and unseen.difference.count else None,
        {pair: finished.difference((pair,), measure) for pair in pairs},
    )
