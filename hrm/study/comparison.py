"""Several studies side by side: what each says of the same hypotheses, as a table and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrm.files import write_atomic
from hrm.study.definition import Hypothesis, Study
from hrm.study.findings import Finding, Finished, judge_all
from hrm.study.report import markdown_table, rendered, require_packages
from hrm.study.results import Result
from hrm.study.tables import NONE, Table, difference_text

TITLE = "Several studies, hypothesis by hypothesis"


@dataclass(frozen=True)
class Compared:
    """A hypothesis with what the studies that have it say."""

    hypothesis: Hypothesis
    findings: dict[str, Finding]
    """By the name of the study."""


def compare(studies: Sequence[tuple[Study, dict[str, Result]]]) -> list[Compared]:
    """What studies say, by hypothesis: those of the first study in its order, then new ones.

    Args:
        studies: each with its results by run name.

    Raises:
        ValueError: if they have no hypotheses, or no results that bear on one.
    """
    found: dict[str, Compared] = {}
    for study, results in studies:
        for finding in judge_all(study, Finished(results)):
            name = finding.hypothesis.name
            compared = found.setdefault(name, Compared(finding.hypothesis, {}))
            if finding.difference is None or finding.difference.count:
                compared.findings[study.name] = finding
    shown = [compared for compared in found.values() if compared.findings]
    if not shown:
        names = ", ".join(study.name for study, _ in studies)
        raise ValueError(f"{names}: no hypothesis to compare; name studies with hypotheses")
    return shown


def write_comparison(
    studies: Sequence[tuple[Study, dict[str, Result]]], folder: Path
) -> list[Path]:
    """Write a table and a forest plot of several studies.

    Args:
        studies: each with its results by run name.
        folder: for the files, which replace those of an earlier comparison.

    Returns:
        The files.

    Raises:
        ValueError: if Matplotlib or SciPy is not installed, or there is nothing to compare.
        OSError: if the folder cannot be written.
    """
    require_packages()
    from hrm.study.forest import forest

    compared, names = compare(studies), [study.name for study, _ in studies]
    files = [folder / "comparison.md", folder / "forest.png"]
    write_atomic(files[1], rendered(forest(compared, names), "png"))
    table = comparison_table(compared, names)
    about = [f"- `{study.name}`: {study.title}; {_seeds(results)}" for study, results in studies]
    picture = f"![Differences and intervals of {', '.join(names)}]({files[1].name})"
    parts = [f"# {TITLE}", "\n".join(about), picture, markdown_table(table), table.note]
    write_atomic(files[0], "\n\n".join(parts) + "\n")
    return files


def comparison_table(compared: Sequence[Compared], names: Sequence[str]) -> Table:
    """A row for each hypothesis, a column for each study.

    Args:
        compared: see `compare`.
        names: of the studies, in order.
    """
    rows = []
    for one in compared:
        claim = one.hypothesis.claim + " (exploratory)" * one.hypothesis.exploratory
        cells = [_finding_text(one.findings.get(name)) for name in names]
        rows.append([one.hypothesis.name, claim, *cells])
    note = (
        "Verdict, and mean difference a − b of matched pairs with its 95 % t-interval over seeds."
        " Measures, pairs and rules are those of each study's own report."
    )
    return Table(TITLE, ["hypothesis", "claim", *names], rows, note)


def _finding_text(finding: Finding | None) -> str:
    if finding is None:
        return NONE
    if finding.difference is None:
        return finding.verdict
    return f"{finding.verdict}: {difference_text(finding.difference)}"


def _seeds(results: dict[str, Result]) -> str:
    done = [result for result in results.values() if "failed" not in result]
    return f"{len(done)} runs, {len({result['seed'] for result in done})} seeds"
