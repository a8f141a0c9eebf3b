"""`hrm info`: this installation, a model, a run, or a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hrm.tasks.task import Task


@click.command()
@click.argument("name", required=False, metavar="[MODEL|RUN|TASK]")
def info(name: str | None) -> None:
    """Show versions, device, presets, tasks and bundled models; or a model, a run or a task."""
    from hrm.models import hub
    from hrm.tasks import registry

    if name is None:
        _print_installation()
        return
    is_task = name in registry.BUILT_IN or ":" in name
    if is_task:
        _print_task(name)
    if not is_task or name in hub.bundled_models():
        _print_model(name)


def _print_installation() -> None:
    from hrm import machine
    from hrm.config.presets import about, preset_names
    from hrm.models import hub
    from hrm.runs.versions import versions
    from hrm.tasks import registry

    rows = {**versions(), "device": machine.pick_device().type, **_kernels()}
    for name in preset_names():
        purpose, parameters, time = about(name)
        rows[f"preset {name}"] = f"{purpose} ({parameters} parameters, {time} on two cores)"
    rows |= {
        f"task {name}": registry.make(registry.read_settings({"name": name})).title
        for name in registry.BUILT_IN
    }
    rows |= {"bundled models": ", ".join(hub.bundled_models())}
    _print_rows(rows)


def _kernels() -> dict[str, str]:
    from hrm.models import kernels

    reason = kernels.why_plain()
    return {"kernels": f"plain: {reason}" if reason else "fused"}


def _print_task(name: str) -> None:
    from hrm.tasks import registry

    task = registry.make(registry.read_settings({"name": name}))
    rows = {
        "task": task.title,
        "size": _size(task),
        "puzzle": ", ".join(f"{code.glyph} {code.word}" for code in task.codes),
        "answer": ", ".join(f"{code.glyph} {code.word}" for code in task.answer_codes),
        "symmetries": f"{len(task.symmetries):,}",
    }
    rows |= {f"task.{key}": _manual(field) for key, field in type(task.config).model_fields.items()}
    _print_rows(rows)


def _size(task: "Task") -> str:
    from hrm.tasks.grid import shape_words

    try:
        return shape_words(task.shape)
    except ValueError as error:  # a data set says it, and none is named
        return str(error)


def _manual(field: Any) -> str:
    return f"[{field.default}] {' '.join((field.description or '').split())}"


def _print_model(name: str) -> None:
    from hrm.models import hub
    from hrm.models.networks import from_pretrained
    from hrm.runs import folder as runs
    from hrm.tasks.grid import shape_words
    from hrm.training.metrics import best_epoch, has_metrics, read_metrics

    network = from_pretrained(name)
    rows = {
        "folder": str(hub.find_model(name)),
        "parameters": f"{network.parameter_cnt:,}",
        "size": shape_words(network.grid.shape),
    }
    rows |= {f"task.{key}": str(value) for key, value in network.task.items()}
    rows |= {key: str(value) for key, value in network.config.model_dump().items()}
    folder = Path(name)
    if has_metrics(folder) and (folder / runs.CONFIG).is_file():
        rows["epochs"] = str(len(read_metrics(folder)))
        best_by = runs.read_plain(folder).get("train", {}).get("best_by", "val_loss")
        best = best_epoch(folder, str(best_by))
        rows |= {f"best epoch: {key}": f"{value:g}" for key, value in best.items()}
    _print_rows(rows)


def _print_rows(rows: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console(markup=False).print(table)
