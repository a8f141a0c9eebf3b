"""`hrm info`: this installation, a model, or a run."""

from pathlib import Path

import click


@click.command()
@click.argument("model", required=False, metavar="[MODEL|RUN]")
def info(model: str | None) -> None:
    """Versions, device, presets and bundled models; or what a model or a run is."""
    if model is None:
        _print_installation()
    else:
        _print_model(model)


def _print_installation() -> None:
    from hrm import distributed
    from hrm.config.presets import PRESETS
    from hrm.models import hub, kernels
    from hrm.runs import folder as runs

    rows = {**runs.versions(), "device": distributed.pick_device().type}
    reason = kernels.why_plain()
    rows |= {"kernels": f"plain: {reason}" if reason else "fused"}
    rows |= {f"preset {name}": purpose for name, (purpose, _) in PRESETS.items()}
    rows |= {"bundled models": ", ".join(hub.bundled_models())}
    _print_rows(rows)


def _print_model(name: str) -> None:
    from hrm.models import hub
    from hrm.models.hrm import HRM
    from hrm.runs import folder as runs

    network = HRM.from_pretrained(name)
    rows = {
        "folder": str(hub.find_model(name)),
        "parameters": f"{network.parameter_cnt:,}",
        "board_size": str(network.board_size),
    }
    rows |= {key: str(value) for key, value in network.config.model_dump().items()}
    folder = Path(name)
    if runs.has_metrics(folder) and (folder / runs.CONFIG).is_file():
        rows["epochs"] = str(len(runs.read_metrics(folder)))
        best = runs.best_epoch(folder)
        rows |= {f"best epoch: {key}": f"{value:g}" for key, value in best.items()}
    _print_rows(rows)


def _print_rows(rows: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console(markup=False).print(table)
