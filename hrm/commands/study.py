"""`hrm study`: plan a study of many runs, run it, and report on it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hrm.study.definition import Study
    from hrm.study.results import Result

_STUDY = click.argument("file", metavar="STUDY.yaml", type=click.Path(path_type=Path))
_SEEDS = click.option(
    "--seeds", type=click.IntRange(1, 1000), help="Seeds of each row [default: the study's]."
)
_RESULTS = click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder of result files [default: results/STUDY beside the YAML file].",
)
_WORKERS = click.option(
    "--workers", type=click.IntRange(1, 4096), help="Runs at a time [default: one for each core]."
)
_THREADS = click.option(
    "--threads",
    type=click.IntRange(1, 4096),
    help="CPU threads of each run [default: cores / workers; with Ray 1].",
)


@click.group()
def study() -> None:
    """Plan, run and report studies: many runs that answer one question.

    \b
    hrm study plan studies/mini.yaml      what it will take, before anything is spent
    hrm study run studies/mini.yaml       stop it at any time; the same command goes on
    hrm study report studies/mini.yaml    tables, plots and verdicts, also while it runs
    hrm study compare studies/mini*.yaml --out compared    several studies side by side

    docs/studies.md says how to write your own study.
    """


@study.command()
@_STUDY
@_SEEDS
@_WORKERS
@_THREADS
@_RESULTS
def plan(
    file: Path,
    seeds: int | None,
    workers: int | None,
    threads: int | None,
    results: Path | None,
) -> None:
    """Runs, parameters, matrix operations and estimated time on this machine.

    Times a few updates of every row. If there are results already, it also says what the number of
    seeds can decide, for each hypothesis, estimated from the spread between the seeds so far.
    """
    from hrm.study.definition import load_study
    from hrm.study.results import read_results

    asked = load_study(file, seeds)
    found = read_results(results or _results_folder(file), asked)

    from hrm.study.executors import core_cnt
    from hrm.study.plan import show_plan
    from hrm.study.power import show_power

    _say_what_is_slow(asked)
    workers = workers or core_cnt()
    show_plan(asked, workers, threads or max(1, core_cnt() // workers))
    show_power(asked, found)


@study.command()
@_STUDY
@_SEEDS
@_WORKERS
@_THREADS
@click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True,
              help="Child processes, or tasks of a Ray cluster.")  # fmt: skip
@click.option("--address", help="Ray: of a running cluster, or auto [default: start one here].")
@click.option("--runs", "runs_folder", type=click.Path(path_type=Path),
              help="Where run folders go [default: runs/STUDY].")  # fmt: skip
@_RESULTS
def run(
    file: Path,
    seeds: int | None,
    workers: int | None,
    threads: int | None,
    executor: str,
    address: str | None,
    runs_folder: Path | None,
    results: Path | None,
) -> None:
    """Carry out every run that has no result yet.

    If it is killed or stopped, the same command continues: finished runs are kept, interrupted runs
    continue bit for bit, failed runs are tried again. Exit code 1 if a run failed.
    """
    from hrm.study.definition import load_study

    asked = load_study(file, seeds)
    if executor == "local" and address:
        raise ValueError("--address: is for --executor ray; leave it out otherwise")
    if executor == "ray" and workers:
        raise ValueError("--workers: a Ray cluster runs as many as it has CPUs; leave it out")

    from hrm.study import executors
    from hrm.study.runner import run_study

    if executor == "local":
        _say_what_is_slow(asked)
    run_study(
        asked,
        runs_folder or Path("runs") / asked.name,
        results or _results_folder(file),
        executors.RayExecutor(address, threads or 1)
        if executor == "ray"
        else executors.LocalExecutor(workers or executors.core_cnt(), threads or 0),
    )
    click.echo(f"report: hrm study report {file}")


@study.command()
@_STUDY
@_RESULTS
@click.option("--out", type=click.Path(path_type=Path),
              help="Folder of the report [default: report in the results].")  # fmt: skip
def report(file: Path, results: Path | None, out: Path | None) -> None:
    """Tables, plots and verdicts: Markdown, one self-contained HTML page, and CSV.

    Works on a study that is still running.
    """
    from hrm.study.report import write_report

    folder = results or _results_folder(file)
    asked, found = _with_results(file, folder)
    for path in write_report(asked, found, out or folder / "report"):
        click.echo(path)


@study.command()
@click.argument("files", metavar="STUDY.yaml…", nargs=-1, required=True,
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True,
              help="Folder of the comparison.")  # fmt: skip
def compare(files: tuple[Path, ...], out: Path) -> None:
    """Several studies side by side: a table of all hypotheses, and a forest plot.

    Hypotheses of one name are put together, such as those of a study that extends another one. The
    results are read from results/STUDY beside each file; a study may still be running.
    """
    from hrm.study.comparison import write_comparison

    studies = [_with_results(file, _results_folder(file)) for file in files]
    for path in write_comparison(studies, out):
        click.echo(path)


@study.command(hidden=True)
def work() -> None:
    """Carry out the job on standard input: the work of a study's child processes."""
    from hrm.study.work import work as carry_out_job

    carry_out_job()


def _say_what_is_slow(asked: "Study") -> None:
    from hrm.machine import slow_precision

    for words in {slow_precision(row.config.train) for row in asked.rows} - {None}:
        click.echo(words, err=True)


def _with_results(file: Path, folder: Path) -> "tuple[Study, dict[str, Result]]":
    """A study with the results so far, from their folder."""
    from hrm.study.definition import load_study
    from hrm.study.results import read_results

    asked = load_study(file)
    found = read_results(folder, asked)
    if not any("failed" not in result for result in found.values()):
        raise ValueError(f"{folder}: no results yet; hrm study run {file} makes them")
    return asked, found


def _results_folder(file: Path) -> Path:
    return file.parent / "results" / file.stem
