"""The cost of a training: operations, counted as in `models.operations`, and measured time."""

import time
from dataclasses import dataclass

from hrm import machine
from hrm.config.networks import NetworkConfig
from hrm.config.schema import RunConfig
from hrm.data.source import generate, require_answers
from hrm.inference.evaluation import LONG, score
from hrm.models.network import Network
from hrm.models.networks import make_network
from hrm.models.operations import forward_flops, training_flops
from hrm.tasks import registry
from hrm.tasks.examples import Examples
from hrm.tasks.task import Task
from hrm.training.curriculum import depths
from hrm.training.halting_learner import HaltingLearner
from hrm.training.learner import Learner

_SAMPLE_FLOPS = 3e10
"""Operations of the puzzles that are timed, up to a batch: they take about a second."""

_ONE_SEGMENT = {
    "train__train_segment_cnt": 1,
    "train__free_segment_cnt": 0,
    "train__lr": 1e-9,
}
"""What is timed: an update that changes hardly anything."""


@dataclass(frozen=True)
class Cost:
    """The cost of a run."""

    parameters: int
    update: int
    """Operations of a training update with a full batch."""
    training: int
    """Operations of all updates."""
    validation: int
    """Operations of validating after each epoch."""
    seconds: float
    """Of both, estimated."""
    answering: float
    """Seconds of one segment at inference about one puzzle, estimated."""


def estimate(config: RunConfig) -> Cost:
    """Count a run's operations, and time one batch and one validation on a few puzzles."""
    train = config.train
    tasks = [registry.make(part) for part in config.task.parts()]
    model = make_network(config.model, tasks[0].grid)
    segments = LONG * config.model.infer_segment_cnt * train.epoch_cnt
    checked = [
        task.config.val_count * sum(forward_flops(config.model, task.grid).values())
        for task in tasks
    ]
    with machine.threads(train.threads or machine.default_threads()):
        an_epoch, answering = _seconds_an_epoch(config, model, tasks)
    return Cost(
        parameters=model.parameter_cnt,
        update=sum(training_flops(config.model, tasks[0].grid, train.batch_size).values()),
        training=run_flops(config),
        validation=segments * sum(checked),
        seconds=train.epoch_cnt * an_epoch,
        answering=answering,
    )


def run_flops(config: RunConfig) -> int:
    """Operations of all training updates of a run, without validation."""
    shown = config.train.epoch_cnt * _updates_a_puzzle(config)
    free, total = config.train.epoch_cnt * _free_segments(config), 0.0
    for share, cycles in depths(config):
        model = _with_cycles(config.model, cycles)
        for part in config.task.parts():
            grid, count = registry.make(part).grid, round(part.train_count * shown)
            total += share * sum(training_flops(model, grid, count).values())
            answered = share * sum(forward_flops(model, grid).values())
            total += answered * free * part.train_count
            if config.train.halt == "learned" and config.model.q_continue:
                # Each update looks one segment ahead.
                total += answered * count
    return round(total)


def _updates_a_puzzle(config: RunConfig) -> float:
    """Of an epoch: with learned halting, an update has as many places as it draws puzzles."""
    train = config.train
    if train.halt == "fixed":
        return train.train_segment_cnt
    places = train.epoch_updates * train.batch_size
    return places / config.task.train_count if places else 1


def _free_segments(config: RunConfig) -> float:
    """Before each batch, on average."""
    return config.train.free_segment_cnt / 2


def _with_cycles(config: NetworkConfig, H_cycle_cnt: int) -> NetworkConfig:
    horizon = config.grad_horizon
    if not isinstance(horizon, str):
        horizon = min(horizon, H_cycle_cnt * config.L_cycle_cnt)
    return config.model_copy(update={"H_cycle_cnt": H_cycle_cnt, "grad_horizon": horizon})


def _seconds_an_epoch(config: RunConfig, model: Network, tasks: list[Task]) -> tuple[float, float]:
    """Training and validation, on average over the stages of a curriculum; and of one segment at
    inference about one puzzle of the first task."""
    deepest = config.derive(train__depth_curriculum=False)
    depth = run_flops(config) / run_flops(deepest)
    segments = LONG * config.model.infer_segment_cnt
    each = [_seconds_a_puzzle(deepest, model, task) for task in tasks]
    seconds = 0.0
    for task, (trained, answered) in zip(tasks, each, strict=True):
        seconds += depth * trained * task.config.train_count
        seconds += segments * answered * task.config.val_count
    return seconds, each[0][1]


def _seconds_a_puzzle(config: RunConfig, model: Network, task: Task) -> tuple[float, float]:
    """Of an epoch's training, and of one segment at inference."""
    train = config.train
    flops = sum(training_flops(config.model, task.grid).values())
    count = int(max(1, min(train.batch_size, _SAMPLE_FLOPS / flops)))
    examples = _some(task, count)
    # Any puzzles of the task will do: all of them cost the same.
    one_segment = machine.resolve(config.derive(**_ONE_SEGMENT)).train
    kind = HaltingLearner if train.halt == "learned" else Learner
    model.train()
    first = kind(one_segment, model, update_cnt=1)
    first.learn(examples.take(slice(0, 1)), 0)  # the first call is slow: it sets things up
    learner = kind(one_segment, model, update_cnt=1)
    began = time.perf_counter()
    learner.learn(examples, 0)
    trained = time.perf_counter()
    with learner.machine.arithmetic():
        list(score(model, task, examples, [1]))
    validated = time.perf_counter()
    answered = (validated - trained) / count
    seconds = (trained - began) / count * _updates_a_puzzle(config)
    return seconds + answered * _free_segments(config), answered


def _some(task: Task, count: int) -> Examples:
    given = task.given("train")
    if given is not None:
        return given.take(slice(0, count))
    inputs = generate(task, count, seed=0)
    return Examples(inputs, require_answers(task, inputs))
