"""`hrm train`: presets, settings, run folders, resuming."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrm.commands.options import own_file_of_run

if TYPE_CHECKING:
    from hrm.config.schema import RunConfig

_WITHOUT_NAME = "specification"
"""The name of a run without a preset: this preset has the default settings."""


class _Manual(click.Command):
    """Its help lists presets and settings. It is made from the config only when it is shown."""

    def get_help(self, ctx: click.Context) -> str:
        self.help = _manual()
        return super().get_help(ctx)


@click.command(cls=_Manual, short_help="Train a model.")
@click.argument("settings", nargs=-1, metavar="[PRESET|TASK] [KEY=VALUE]...")
@click.option("--config", "files", multiple=True, metavar="FILE", help="YAML settings, in order.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [default: runs/NAME].")
@click.option("--resume", is_flag=True, help="Continue a run; begin it if there is none yet.")
@click.option("--accept-changes", is_flag=True, help="Resume with other settings or puzzles.")
@click.option("--train-boards", metavar="FILE", help="Your own puzzles to train on.")
@click.option("--val-boards", metavar="FILE", help="Your own puzzles to validate on.")
@click.option("--init-from", metavar="MODEL", help="Start from a trained model (fine-tuning).")
@click.option("--track", type=click.Choice(["tensorboard", "wandb"]), help="Log the metrics there.")
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
        raise ValueError("--accept-changes: is for resuming a run; add --resume")
    name, overrides = _split(settings)
    flags = {
        "task.train_boards": train_boards,
        "task.val_boards": val_boards,
        "train.init_from": init_from,
    }
    flags = {key: value for key, value in flags.items() if value}
    if not (name or files or overrides or flags or resume):
        raise click.UsageError(f"which preset or task?\n\n{_choices()}\n")
    # Wrong settings are reported before torch is imported, which takes a second or more. (With
    # --init-from, the model's config is read first, and that needs torch.)
    base, short = _base(name), _folder_name(name, files)
    settled = name is not None or not resume
    asked = _config(base, flags, files, overrides) if settled else None

    from hrm.runs import folder as runs
    from hrm.runs import launch

    if not resume:
        assert asked is not None
        if out:
            launch.start(out, asked, track)
        else:
            runs.start_numbered(short, lambda folder: launch.start(folder, asked, track))
        return
    folder = out or runs.newest_folder(short)
    begun, changes = runs.is_taken(folder), bool(overrides or files or flags)
    if begun and not changes:
        asked = None  # as it began
    elif asked is None and changes:
        asked = _config(runs.read_config(folder) if begun else base, flags, files, overrides)
    launch.resume(folder, asked, accept_changes, track)


def _split(settings: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The preset or task that is named, and the settings."""
    names = [word for word in settings if "=" not in word]
    if len(names) > 1:
        raise ValueError(f"{' '.join(names)}: give one preset or task; settings are key=value")
    return (names[0] if names else None), tuple(word for word in settings if "=" in word)


def _base(name: str | None) -> "RunConfig":
    """The config of a preset or a task; without a name, the default settings."""
    from hrm.config.presets import RENAMED, starting_point
    from hrm.config.schema import RunConfig

    if name is None:
        return RunConfig()
    if name in RENAMED:
        new = RENAMED[name]
        words = f"preset {name} is now called {new}; the bundled model {name} is another network"
        click.echo(words, err=True)
    return starting_point(name)


def _folder_name(name: str | None, files: tuple[str, ...]) -> str:
    """The name of a run: that of its preset, its task, or its last config file."""
    if name is None:
        return Path(files[-1]).stem if files else _WITHOUT_NAME
    return name.rpartition(":")[2].lower()


def _config(
    base: "RunConfig", flags: dict[str, str], files: tuple[str, ...], overrides: tuple[str, ...]
) -> "RunConfig":
    """The settings of a run: `base`, changed by `--init-from` and the user's own puzzles, then by
    the config files, then by ``key=value``."""
    from hrm.config.load import load_config, validate
    from hrm.config.nested import lay_over, nest
    from hrm.tasks import registry

    if "train.init_from" in flags:
        from hrm.models import hub

        found = hub.read_config(hub.find_model(flags["train.init_from"]))
        name = _task_of_model(flags["train.init_from"], found.task, base)
        # Of the sizes that it was trained on, its own is meant.
        task = {**found.task, "name": name}
        task |= registry.read_settings(task).of_one_shape
        of_model = {"model": found.config.model_dump(), "task": task}
        base = validate(lay_over(base.model_dump(), of_model))
    follows: dict[str, Any] = dict(flags)
    if "task.train_boards" in flags:
        follows["task.stream"] = False
        if "train.init_from" not in flags or not base.model.tied_to_size_by:
            from hrm.data.load import file_shape

            task = registry.make(load_config(base, files, overrides).task)
            own = base.task.with_shape(file_shape(task, flags["task.train_boards"]))
            follows |= {f"task.{key}": getattr(own, key) for key in own.keys_of_shape()}
    return load_config(validate(lay_over(base.model_dump(), nest(follows))), files, overrides)


def _task_of_model(model: str, task: dict[str, Any], base: "RunConfig") -> str:
    """The name of the task of a model to start from. A file of one's own is where the user says
    that it is, or where the model's run says so."""
    from hrm.models import trust
    from hrm.tasks import registry

    name = str(task.get("name") or registry.DEFAULT)
    if registry.is_file_of_ones_own(name):
        if Path(base.task.name).name == Path(name).name:
            return base.task.name
        name = own_file_of_run(Path(model)) or name
    trust.require_own(name, "name it: hrm train FILE.py:Class --init-from MODEL")
    return name


def _choices() -> str:
    """A list of the presets, with their costs and purposes, and of the tasks; in 80 columns."""
    from hrm.config.presets import about, preset_names
    from hrm.tasks import registry

    lines = ["Presets, with the parameters of the network and the time on two CPU cores:"]
    width = max(map(len, preset_names()))
    for name in preset_names():
        purpose, parameters, time = about(name)
        left = f"  {name:<{width}}{parameters:>6}{time:>9}  "
        lines += click.wrap_text(purpose, 80, left, " " * len(left)).splitlines()
    tasks = ", ".join(registry.BUILT_IN)
    return "\n".join([*lines, "", f"Tasks: {tasks}, or your own as FILE.py:Class"])


def _manual() -> str:
    from hrm.config.explain import config_keys
    from hrm.config.networks import SETTINGS
    from hrm.tasks import registry

    lines = ["Train a model; the run folder holds its config, metrics and checkpoints.", ""]
    lines += ["\b", *_choices().splitlines()]
    lines += ["", "\b", "Settings, given as key=value, such as train.lr=1e-3, or in YAML files."]
    lines += [f"The task keys below are those of {registry.DEFAULT}; `hrm info TASK` lists others."]
    for key, field in config_keys().items():
        lines += _explained(key, field)
    for network in list(SETTINGS)[1:]:
        lines += ["", "\b", f"Model keys with model.network={network}, the published values:"]
        for key, field in config_keys(network=network).items():
            if key.startswith("model."):
                lines += _explained(key, field)
    return "\n".join(lines)


def _explained(key: str, field: Any) -> list[str]:
    """A setting, its default, and its manual."""
    default = "null" if field.default is None else str(field.default)
    default = default.lower() if isinstance(field.default, bool) else default
    words = " ".join((field.description or "").split())
    indent = " " * 6
    return [f"  {key}={default}", *click.wrap_text(words, 92, indent, indent).splitlines()]
