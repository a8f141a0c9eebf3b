"""Start a run in its folder, or go on with it, showing progress: what `hrm train` does."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hrm import distributed, files
from hrm.config.schema import RunConfig
from hrm.data.dataset import Dataset, fit_to_own_boards, load_dataset
from hrm.errors import SavedAndStopped, Stopped
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.runs.display import TrainingDisplay, run_summary
from hrm.runs.interrupts import Interrupts
from hrm.runs.tracking import Reporters, Tracker, make_tracker
from hrm.training import checkpoints
from hrm.training.trainer import Trainer


def start(folder: Path, config: RunConfig, track: Tracker | None = None) -> None:
    """Train in a new run folder, showing progress.

    Args:
        folder: of the run; must not hold one yet.
        config: what to train on what.
        track: "tensorboard", "wandb" or None.

    Raises:
        FolderTaken: if the folder is another run's, or another process is at work in it.
        ValueError: if the config cannot be used here.
        Stopped: if a signal stopped it; it is saved.
        Diverged: if the loss is no longer a number.
        OSError: if the folder cannot be written.
    """
    _require_free(folder)
    config = distributed.resolve(_fitted(config))
    model = _model_to_start_from(config)
    dataset = load_dataset(config.task)
    with _held(folder), distributed.process_group(config.train.device):
        _require_free(folder)
        _run(folder, config, dataset, track, model)


def resume(
    folder: Path,
    asked: RunConfig | None = None,
    accept_changes: bool = False,
    track: Tracker | None = None,
) -> None:
    """Go on with the run in a folder, showing progress.

    Args:
        folder: of the run.
        asked: the config to go on with; by default the run's own.
        accept_changes: go on even if config or boards are not those that the run began with.
        track: "tensorboard", "wandb" or None.

    Raises:
        ValueError: if there is no run, it is in use, or it is another than asked for.
        Stopped, Diverged, OSError: as `start`.
    """
    runs.require_run(folder)
    with _held(folder):
        config = runs.read_config(folder)
        # Refuses what the run needs and this machine has not; else a run's own is settled already.
        settled = distributed.resolve(asked or config)
        config = settled if asked else config
        config = _fitted(config) if asked or accept_changes else config
        dataset = load_dataset(config.task)
        # Killed before its first checkpoint, a run begins again.
        begun = checkpoints.exist(folder / "checkpoints" / "last") or runs.has_metrics(folder)
        model = None if begun else _model_to_start_from(config)
        with distributed.process_group(config.train.device):
            _run(folder, config, dataset, track, model, begun, accept_changes)


def _fitted(config: RunConfig) -> RunConfig:
    """The config with counts and places of the user's own boards, if it names any."""
    if not config.task.train_boards:
        return config
    return config.model_copy(update={"task": fit_to_own_boards(config.task)})


def _require_free(folder: Path) -> None:
    if distributed.is_main() and runs.is_taken(folder):
        raise runs.FolderTaken(f"{folder}: already there; add --resume, or name another with --out")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder's lock; of several processes the main one holds it for all."""
    if not distributed.is_main():
        yield
        return
    with runs.locked(folder):
        files.sweep(folder)
        yield


def _run(
    folder: Path,
    config: RunConfig,
    dataset: Dataset,
    track: Tracker | None,
    model: HRM | None = None,
    begun: bool = False,
    accept_changes: bool = False,
) -> None:
    main = distributed.is_main()
    trackers = [make_tracker(track, folder, config.model_dump())] if track and main else []
    interrupts = Interrupts()
    lost = interrupts.stop_for_lost_output
    display = TrainingDisplay(config.train.epoch_cnt, lost, quiet=not main)
    reporters = Reporters(display, *trackers)
    with interrupts, closing(reporters):
        trainer = Trainer(config, dataset, folder, reporters, interrupts, model)
        for complaint in trainer.resume(accept_changes) if begun else []:
            display.console.print(f"passed over: {complaint}")
        # After everything that may refuse, so that a refused run leaves nothing behind.
        if main and (accept_changes or not begun):
            runs.create(folder, config, dataset)
        display.console.print(run_summary(config, _facts(folder, trainer)))
        try:
            with display:
                trainer.run()
        except SavedAndStopped:
            words = f"stopped and saved; {_going_on(folder)}"
            raise Stopped(words, interrupts.received or signal.SIGINT) from None
        except OSError as error:
            words = f"{error.strerror or error}; what was saved stays; {_going_on(folder)}"
            raise OSError(error.errno, words, str(folder)) from None
    best = folder / "checkpoints" / "best"
    display.console.print(f"best model (by {config.train.best_by}): {best}")
    display.console.print(f"try it: hrm solve --model {folder}")


def _going_on(folder: Path) -> str:
    return f"go on with: hrm train --resume --out {folder}"


def _facts(folder: Path, trainer: Trainer) -> dict[str, str]:
    hashes = (f"{name} {digest[:12]}" for name, digest in trainer.dataset.hashes.items())
    return {
        "folder": str(folder),
        "parameters": f"{trainer.model.parameter_cnt:,}",
        "updates": f"{trainer.update_cnt:,}, {trainer.progress.updates:,} of them done",
        "boards": ", ".join(hashes),
    }


def _model_to_start_from(config: RunConfig) -> HRM | None:
    """The weights of `train.init_from` in the model that the config describes."""
    if config.train.init_from is None:
        return None
    trained = HRM.from_pretrained(config.train.init_from)
    trained.require_size(config.task.board_size)
    for key, value in config.model.model_dump().items():
        old = getattr(trained.config, key)
        if old != value and key not in _FREE_ON_FINE_TUNING:
            raise ValueError(f"model.{key}: {value!r}, but the model to start from has {old!r}")
    model = HRM(config.model, config.task.board_size)
    model.load_state_dict(trained.state_dict())
    return model


_FREE_ON_FINE_TUNING = {
    "sdpa_dropout",
    "dropout",
    "grad_horizon",
    "infer_segment_cnt",
    "H_cycle_cnt",
    "L_cycle_cnt",
}
"""What may change between training and fine-tuning: everything that has no weights."""
