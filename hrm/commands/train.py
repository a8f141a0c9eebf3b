"""`hrm train`: presets, settings, run folders, resuming."""

import os
import signal
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.config import RunConfig, config_keys, load_config, merge, nest, validate
from hrm.presets import DEFAULT_PRESET, PRESETS

if TYPE_CHECKING:
    from hrm.data import Dataset
    from hrm.training import Trainer


class Stopped(Exception):
    """Training was asked to stop, has saved itself, and can go on."""

    def __init__(self, number: int, folder: Path):
        super().__init__(f"stopped and saved; {_going_on(folder)}")
        self.signal = number


class _Manual(click.Command):
    """The manual of presets and settings follows from the config; put together when asked for."""

    def get_help(self, ctx: click.Context) -> str:
        self.help = _manual()
        return super().get_help(ctx)


@click.command(cls=_Manual, short_help="Train a model.")
@click.argument("settings", nargs=-1, metavar="[PRESET] [KEY=VALUE]...")
@click.option("--config", "files", multiple=True, metavar="FILE", help="YAML settings, in order.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [default: runs/PRESET].")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--accept-changes", is_flag=True, help="Resume under other settings or boards.")
@click.option("--train-boards", metavar="FILE", help="Your own boards to train on.")
@click.option("--val-boards", metavar="FILE", help="Your own boards to validate on.")
@click.option("--init-from", metavar="MODEL", help="Start from a trained model (fine-tuning).")
@click.option("--track", type=click.Choice(["tensorboard", "wandb"]), help="Mirror the metrics.")
def train(
    settings: tuple[str, ...],
    files: tuple[str, ...],
    out: Path | None,
    resume: bool,
    accept_changes: bool,
    train_boards: str | None,
    val_boards: str | None,
    init_from: str | None,
    track: Any,
) -> None:
    preset, overrides = _split(settings)
    flags = {
        "task.train_boards": train_boards and os.path.abspath(train_boards),
        "task.val_boards": val_boards and os.path.abspath(val_boards),
        "train.init_from": init_from,
    }
    flags = {key: value for key, value in flags.items() if value}
    asked = None
    if preset or overrides or files or flags or not resume:
        asked = _config(preset or DEFAULT_PRESET, flags, files, overrides)

    from hrm import runs

    if asked and not resume:
        start(out or runs.default_folder(preset or _name(files)), asked, track)
    else:
        folder = out or runs.newest_folder(preset or DEFAULT_PRESET)
        _resume(folder, asked if overrides or files or flags else None, accept_changes, track)


