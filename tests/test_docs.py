"""What the documentation shows must run."""

import re
import shlex
from pathlib import Path

import click
import pytest
from test_training import Silent

from hrm import distributed
from hrm.cli import app
from hrm.config.schema import RunConfig, load_config
from hrm.data.dataset import load_dataset
from hrm.runs.folder import read_metrics
from hrm.study.definition import load_study
from hrm.study.report import write_report
from hrm.study.results import read_results
from hrm.training.trainer import Trainer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("hrm/pretrained/*/README.md")]
ALL = README + "".join(document.read_text() for document in DOCUMENTS)
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
# The studies of docs/studies.md are tested in test_study_definition.py.
YAML = [
    text
    for document in [ROOT / "README.md", *DOCUMENTS]
    if document.name != "studies.md"
    for text in re.findall(r"```yaml\n(.*?)```", document.read_text(), flags=re.DOTALL)
]
COMMANDS = re.findall(r"^ *(hrm .*)$|`(hrm [a-z][^`]*)`", ALL, re.MULTILINE)


@pytest.mark.parametrize("snippet", PYTHON)
def test_python_snippets_run(snippet, capsys):
    exec(compile(snippet, "README.md", "exec"), {})
    assert "Verdict: " in capsys.readouterr().out


@pytest.mark.parametrize("text", YAML)
def test_yaml_of_the_documentation_trains(text, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    config = load_config(RunConfig(), (str(tmp_path / "mine.yaml"),))
    assert config != RunConfig()
    config = config.derive(task__train_count=2, task__val_count=1, train__epoch_cnt=1)
    config = distributed.resolve(config)
    Trainer(config, load_dataset(config.task), tmp_path, Silent()).run()
    assert len(read_metrics(tmp_path)) == 1


@pytest.mark.parametrize("command", sorted({line or inline for line, inline in COMMANDS}))
def test_commands_are_understood(command):
    words = [word for word in shlex.split(command, comments=True)[1:] if word != "--help"]
    subcommand = app.get_command(click.Context(app), words[0])
    assert subcommand
    subcommand.make_context(words[0], words[1:])  # parses, and does not run


def sections(report: Path) -> dict[str, str]:
    """The text below each heading."""
    parts = re.split(r"^## (.*)$", report.read_text(), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("name", ["mini", "mini-local", "ingredients"])
def test_the_ablation_reports_are_of_the_results_beside_their_studies(name, tmp_path):
    study = load_study(ROOT / f"studies/{name}.yaml")
    results = read_results(ROOT / f"studies/results/{name}", study)
    write_report(study, results, tmp_path)
    committed, now = (
        sections(folder / "report.md") for folder in (ROOT / f"docs/ablation/{name}", tmp_path)
    )
    assert committed.keys() == now.keys()
    for heading in now.keys() - {"All rows"}:  # its bootstrap may change with NumPy's versions
        assert committed[heading] == now[heading]


def anchors(document: Path) -> set[str]:
    """The links that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *DOCUMENTS]:
        for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", document.read_text()):
            if not target.startswith("http"):
                there = document.parent / target if target else document
                assert there.exists(), f"{document.name}: {target}"
                assert not anchor or anchor in anchors(there), f"{document.name}: {target}#{anchor}"


def test_the_makefile_and_ci_agree_with_the_readme():
    assert all(f"\nmake {target} " in README for target in ("demo", "test"))
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()
    assert all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in ("demo", "test"))
