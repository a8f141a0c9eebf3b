"""docs/tasks.md from its first line to its last: the file that it builds, its commands at a small
size, its study and its Python."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import done

from hrm import Completion, Task
from hrm.tasks.rules import Rules

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/tasks.md").read_text()
FILE = "lights_out.py"
SMALL = ("task.size=5", "task.presses=3", "task.train_count=32", "task.val_count=8")
TINY = ("model.d_model=16", "train.epoch_cnt=1", "train.threads=1")


class Snippet(NamedTuple):
    """A fenced block."""

    language: str
    file: str
    """That it is a part of, as its first line says."""
    text: str


SNIPPETS = [
    Snippet(language, file.strip(), text)
    for language, file, text in re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```", TEXT, re.M | re.S)
]


def built(snippets: list[Snippet]) -> str:
    """The file that the parts make, one after another."""
    return "".join(snippet.text for snippet in snippets if snippet.file == FILE)


def smaller(words: list[str]) -> list[str]:
    """A command of the page, so that it takes a second."""
    if words[0] == "train":
        own = "--train-boards" in words  # whose size and number the file says
        return [*words, *TINY, *(SMALL if not own else ())]
    if words[0] == "evaluate":
        return [*words, "--count", "10"]
    return ["6" if word == "200" else word for word in words]


def run_bash(text: str) -> None:
    for line in text.splitlines():
        hrm, *words = shlex.split(line, comments=True)
        assert hrm == "hrm", line
        printed = done(*smaller(words))
        assert "BAD" not in printed, line


def run_python(text: str) -> None:
    exec(compile(text, "tasks.md", "exec"), {})


def keep_yaml(text: str) -> None:
    """For the command that follows."""
    Path("presses.yaml").write_text(
        f"{text}settings: {{model: {{d_model: 16}}, train: {{threads: 1}}}}\n"
    )


RUN: dict[str, Callable[[str], None]] = {"bash": run_bash, "python": run_python, "yaml": keep_yaml}


def test_the_parts_make_the_file_of_the_examples():
    assert built(SNIPPETS) == (ROOT / "examples" / FILE).read_text()


def test_the_page_works_from_its_first_line_to_its_last(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, snippet in enumerate(SNIPPETS):
        if snippet.file:
            # After each part the file can be loaded, and what follows it is run with it.
            Path(snippet.file).write_text(built(SNIPPETS[: number + 1]))
        else:
            RUN[snippet.language](snippet.text)
    assert "Verdict: " in capsys.readouterr().out
    assert Path("thinking.gif").is_file()
    assert Path("runs/mine/checkpoints/best/config.json").is_file()


def table() -> list[str]:
    """The first cells of the table of what a task can say."""
    section = TEXT.partition("## What a task can say")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    return [name for row in rows for name in re.findall(r"`(\w+)", row)]


def test_the_table_names_what_a_task_has():
    assert len(table()) > 20
    for name in table():
        assert hasattr(Task, name), name


def test_the_table_names_all_that_a_person_may_want_to_override():
    inherited = {"shape", "shape_of", "of_shape", "grid", "title", "require", "solves", "judge",
                 "completes"}  # fmt: skip
    text_and_pictures = {"legend", "glyph_legend", "read", "format", "format_all", "draw_puzzle",
                         "colours"}  # fmt: skip
    of_data_sets = {"stream", "scarce", "canonical", "vary", "answerless"}
    words = {"contradiction_words"}  # shown in the file
    public = {name for name in {*vars(Rules), *vars(Task)} if not name.startswith("_")}
    unsaid = public - set(table()) - inherited - text_and_pictures - of_data_sets - words
    assert unsaid == set()


@pytest.mark.parametrize("name", ["every_grid"])
def test_completions_have_what_the_page_says(name):
    assert hasattr(Completion, name) and f"`{name}`" in TEXT
