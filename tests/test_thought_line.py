"""The line that says how far a long thought has come."""

import pytest
from rich.console import Console

from hrm.commands import progress
from hrm.commands.progress import ThoughtLine, words
from hrm.inference.thinking import Stage


def test_it_says_what_there_is_to_say():
    assert words(Stage(1, 1, 12, 40, left=1)) == "segment 12 of at most 40"
    several = words(Stage(2, 8, 1200, None, left=5))
    assert several == "segment 1,200, attempt 2 of 8, 5 puzzles left"


@pytest.mark.parametrize(
    "terminal, patience, shown", [(True, 0, True), (True, 1000, False), (False, 0, False)]
)
def test_it_is_for_long_thoughts_in_a_terminal(monkeypatch, capsys, terminal, patience, shown):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", patience)
    kind = {"force_terminal": terminal, "_environ": {"TERM": "xterm"}, "width": 80}
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(stderr=stderr, **kind))
    with ThoughtLine() as line:
        line(Stage(1, 1, 8, 40, left=1))
        line.clear()
    out, err = capsys.readouterr()
    assert not out
    assert ("segment 8 of at most 40" in err) == shown
