"""A curriculum over depth: segments are shallow at first and become deeper during training.

The stages are those of the progressive depth curriculum of CGAR (Qasim and Zhang 2025, arXiv
2511.08653): about a third of the cycles for the first 30 % of training, two thirds until 60 %, then
all. Measured here, in the recipe of `record-20x20`: 30 % fewer operations, and 0.22 less board acc
(docs/records.md). So no preset uses it.
"""

from hrm.config.schema import RunConfig

_STAGES = ((0.0, 1 / 3), (0.3, 2 / 3), (0.6, 1.0))
"""When a stage begins, as a share of training, and the share of `H_cycle_cnt` that it uses."""


def cycles_at(done: float, H_cycle_cnt: int) -> int:
    """H cycles of a segment when a share `done`, in [0, 1], of the training is done."""
    part = next(part for begin, part in reversed(_STAGES) if done >= begin)
    return max(1, round(part * H_cycle_cnt))


def depths(config: RunConfig) -> list[tuple[float, int]]:
    """The stages of a run: the share of its updates, and the H cycles of their segments."""
    full = config.model.H_cycle_cnt
    if not config.train.depth_curriculum:
        return [(1.0, full)]
    ends = [begin for begin, _ in _STAGES[1:]] + [1.0]
    return [
        (end - begin, cycles_at(begin, full)) for (begin, _), end in zip(_STAGES, ends, strict=True)
    ]
