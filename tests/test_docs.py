"""What the documentation shows must run."""

import re
import shlex
from pathlib import Path

import click
import pytest

from hrm.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = re.findall(r"^ *(hrm .*)$", README + (ROOT / "docs/boards.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("snippet", PYTHON)
def test_python_snippets_run(snippet, capsys):
    exec(compile(snippet, "README.md", "exec"), {})
    assert "Verdict: " in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    words = shlex.split(command, comments=True)[1:]
    subcommand = app.get_command(click.Context(app), words[0])
    assert subcommand
    subcommand.make_context(words[0], words[1:])  # parses, and does not run


def test_links_lead_somewhere():
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_makefile_and_ci_agree_with_the_readme():
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()
    assert all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in ("demo", "test"))
