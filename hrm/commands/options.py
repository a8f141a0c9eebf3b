"""Options that several subcommands share, and every key of a task as an option."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from hrm.models.network import Network
    from hrm.tasks.grid import Shape
    from hrm.tasks.task import Task

# `hrm.models.hub.DEFAULT_MODEL`, which would import torch.
DEFAULT_MODEL = "boardpath-10x10"

model_option = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="A bundled model, a model or run folder, or a hub repository.",
)

task_option = click.option(
    "--task", "task_name", metavar="FILE.py:Class", help="Where the model's own task is now."
)

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="cpu",
    show_default=True,
    help="Where to compute.",
)

boards_option = click.option(
    "--boards", "--puzzles", metavar="FILE", help="Puzzles of your own; - reads standard input."
)

LARGEST_SIDE = 256  # `hrm.tasks.settings.LARGEST_SIDE`, which would import pydantic

#: Of a command that takes the keys of a task as options, such as --wall-prob 0.2.
TAKES_TASK_KEYS = {"ignore_unknown_options": True}

task_keys_argument = click.argument("task_words", nargs=-1, type=click.UNPROCESSED, metavar="")


class Shapes(click.ParamType):
    """Sizes such as 10, 10,14,20 or 6x8."""

    name = "size"

    def __init__(self, many: bool = False):
        self.many = many

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What `--help` shows."""
        return "N|RxC[,…]" if self.many else "N|RxC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """One shape, or a sorted list of them."""
        if not isinstance(value, str):
            return value
        parts = value.split(",") if self.many else [value]
        try:
            shapes = sorted({_shape(part) for part in parts})
        except ValueError:
            self.fail(
                f"{value!r}: expected cells on a side from 1 to {LARGEST_SIDE}, such as 10 or 6x8",
                param,
                ctx,
            )
        return shapes if self.many else shapes[0]


def _shape(text: str) -> "Shape":
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) > 2 or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise ValueError(text)
    return sides[0], sides[-1]


def refuse_with_boards(boards: str | None, words: Iterable[str], *names: str) -> None:
    """Refuse options for random puzzles if a file gives the puzzles.

    Raises:
        ValueError: naming the option.
    """
    if boards is None:
        return
    context = click.get_current_context()
    given = [name for name in words if name.startswith("--")][:1]
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            given.append(next(p.opts[0] for p in context.command.params if p.name == name))
    if given:
        option = given[0].partition("=")[0]
        raise ValueError(f"{option}: is for random puzzles; leave it out with --boards")


def of_size(task: "Task", shape: "Shape") -> "Task":
    """The task for puzzles of the size that was asked for.

    Raises:
        ValueError: naming the option, if there are no such puzzles.
    """
    try:
        return task.of_shape(shape)
    except ValueError as error:
        raise ValueError(f"--size {size_name(shape)}: {error}") from None


def size_name(shape: "Shape") -> str:
    """Such as 10, or 6x8."""
    rows, columns = shape
    return str(rows) if rows == columns else f"{rows}x{columns}"


def as_asked(task: "Task", shape: "Shape | None", words: tuple[str, ...]) -> "Task":
    """The task with the size and the keys that were asked for.

    The size comes first, because a key may be right for some sizes only: perfect mazes have odd
    sides.

    Raises:
        ValueError: naming the option.
    """
    return with_task_keys(of_size(task, shape) if shape else task, words)


def with_task_keys(task: "Task", words: tuple[str, ...]) -> "Task":
    """The task with some of its keys changed, by ``--wall-prob 0.2`` or ``task.wall_prob=0.2``.

    Raises:
        ValueError: naming the option, and the nearest known one.
    """
    changes = _changes(task, words)
    if not changes:
        return task
    from pydantic import ValidationError

    from hrm.config.explain import explain
    from hrm.tasks import registry

    values = {key: value for key, (_, value) in changes.items()}
    try:
        settings = registry.read_settings({**task.config.model_dump(), **values})
    except ValidationError as error:
        lines = explain(error, "task", task.config.name)
        raise ValueError("\n".join(_as_typed(line, changes) for line in lines)) from None
    return registry.make(settings)


def _as_typed(line: str, changes: dict[str, tuple[str, Any]]) -> str:
    """What is wrong with a key, under the name by which the user gave it."""
    key = line.partition(":")[0].removeprefix("task.")
    return changes[key][0] + line[line.index(":") :] if key in changes else line


def _changes(task: "Task", words: tuple[str, ...]) -> dict[str, tuple[str, Any]]:
    """By key: the name that the user gave it, and the value."""
    from hrm.config.yaml_text import parse_yaml
    from hrm.tasks.settings import OF_A_RUN

    keys = [k for k in type(task.config).model_fields if k not in OF_A_RUN and k != "name"]
    changes: dict[str, tuple[str, Any]] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        option = name.startswith("--")
        key = name.removeprefix("--").removeprefix("task.").replace("-", "_")
        if not option and not equals:
            raise click.UsageError(f"unexpected argument {word!r}")
        if key not in keys:
            raise click.UsageError(f"{name}: {_no_such_option(name, keys)}")
        if not equals:
            if not left:
                raise click.UsageError(f"{name}: needs a value")
            value = left.pop(0)
        changes[key] = name, parse_yaml(value, source=name)
    return changes


def _no_such_option(name: str, keys: list[str]) -> str:
    from hrm.config.explain import perhaps

    context = click.get_current_context()
    options = [o for parameter in context.command.params for o in parameter.opts if o[:2] == "--"]
    known = [*options, *(f"--{key.replace('_', '-')}" for key in keys)]
    return f"no such option; {perhaps(name, known, 'there are ' + ', '.join(known))}"


def load_to_use(name: str, device: str) -> "Network":
    """The model that a command was given. Until the command ends, it uses the cores that are free.

    Args:
        name: as with --model.
        device: as with --device.

    Raises:
        ValueError: if there is no such model or device.
    """
    from hrm import machine
    from hrm.inference.models import load_model

    network = load_model(name, device)
    click.get_current_context().with_resource(machine.threads(machine.default_threads()))
    return network


def say_which(name: str, network: "Network", quiet: bool) -> None:
    """Print which model answers, and on what; to standard error if `quiet`."""
    import torch

    place, count = next(network.parameters()).device.type, torch.get_num_threads()
    words = f"{count} thread{'s' * (count > 1)}" if place == "cpu" else place
    click.echo(f"Model: {name} ({words})", err=quiet)


def find_task(model_name: str, network: Any, given: str | None) -> "Task":
    """The task of a model that a command was given.

    Args:
        model_name: as it was named.
        network: the model.
        given: with --task; None: the one that the model names, or the run that it belongs to.

    Raises:
        ValueError: if the task is unknown.
    """
    from hrm.inference.models import task_of
    from hrm.runs import folder as runs
    from hrm.tasks import registry

    folder = Path(model_name)
    if given is not None or not (folder / runs.CONFIG).is_file():
        return task_of(network, given)

    name = runs.task_name(folder)
    if registry.is_file_of_ones_own(name) and not (name := own_file_of_run(folder)):
        return task_of(network)
    task = task_of(network, name if registry.is_file_of_ones_own(name) else None)
    return registry.make(registry.with_places_of(task.config, runs.read_config(folder).task))


def own_file_of_run(folder: Path) -> str:
    """FILE.py:Class of the run in a folder, which knows the file's place; empty where there is no
    such run, the file is gone, or it came with the folder."""
    from hrm.models import trust
    from hrm.runs import folder as runs
    from hrm.tasks import registry

    if not (folder / runs.CONFIG).is_file():
        return ""
    name = runs.task_name(folder)
    here = registry.is_file_of_ones_own(name) and Path(name.rpartition(":")[0]).is_file()
    return name if here and not trust.came_with(name) else ""


def require_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse a file whose name says another format than the one that would be written to it.

    Args:
        option: for the message.
        path: that was given, if any; a name without an ending says nothing (`/dev/stdout`).
        endings: that are written, such as ``.gif``.

    Raises:
        ValueError: naming the option and the endings.
    """
    if path and path.suffix and path.suffix.lower() not in endings:
        raise ValueError(f"{option}: {path}: end its name in {' or '.join(endings)}")
