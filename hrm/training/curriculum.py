"""A curriculum over depth: segments begin shallow and deepen as training goes on.

The stages are those of the progressive depth curriculum of CGAR (Qasim and Zhang 2025, arXiv
2511.08653): about a third of the cycles for the first 30 % of training, two thirds until 60 %, then
all.
"""

from hrm.config.schema import RunConfig

_STAGES = ((0.0, 1 / 3), (0.3, 2 / 3), (0.6, 1.0))
"""From which part of training on, which part of `H_cycle_cnt`."""


def cycles_at(done: float, H_cycle_cnt: int) -> int:
    """H cycles of a segment when so much of training is done, in [0, 1]."""
    part = next(part for begin, part in reversed(_STAGES) if done >= begin)
    return max(1, round(part * H_cycle_cnt))


def depths(config: RunConfig) -> list[tuple[float, int]]:
    """What part of a run's updates is made with segments of how many H cycles."""
    full = config.model.H_cycle_cnt
    if not config.train.depth_curriculum:
        return [(1.0, full)]
    ends = [begin for begin, _ in _STAGES[1:]] + [1.0]
    return [
        (end - begin, cycles_at(begin, full)) for (begin, _), end in zip(_STAGES, ends, strict=True)
    ]
