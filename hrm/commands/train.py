"""`hrm train`: presets, settings, run folders, resuming."""

from pathlib import Path
from typing import Any

import click

from hrm.config.presets import DEFAULT_PRESET, PRESETS
from hrm.config.schema import RunConfig, config_keys, load_config, merge, nest, validate


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
    """Train a model (`--help` prints `_manual`)."""
    if accept_changes and not resume:
        raise ValueError("--accept-changes: is about going on with a run; add --resume")
    preset, overrides = _split(settings)
    flags = {
        "task.train_boards": train_boards,
        "task.val_boards": val_boards,
        "train.init_from": init_from,
    }
    flags = {key: value for key, value in flags.items() if value}
    base = PRESETS[preset or DEFAULT_PRESET][1]
    if not resume:
        # Wrong settings are answered before torch is imported.
        config = _config(base, flags, files, overrides)

    from hrm.runs import folder as runs
    from hrm.runs import launch

    if not resume and out:
        launch.start(out, config, track)
        return
    if not resume:
        name = preset or _name(files)
        runs.start_numbered(name, lambda folder: launch.start(folder, config, track))
        return
    folder = out or runs.newest_folder(preset or _name(files))
    asked = None
    if overrides or files or flags:
        asked = _config(base if preset else runs.read_config(folder), flags, files, overrides)
    launch.resume(folder, asked, accept_changes, track)


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
    base: RunConfig, flags: dict[str, str], files: tuple[str, ...], overrides: tuple[str, ...]
) -> RunConfig:
    """`base`, then what a model to start from and own boards dictate, then what the user says."""
    if "train.init_from" in flags:
        from hrm.models import hub

        model, board_size = hub.read_config(hub.find_model(flags["train.init_from"]))
        of_model = {"model": model.model_dump(), "task": {"board_size": board_size}}
        base = validate(merge(base.model_dump(), of_model))
    dictated: dict[str, Any] = dict(flags)
    if "task.train_boards" in flags:
        from hrm.data.dataset import own_board_size

        dictated["task.stream"] = False
        if "train.init_from" not in flags:
            dictated["task.board_size"] = own_board_size(flags["task.train_boards"])
    return load_config(validate(merge(base.model_dump(), nest(dictated))), files, overrides)


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
