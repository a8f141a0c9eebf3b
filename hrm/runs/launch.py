"""Start a run in its folder, or resume it, and show its progress: what `hrm train` does."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from hrm import distributed, files
from hrm.config.schema import RunConfig
from hrm.data.load import fit_to_own_puzzles, load_dataset
from hrm.data.sets import Dataset
from hrm.errors import SavedAndStopped, Stopped
from hrm.machine import resolve, slow_precision
from hrm.models.network import Network
from hrm.runs import folder as runs
from hrm.runs.display import TrainingDisplay, run_summary
from hrm.runs.finetuning import model_to_start_from
from hrm.runs.interrupts import Interrupts
from hrm.runs.tracking import Reporters, Tracker, make_tracker
from hrm.training import checkpoints
from hrm.training.metrics import has_metrics
from hrm.training.optimizers import require_optimizer
from hrm.training.trainer import Trainer


def start(folder: Path, config: RunConfig, track: Tracker | None = None) -> None:
    """Train in a new run folder, showing progress.

    Args:
        folder: of the run; must not contain one yet.
        config: of the run.
        track: "tensorboard", "wandb" or None.

    Raises:
        FolderTaken: if the folder is another run's, or another process is at work in it.
        ValueError: if the config cannot be used here.
        Stopped: if a signal stopped it; it is saved.
        Diverged: if the loss is not finite.
        OSError: if the folder cannot be written.
    """
    _require_free(folder)
    config = resolve(_fitted(config))
    require_optimizer(config.train)
    model = model_to_start_from(config)
    dataset = _load(config)
    with _locked_by_main(folder), distributed.process_group(config.train.device):
        _require_free(folder)
        _run(folder, config, dataset, track, model)


def resume(
    folder: Path,
    asked: RunConfig | None = None,
    accept_changes: bool = False,
    track: Tracker | None = None,
) -> None:
    """Resume the run in a folder, showing progress.

    Args:
        folder: of the run.
        asked: the config to continue with, or to start with if there is no run yet; by default the
            run's own.
        accept_changes: continue even if config or puzzles are not those that the run started with.
        track: "tensorboard", "wandb" or None.

    Raises:
        ValueError: if there is no run and no config, if the run is in use, or if it is not the run
            that is asked for.
        Stopped, Diverged, OSError: as `start`.
    """
    if asked is not None and not runs.is_taken(folder):
        start(folder, asked, track)
        return
    runs.require_run(folder)
    with _locked_by_main(folder):
        config = runs.read_config(folder)
        # Raises an error if the run needs something that this machine lacks. The run's own config
        # is resolved already, so it is used as it is.
        resolved = resolve(asked or config)
        require_optimizer(resolved.train)
        config = resolved if asked else config
        config = _fitted(config) if asked or accept_changes else config
        dataset = _load(config)
        # A run that was killed before its first checkpoint starts again.
        begun = checkpoints.exist(folder / "checkpoints" / "last") or has_metrics(folder)
        model = None if begun else model_to_start_from(config)
        with distributed.process_group(config.train.device):
            _run(folder, config, dataset, track, model, begun, accept_changes)


def _load(config: RunConfig) -> Dataset:
    """The puzzles of a run; those that take long to draw do not keep anybody guessing."""
    console = Console(stderr=True)
    if not (console.is_terminal and distributed.is_main()):
        return load_dataset(config.task)
    with console.status("drawing puzzles …"):
        return load_dataset(config.task)


def _fitted(config: RunConfig) -> RunConfig:
    """The config with the counts and absolute paths of the user's own files, if it names any."""
    return config.model_copy(update={"task": fit_to_own_puzzles(config.task)})


def _require_free(folder: Path) -> None:
    if distributed.is_main() and runs.is_taken(folder):
        raise runs.FolderTaken(f"{folder}: already there; add --resume, or name another with --out")


@contextmanager
def _locked_by_main(folder: Path) -> Iterator[None]:
    """While entered, the folder is locked; the main process holds the lock for all processes."""
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
    model: Network | None = None,
    begun: bool = False,
    accept_changes: bool = False,
) -> None:
    main = distributed.is_main()
    interrupts = Interrupts()
    lost = interrupts.stop_for_lost_output
    display = TrainingDisplay(config.train.epoch_cnt, lost, quiet=not main)
    reporters = Reporters(display)
    with interrupts, closing(reporters):
        trainer = Trainer(config, dataset, folder, reporters, interrupts, model)
        for complaint in trainer.resume(accept_changes) if begun else []:
            display.console.print(f"skipped a damaged checkpoint: {complaint}")
        if track and main:
            reporters.add(make_tracker(track, folder, config.model_dump()))
        # Written after everything that may raise an error, so that a refused run leaves no files.
        if main and (accept_changes or not begun):
            runs.create(folder, config, dataset)
        display.console.print(run_summary(config, _facts(folder, trainer)))
        if slow := slow_precision(config.train):
            display.console.print(slow)
        try:
            with display:
                trainer.run()
        except SavedAndStopped:
            words = f"stopped and saved; {_how_to_go_on(folder)}"
            raise Stopped(words, interrupts.received or signal.SIGINT) from None
        except OSError as error:
            words = f"{error.strerror or error}; what was saved stays; {_how_to_go_on(folder)}"
            raise OSError(error.errno, words, str(folder)) from None
    best = folder / "checkpoints" / "best"
    display.console.print(f"best model (by {config.train.best_by}): {best}")
    display.console.print(f"try it: hrm solve --model {folder}")


def _how_to_go_on(folder: Path) -> str:
    return f"go on with: hrm train --resume --out {folder}"


def _facts(folder: Path, trainer: Trainer) -> dict[str, str]:
    hashes = (f"{name} {digest[:12]}" for name, digest in trainer.dataset.hashes.items())
    return {
        "folder": str(folder),
        "parameters": f"{trainer.model.parameter_cnt:,}",
        "updates": f"{trainer.update_cnt:,}, {trainer.progress.updates:,} of them done",
        "puzzles": ", ".join(hashes),
    }