def _split(settings: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    presets = [word for word in settings if "=" not in word]
    if len(presets) > 1:
        raise ValueError(f"{' '.join(presets)}: one preset at most; settings are key=value")
    if presets and presets[0] not in PRESETS:
        raise ValueError(f"preset {presets[0]}: unknown; choose from {', '.join(PRESETS)}")
    return (presets[0] if presets else None), tuple(word for word in settings if "=" in word)


def _name(files: tuple[str, ...]) -> str:
    """What to call a run without a preset: after its last config file."""
    return Path(files[-1]).stem if files else DEFAULT_PRESET


def _config(
    preset: str, flags: dict[str, str], files: tuple[str, ...], overrides: tuple[str, ...]
) -> RunConfig:
    """Preset, then what a model to start from and own boards dictate, then what the user says."""
    base = PRESETS[preset][1]
    if "train.init_from" in flags:
        from hrm import hub

        model, board_size = hub.read_config(hub.find_model(flags["train.init_from"]))
        of_model = {"model": model.model_dump(), "task": {"board_size": board_size}}
        base = validate(merge(base.model_dump(), of_model))
    dictated: dict[str, Any] = dict(flags)
    if "task.train_boards" in flags:
        from hrm.data import own_board_size

        dictated["task.stream"] = False
        if "train.init_from" not in flags:
            dictated["task.board_size"] = own_board_size(flags["task.train_boards"])
    config = load_config(validate(merge(base.model_dump(), nest(dictated))), files, overrides)
    if config.task.train_boards:
        from hrm.data import fit_to_own_boards

        config = config.model_copy(update={"task": fit_to_own_boards(config.task)})
    return config


def start(folder: Path, config: RunConfig, track: Any = None) -> None:
    """Train in a new run folder, showing progress.

    Args:
        folder: of the run; must not hold one yet.
        config: what to train on what.
        track: "tensorboard", "wandb" or None.

    Raises:
        ValueError: if the folder is taken, or the config cannot be used here.
        Stopped: if a signal stopped it; it is saved.
        Diverged: if the loss is no longer a number.
        OSError: if the folder cannot be written.
    """
    from hrm import distributed, runs
    from hrm.data import load_dataset
    from hrm.hrm import HRM

    _require_free(folder)
    config = config.model_copy(update={"train": distributed.resolve(config.train)})
    init_from = config.train.init_from
    model = HRM.from_pretrained(init_from) if init_from else None
    _require_fit(model, config)
    dataset = load_dataset(config.task)
    with _held(folder), distributed.process_group(config.train.device):
        _require_free(folder)
        if distributed.is_main():
            runs.create(folder, config, dataset)
        _run(folder, config, dataset, track, model=model)


def _resume(folder: Path, asked: RunConfig | None, accept_changes: bool, track: Any) -> None:
    from hrm import distributed, runs
    from hrm.data import load_dataset

    runs.require_run(folder)
    with _held(folder):
        config = runs.read_config(folder)
        if asked:
            config = asked.model_copy(update={"train": distributed.resolve(asked.train)})
        dataset = load_dataset(config.task)
        with distributed.process_group(config.train.device):
            _run(folder, config, dataset, track, resume=True, accept_changes=accept_changes)


def _require_free(folder: Path) -> None:
    from hrm import distributed, runs

    if distributed.is_main() and runs.is_taken(folder):
        raise ValueError(f"{folder}: already there; add --resume, or name another with --out")


def _held(folder: Path) -> AbstractContextManager[None]:
    """The folder's lock; of several processes the main one holds it for all."""
    from hrm import distributed, runs

    return runs.locked(folder) if distributed.is_main() else nullcontext()


def _run(
    folder: Path,
    config: RunConfig,
    dataset: "Dataset",
    track: Any,
    model: Any = None,
    resume: bool = False,
    accept_changes: bool = False,
) -> None:
    from hrm import distributed, runs
    from hrm.display import TrainingDisplay, run_summary
    from hrm.interrupts import Interrupts
    from hrm.tracking import Reporters, make_tracker
    from hrm.training import Trainer

    main = distributed.is_main()
    trackers = [make_tracker(track, folder, config.model_dump())] if track and main else []
    display = TrainingDisplay(config.train.epoch_cnt, quiet=not main)
    with Interrupts() as interrupts:
        trainer = Trainer(config, dataset, folder, Reporters(display, *trackers), interrupts, model)
        for complaint in trainer.resume(accept_changes) if resume else []:
            display.console.print(f"passed over: {complaint}")
        if accept_changes and main:
            runs.create(folder, config, dataset)
        display.console.print(run_summary(config, _facts(folder, trainer)))
        try:
            with display:
                trainer.run()
        except KeyboardInterrupt:
            raise Stopped(interrupts.received or signal.SIGINT, folder) from None
        except OSError as error:
            words = f"{error.strerror}; what was saved stays; {_going_on(folder)}"
            raise OSError(error.errno, words, str(folder)) from None
    best = folder / "checkpoints" / "best"
    display.console.print(f"best model (lowest validation loss): {best}")
    display.console.print(f"try it: hrm solve --model {folder}")


def _going_on(folder: Path) -> str:
    return f"go on with: hrm train --resume --out {folder}"


def _facts(folder: Path, trainer: "Trainer") -> dict[str, str]:
    hashes = (f"{name} {digest[:12]}" for name, digest in trainer.dataset.hashes.items())
    return {
        "folder": str(folder),
        "parameters": f"{trainer.model.parameter_cnt:,}",
        "updates": f"{trainer.update_cnt:,}, {trainer.progress.updates:,} of them done",
        "boards": ", ".join(hashes),
    }


def _require_fit(model: Any, config: RunConfig) -> None:
    """A model to start from must be the one that the config describes."""
    if model is None:
        return
    if model.board_size != config.task.board_size:
        raise ValueError(
            f"task.board_size: the boards are {config.task.board_size}×{config.task.board_size},"
            f" but the model to start from works on {model.board_size}×{model.board_size}"
        )
    for key, value in config.model.model_dump().items():
        if key in _FREE_ON_FINE_TUNING:
            continue
        if (old := getattr(model.config, key)) != value:
            raise ValueError(f"model.{key}: {value!r}, but the model to start from has {old!r}")


_FREE_ON_FINE_TUNING = {
    "sdpa_dropout",
    "dropout",
    "grad_horizon",
    "infer_segment_cnt",
    "H_cycle_cnt",
    "L_cycle_cnt",
}
"""What may change between training and fine-tuning: everything that has no weights."""


def _manual() -> str:
    lines = ["Train a model; the run folder holds its config, metrics and checkpoints.", ""]
    lines += ["\b", "Presets:"]
    for name, (purpose, _) in PRESETS.items():
        default = " (default)" if name == DEFAULT_PRESET else ""
        lines.append(f"  {name:<17} {purpose}{default}")
    lines += ["", "\b", "Settings, given as key=value, such as train.lr=1e-3, or in YAML files:"]
    for key, field in config_keys().items():
        default = "null" if field.default is None else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        words = " ".join((field.description or "").split())
        indent = " " * 6
        lines.append(f"  {key}={default}")
        lines += click.wrap_text(words, 92, indent, indent).splitlines()
    return "\n".join(lines)
