"""What the documentation shows must run."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from helpers import Silent

from hrm import RunConfig, machine
from hrm.cli import app
from hrm.commands.options import as_asked
from hrm.config.load import load_config, validate
from hrm.config.nested import lay_over
from hrm.config.presets import preset
from hrm.data.load import load_dataset
from hrm.study.definition import load_study
from hrm.study.report import write_report
from hrm.study.results import read_results
from hrm.tasks import registry
from hrm.training.metrics import read_metrics
from hrm.training.trainer import Trainer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("hrm/pretrained/*/README.md")]
ALL = README + "".join(document.read_text() for document in DOCUMENTS)
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
# The studies of docs/studies.md are tested in test_study_definition.py, that of docs/tasks.md in
# test_docs_tasks.py.
YAML = [
    text
    for document in [ROOT / "README.md", *DOCUMENTS]
    if document.name not in ("studies.md", "tasks.md")
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
    config = machine.resolve(config)
    Trainer(config, load_dataset(config.task), tmp_path, Silent()).run()
    assert len(read_metrics(tmp_path)) == 1


def understood(text: str) -> click.Context:
    """What a command makes of its words; it is not run."""
    words = [word for word in shlex.split(text, comments=True) if word != "--help"]
    command: click.Command = app
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found, f"{name}: no such command"
        command = found
    # One that is only named, such as `hrm data check`, need not have its arguments.
    return command.make_context(command.name, words, resilient_parsing=not words)


def require_task_keys(context: click.Context, words: tuple[str, ...]) -> None:
    """Options that a command does not know itself have to be keys of the task."""
    name, keys = registry.DEFAULT, words
    if words and "=" not in words[0] and not words[0].startswith("-"):
        name, keys = words[0], words[1:]
    if ":" in name:  # a reader's own
        return
    with context:
        own, size = (
            registry.make(registry.read_settings({"name": name})),
            context.params.get("size"),
        )
        as_asked(own, size, keys)


def require_config_keys(words: tuple[str, ...]) -> None:
    """Settings of `hrm train` have to be ones, of its preset or its task."""
    base = RunConfig()
    for name in (word for word in words if "=" not in word and not word.isupper()):
        if ":" in name:  # a reader's own
            return
        task = {"task": {"name": name}} if name in registry.BUILT_IN else {}
        base = preset(name) if not task else validate(lay_over(base.model_dump(), task))
    load_config(base, overrides=tuple(word for word in words if "=" in word))


@pytest.mark.parametrize("command", sorted({line or inline for line, inline in COMMANDS}))
def test_commands_are_understood(command):
    context = understood(command.removeprefix("hrm "))
    require_task_keys(context, context.params.get("task_words") or ())
    require_config_keys(context.params.get("settings") or ())


def test_what_is_no_command_is_not_understood():
    for text in ("bake", "data bake", "data check --sed 3 A B", "solve --sede 3 --seed"):
        with pytest.raises((AssertionError, click.UsageError)):
            understood(text)
    for text in ("solve --wal-prob 0.2", "data generate --cuont 3", "evaluate task.sizes=3"):
        context = understood(text)
        with pytest.raises((ValueError, click.UsageError)):
            require_task_keys(context, context.params["task_words"])
    for words in (("dmeo",), ("demo", "train.rate=1"), ("boardpath", "task.sed=3")):
        with pytest.raises(ValueError):
            require_config_keys(words)


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


def test_pages_that_the_code_names_are_there():
    for folder in ("hrm", "studies", "benchmarks", "tools", "tests", "examples"):
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in (".py", ".c", ".js", ".yaml"):
                for page in re.findall(r"docs/[\w/-]+\.md", file.read_text()):
                    assert (ROOT / page).exists(), f"{file}: {page}"


def test_every_file_that_is_no_python_is_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["hrm"]
    packaged = {file for pattern in patterns for file in (ROOT / "hrm").glob(pattern)}
    files = {file for file in (ROOT / "hrm").rglob("*") if file.is_file()}
    left_out = {f for f in files - packaged if f.suffix != ".py" and "__pycache__" not in f.parts}
    assert not left_out


def test_the_makefile_and_ci_agree_with_the_readme():
    assert all(f"\nmake {target} " in README for target in ("demo", "test"))
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()
    assert all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in ("demo", "test"))
