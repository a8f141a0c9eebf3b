"""Tasks by name: where they are looked for, what is said when they are not there, and what is never
run."""

import shutil
import sys
import textwrap

import pytest
import torch

from hrm import HRM, ModelConfig, Task, cli
from hrm.commands.options import find_task
from hrm.inference.models import task_of
from hrm.tasks import registry
from hrm.tasks.boardpath.task import BoardPath

MINE = """
    from pathlib import Path
    import numpy as np
    from hrm import Code, Task

    Path("was-run").touch()

    class Echo(Task):
        class Config(Task.Config):
            size: int = 3
        codes = (Code("a", "one"), Code("b", "two"))
        def draw_one(self, numbers):
            return numbers.below(2, self.shape).astype(np.uint8)
        def answer_one(self, puzzle):
            return puzzle

    class Other(Echo):
        pass
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A file with two tasks in a folder that is the current one; importing it leaves a mark."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(MINE))
    return file


def refused(name: str) -> str:
    with pytest.raises(ValueError) as refusal:
        registry.task_class(name)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def network(name: str = "mine.py:Echo") -> HRM:
    """An untrained model of a task in the current folder."""
    torch.manual_seed(0)
    task = registry.make(registry.read_settings({"name": name}))
    config = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1)
    return HRM(config, task.grid, registry.describe(task.config))


def test_a_task_that_comes_with_hrm_has_a_name():
    assert registry.task_class("boardpath") is BoardPath


def test_an_unknown_name_is_refused_with_the_nearest():
    assert "bordpath: unknown task; perhaps you meant boardpath" in refused("bordpath")
    everything = refused("chess")
    assert "boardpath" in everything and "FILE.py:Class" in everything


def test_a_class_of_a_file_is_found(mine):
    task = registry.task_class("mine.py:Echo")
    assert issubclass(task, Task) and task.__name__ == "Echo"
    assert registry.task_class(f"{mine}:Echo") is task  # one file is one module


def test_a_file_that_changed_is_read_again(mine):
    before = registry.task_class("mine.py:Echo")
    mine.write_text(mine.read_text().replace("size: int = 3", "size: int = 4"))
    assert before().shape == (3, 3)
    assert registry.task_class("mine.py:Echo")().shape == (4, 4)


def test_a_class_of_a_package_is_found(mine, monkeypatch):
    package = mine.parent / "puzzles_of_mine"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.move(mine, package / "echo.py")
    monkeypatch.syspath_prepend(str(mine.parent))
    assert registry.task_class("puzzles_of_mine.echo:Echo").__name__ == "Echo"
    assert "has no task Eco; it has puzzles_of_mine.echo:Echo" in refused(
        "puzzles_of_mine.echo:Eco"
    )
    assert "puzzles_of_mine.eco" in refused("puzzles_of_mine.eco:Echo")


def test_a_file_that_is_not_there_is_named():
    assert "nowhere.py: no such file" in refused("nowhere.py:Echo")


def test_a_file_without_the_task_names_those_it_has_nearest_first(mine):
    assert "has no task Ohter; it has mine.py:Other, mine.py:Echo" in refused("mine.py:Ohter")
    assert "it has mine.py:Echo, mine.py:Other" in refused("mine.py:ekho")


def test_a_file_alone_is_answered_with_its_tasks(mine):
    assert "which task of it? it has mine.py:Echo, mine.py:Other" in refused("mine.py")


def test_a_file_without_any_task_says_so(tmp_path):
    file = tmp_path / "empty.py"
    file.write_text("from hrm import Task\n")
    # What is imported is not its own.
    assert refused(f"{file}:Mine").endswith("it has none")


@pytest.mark.parametrize("what", ["Path", "np", "Code"])
def test_what_is_no_task_is_refused(mine, what):
    assert f"has no task {what}; it has" in refused(f"mine.py:{what}")


def test_the_line_of_a_syntax_error_is_named(tmp_path):
    file = tmp_path / "torn.py"
    file.write_text("from hrm import Task\n\nclass Mine(Task:\n    pass\n")
    words = refused(f"{file}:Mine")
    assert "torn.py: line 3: SyntaxError" in words


def test_the_line_of_an_error_in_the_file_is_named_and_it_is_tried_again(tmp_path):
    file = tmp_path / "late.py"
    file.write_text("import math\n\nSIDE = math.sqrt(-1)\n")
    assert "late.py: line 3: ValueError" in refused(f"{file}:Mine")
    assert "late.py: line 3: ValueError" in refused(f"{file}:Mine")
    assert not [name for name in sys.modules if "hrm_task" in name and "late" in name]


def test_a_config_of_its_own_kind_is_refused(mine):
    mine.write_text(mine.read_text().replace("Config(Task.Config)", "Config"))
    assert "class Config(Task.Config)" in refused("mine.py:Echo")


def test_a_config_without_a_size_says_what_is_missing(mine):
    mine.write_text(mine.read_text().replace("size: int = 3", "length: int = 3"))
    with pytest.raises(ValueError, match=r"size: .*give it size, or rows and columns"):
        registry.read_settings({"name": "mine.py:Echo"})


@pytest.mark.parametrize("size", [0, -3, 257])
def test_a_size_that_no_grid_has_is_refused(mine, size):
    with pytest.raises(ValueError, match=f"size: {size}; give 1 to 256"):
        registry.read_settings({"name": "mine.py:Echo", "size": size})


# What runs whose code.


def test_a_model_asks_for_the_file_of_its_task_where_it_is_not(mine, monkeypatch):
    model = network()
    elsewhere = mine.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ValueError, match=r"no mine\.py here; .*--task PATH/mine\.py:Echo"):
        task_of(model)
    assert task_of(model, "../mine.py:Echo").shape == (3, 3)


def test_a_model_folder_says_the_name_of_a_file_and_not_its_place(mine):
    assert network(f"{mine}:Echo").task["name"] == "mine.py:Echo"


def test_a_file_in_a_model_folder_is_never_run_by_itself(mine, monkeypatch):
    network().save_pretrained(mine.parent / "model")
    folder = mine.parent / "model"
    shutil.copy(mine, folder / "mine.py")
    (mine.parent / "was-run").unlink()
    monkeypatch.chdir(folder)
    sent = HRM.from_pretrained(".")
    with pytest.raises(ValueError, match=r"never loaded .*--task PATH"):
        task_of(sent)
    with pytest.raises(ValueError, match=r"never loaded .*--task PATH"):
        find_task(".", sent, None)
    monkeypatch.chdir(mine.parent)
    mine.unlink()
    with pytest.raises(ValueError, match=r"no mine\.py here"):
        find_task("model", HRM.from_pretrained("model"), None)
    assert not (mine.parent / "was-run").exists() and not (folder / "was-run").exists()


def test_a_run_folder_that_somebody_sent_runs_nothing_either(mine, monkeypatch):
    """Its config names a file in it, by its full path or from where one stands."""
    network().save_pretrained(mine.parent / "run" / "checkpoints" / "best")
    folder = mine.parent / "run"
    inside = folder / "code" / "mine.py"
    inside.parent.mkdir()
    shutil.move(mine, inside)
    (mine.parent / "was-run").unlink()
    for name in (f"{inside}:Echo", "run/code/mine.py:Echo"):
        (folder / "config.yaml").write_text(f"task: {{name: '{name}'}}\n")
        with pytest.raises(ValueError, match=r"mine\.py"):
            find_task("run", HRM.from_pretrained("run"), None)
        assert not (mine.parent / "was-run").exists(), name


def test_a_model_folder_is_no_package_to_import_its_task_from(mine, monkeypatch):
    """A folder in the search path is a package to Python, also without an `__init__.py`."""
    monkeypatch.syspath_prepend(str(mine.parent))
    for name in ("sent.mine:Echo", "downloads.sent.code.mine:Echo"):
        folder = mine.parent.joinpath(*name.partition(":")[0].split(".")[:-1])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(mine, folder / "mine.py")
        model = network()
        (mine.parent / "was-run").unlink(missing_ok=True)
        model.task["name"] = name
        weights = folder.parent if folder.name == "code" else folder
        model.save_pretrained(weights)
        with pytest.raises(ValueError, match="never loaded"):
            task_of(HRM.from_pretrained(weights))
        assert not (mine.parent / "was-run").exists()


def test_fine_tuning_runs_no_file_of_a_model_folder(mine, monkeypatch, capsys):
    network().save_pretrained(mine.parent / "sent")
    config = mine.parent / "sent" / "config.json"
    config.write_text(config.read_text().replace("mine.py:Echo", "sent/mine.py:Echo"))
    shutil.move(mine, mine.parent / "sent" / "mine.py")
    (mine.parent / "was-run").unlink()
    code, err = outcome(monkeypatch, capsys, "train", "--init-from", "sent", "--out", "run")
    assert code == 2 and "never loaded" in err and "hrm train FILE.py:Class" in err
    assert not (mine.parent / "was-run").exists()


def test_what_is_known_of_a_run_needs_none_of_its_code(mine, monkeypatch, capsys):
    network().save_pretrained(mine.parent / "run" / "checkpoints" / "best")
    (mine.parent / "run" / "config.yaml").write_text("task: {name: 'run/mine.py:Echo'}\n")
    (mine.parent / "run" / "metrics.jsonl").write_text('{"epoch": 1, "val_loss": 0.5}\n')
    shutil.move(mine, mine.parent / "run" / "mine.py")
    (mine.parent / "was-run").unlink()
    assert outcome(monkeypatch, capsys, "info", "run")[0] == 0
    assert not (mine.parent / "was-run").exists()


def test_ones_own_run_knows_where_its_file_is(mine, monkeypatch):
    network().save_pretrained(mine.parent / "run" / "checkpoints" / "best")
    (mine.parent / "run" / "config.yaml").write_text(f"task: {{name: '{mine}:Echo', size: 5}}\n")
    elsewhere = mine.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = find_task("../run", HRM.from_pretrained("../run"), None)
    assert type(found).__name__ == "Echo"


def test_a_task_with_other_codes_than_the_models_is_refused(mine):
    model = network()
    mine.write_text(mine.read_text().replace("codes = (", "codes = (Code('c', 'three'), "))
    with pytest.raises(ValueError, match="3 codes, but the model was trained with 2"):
        task_of(model)


# On the command line.


def outcome(monkeypatch, capsys, *words: str) -> tuple[object, str]:
    monkeypatch.setattr(sys, "argv", ["hrm", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err


def test_an_error_in_the_own_file_names_its_line(mine, monkeypatch, capsys):
    mine.write_text(mine.read_text().replace("numbers.below(2,", "numbers.below(2 // 0,"))
    line = 1 + mine.read_text().splitlines().index(
        "        return numbers.below(2 // 0, self.shape).astype(np.uint8)"
    )
    code, err = outcome(monkeypatch, capsys, "data", "generate", "mine.py:Echo")
    assert code == 2
    assert err.startswith(f"hrm: mine.py: line {line}: ZeroDivisionError"), err


def test_an_error_that_hrm_finds_for_the_own_file_is_left_in_its_own_words(
    mine, monkeypatch, capsys
):
    mine.write_text(mine.read_text().replace(".astype(np.uint8)", ""))
    code, err = outcome(monkeypatch, capsys, "data", "generate", "mine.py:Echo")
    assert code == 2
    assert err.startswith("hrm: task Echo: draw: gives int64"), err


def test_a_task_whose_word_does_not_hold_fails_its_check(mine, monkeypatch, capsys):
    assert outcome(monkeypatch, capsys, "data", "check", "mine.py:Echo")[0] == 0
    mine.write_text(mine.read_text().replace("return puzzle", "return None"))
    code, err = outcome(monkeypatch, capsys, "data", "check", "mine.py:Echo")
    assert code == 1 and "failed" in err
