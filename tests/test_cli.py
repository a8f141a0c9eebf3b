import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from hrm import cli
from hrm.config.presets import PRESETS
from hrm.config.schema import ModelConfig, RunConfig, config_keys, load_config
from hrm.data.dataset import check_leak, generate
from hrm.errors import Stopped
from hrm.models import kernels
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.tasks.boardpath.text import format_boards, parse_boards, read_boards

TINY = [
    "task.board_size=4",
    "task.train_count=32",
    "task.val_count=8",
    "model.d_model=8",
    "train.epoch_cnt=2",
    "train.threads=1",
]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str):
        monkeypatch.setattr(sys, "argv", ["hrm", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    network = HRM(ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1), 4)
    network.save_pretrained(tmp_path / "model")
    return "model"


def refused(result, *parts: str):
    code, _, err = result
    assert code == 2, err
    assert err.startswith("hrm: ") and err.count("\n") == 1, err
    assert "Traceback" not in err
    for part in parts:
        assert part in err
    return err


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from hrm import cli; sys.argv = ['hrm', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = 'torch', 'numpy', 'pandas', 'matplotlib', 'scipy'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in ("train", "solve", "evaluate", "data", "info"))


def test_train_help_is_the_manual(run):
    code, out, _ = run("train", "--help")
    assert code == 0
    assert all(f"{key}=" in out for key in config_keys())
    assert all(preset in out for preset in PRESETS)


@pytest.mark.parametrize("command", ["solve", "evaluate", "info", "data", "data check"])
def test_every_command_has_help(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and out.startswith("Usage: hrm")


@pytest.mark.parametrize("words", [[], ["data"], ["study"]])
def test_a_command_alone_shows_its_help(run, words):
    code, _, err = run(*words)
    assert code == 2 and err.startswith("Usage: hrm") and err.count("--help") == 1


def test_train_solve_evaluate_info(run, tmp_path):
    code, out, err = run("train", "debug", *TINY, "--out", "run")
    assert code == 0, err
    assert "val loss" in out and "acc4x" in out and "parameters" in out
    for name in ("config.yaml", "versions.json", "data.json", "metrics.jsonl"):
        assert (tmp_path / "run" / name).is_file()
    config = load_config(RunConfig(), ("run/config.yaml",))
    assert config.train.device == "cpu" and config.train.micro_batch == 16

    code, out, _ = run(
        "solve", "--model", "run", "--seed", "1", "--gif", "a.gif", "--segments", "3"
    )
    assert code == 0
    for words in ("Input board", "Target board", "Predicted board", "Verdict: "):
        assert words in out
    assert ". = Floor, # = Wall, S = Start point, E = End point, * = Path" in out
    assert "3 segments" in out and "a.gif" in out
    with Image.open("a.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 1 + 3 * 4

    code, out, _ = run("evaluate", "--model", "run", "--segments", "1,2", "--count", "20", "--json")
    assert code == 0
    content = json.loads(out)
    assert content["boards"] == 20 and list(content["segments"]) == ["1", "2"]
    assert set(content["segments"]["1"]) == {"cell_acc", "board_acc", "solved"}
    assert "board acc" in run("evaluate", "--model", "run", "--count", "20")[1]

    code, out, _ = run("info", "run")
    assert code == 0 and "parameters" in out and "best epoch" in out


@pytest.fixture
def free(tmp_path):
    """A model that works on any size."""
    torch.manual_seed(0)
    config = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1, rope_2d=True, local_mixing=True)
    HRM(config, 4).save_pretrained(tmp_path / "free")
    return "free"


def test_a_model_of_any_size_is_measured_on_many(run, free, tmp_path):
    words = ["evaluate", "--model", free, "--count", "12", "--segments", "1,2"]
    code, out, err = run(*words, "--size", "5,3", "--json", "--plot", "sizes.png")
    assert code == 0, err
    content = json.loads(out)
    assert content["boards"] == 24 and list(content["sizes"]) == ["3", "5"]
    alone = json.loads(run(*words, "--size", "5", "--json")[1])
    assert content["sizes"]["5"] == alone and alone["boards"] == 12
    assert Image.open(tmp_path / "sizes.png").format == "PNG"
    for ending, start in (("pdf", b"%PDF"), ("SVG", b"<?xml"), ("", b"\x89PNG")):
        name = f"sizes.{ending}".rstrip(".")
        assert run(*words, "--size", "5,3", "--plot", name)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    mixed = [*generate(5, 0.3, 3, 1), *generate(3, 0.3, 2, 1)]
    (tmp_path / "mixed.txt").write_text(format_boards(mixed))
    code, out, _ = run("evaluate", "--model", free, "--boards", "mixed.txt")
    assert code == 0 and "3×3" in out and "5×5" in out and "5 boards" in out
    code, out, _ = run("solve", "--model", free, "--boards", "mixed.txt", "--json")
    assert [len(json.loads(line)["input"]) for line in out.splitlines()] == [5, 5, 5, 3, 3]
    code, out, _ = run("solve", "--model", free, "--size", "7", "--seed", "1", "--until", "solved",
                       "--max-segments", "2", "--restarts", "1")  # fmt: skip
    assert code == 0 and "abstains: no answer checked out within 2 segments" in out


def test_ways_of_thinking_are_compared_in_a_curve(run, free, tmp_path):
    words = ["evaluate", "--model", free, "--count", "6", "--size", "3", "--curve", "a.png"]
    code, out, err = run(*words, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["boards"] == 6 and len({way["way"] for way in found["ways"]}) == 7
    assert Image.open(tmp_path / "a.png").format == "PNG"
    code, out, _ = run(*words)
    assert code == 0 and "until solved, 8 symmetries" in out and "GFLOP" in out
    assert max(map(len, out.splitlines())) <= 80


def test_random_boards_repeat_with_their_seed(run, model):
    one, two = (run("solve", "--model", model, "--json", "--seed", "5") for _ in range(2))
    assert one[1] == two[1] and "--seed 5" in one[2]
    fresh = [run("solve", "--model", model, "--json")[1] for _ in range(3)]
    assert len(set(fresh)) == 3


def test_solve_reads_standard_input_and_prints_json_lines(model, tmp_path):
    text = "S...\n.##.\n....\n...E\n\nS#..\n##..\n....\n...E\n"
    done = subprocess.run(
        [sys.executable, "-m", "hrm", "solve", "--model", model, "--boards", "-", "--json"],
        input=text, capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["input"] == ["S...", ".##.", "....", "...E"]
    assert first["target"] == ["S...", "*##.", "*...", "***E"]
    assert second["target"] is None and second["verdict"] == "unsolvable"


def test_an_animation_for_each_board(run, model, tmp_path):
    (tmp_path / "two.txt").write_text(format_boards(generate(4, 0.3, 2, 0)))
    code, out, _ = run("solve", "--model", model, "--boards", "two.txt", "--gif", "a.gif")
    assert code == 0 and "a-1.gif" in out
    assert (tmp_path / "a-1.gif").is_file() and (tmp_path / "a-2.gif").is_file()


def test_existing_runs_are_not_touched_and_new_ones_are_numbered(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    assert run("train", "debug", *TINY)[0] == 0
    assert (tmp_path / "runs/debug-2/metrics.jsonl").is_file()
    refused(run("train", "debug", *TINY, "--out", "runs/debug"), "already there", "--resume")


def test_a_run_begun_while_another_takes_the_folder_gets_the_next_number(run, tmp_path):
    with runs.locked(tmp_path / "runs/debug"):
        code, _, err = run("train", "debug", *TINY)
        assert code == 0, err
        refused(run("train", "debug", *TINY, "--out", "runs/debug"), "in use by process")
    assert (tmp_path / "runs/debug-2/metrics.jsonl").is_file()
    assert not (tmp_path / "runs/debug/config.yaml").exists()


def test_resume_goes_on_with_the_run_that_was_last_at_work(run, tmp_path):
    for _ in range(2):
        assert run("train", "debug", *TINY)[0] == 0
    assert run("train", "--resume", "--out", "runs/debug")[0] == 0
    code, out, err = run("train", "debug", "--resume")
    assert code == 0, err
    assert "hrm solve --model runs/debug\n" in out


def test_resume_of_a_finished_run_changes_nothing(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    before = (tmp_path / "runs/debug/metrics.jsonl").read_text()
    assert run("train", "debug", "--resume")[0] == 0
    assert (tmp_path / "runs/debug/metrics.jsonl").read_text() == before


def test_resuming_with_other_settings_names_each_difference(run):
    assert run("train", "debug", *TINY)[0] == 0
    code, _, err = run(
        "train", "debug", *TINY, "train.lr=1e-4", "task.seed=3", "--resume", "--out", "runs/debug"
    )
    assert code == 2 and "--accept-changes" in err
    assert "train.lr: the run has 0.005, now it is 0.0001" in err
    assert "task.seed: the run has 0, now it is 3" in err


def test_a_run_goes_on_by_the_measure_that_chose_its_best_epoch(run):
    run("train", "debug", *TINY, "--out", "run")
    words = ["--resume", "--accept-changes", "--out", "run"]
    refused(run("train", *words, "train.best_by=board_acc"), "train.best_by", "val_loss")
    code, _, err = run("train", "--resume", "--out", "run", "train.best_by=board_acc")
    assert code == 2 and "accept-changes" not in err  # which would not help


def test_a_longer_run_by_accepted_changes(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    longer = [*TINY, "train.epoch_cnt=4"]
    assert run("train", "debug", *longer, "--resume")[0] == 2
    assert run("train", "debug", *longer, "--resume", "--accept-changes")[0] == 0
    assert len((tmp_path / "runs/debug/metrics.jsonl").read_text().splitlines()) == 4
    assert load_config(RunConfig(), ("runs/debug/config.yaml",)).train.epoch_cnt == 4


def test_a_run_killed_before_its_first_checkpoint_begins_again(run, tmp_path):
    assert run("train", "debug", *TINY, "--out", "whole")[0] == 0
    assert run("train", "debug", *TINY, "--out", "killed")[0] == 0
    shutil.rmtree(tmp_path / "killed/checkpoints")
    code, _, err = run("train", "--resume", "--out", "killed")
    assert code == 2 and "no good checkpoint" in err  # there was work, so this is no fresh start
    (tmp_path / "killed/metrics.jsonl").unlink()
    assert run("train", "--resume", "--out", "killed")[0] == 0
    weights = "checkpoints/best/model.safetensors"
    assert (tmp_path / "killed" / weights).read_bytes() == (
        tmp_path / "whole" / weights
    ).read_bytes()


def test_overrides_on_resume_change_the_run_and_nothing_else(run):
    assert run("train", "debug", *TINY, "train.lr=1e-5", "--out", "run")[0] == 0
    before = load_config(RunConfig(), ("run/config.yaml",))
    code, _, err = run("train", "--resume", "--out", "run", "train.epoch_cnt=3")
    assert code == 2 and err.count("\n") == 2
    assert "train.epoch_cnt: the run has 2, now it is 3" in err
    words = ["train", "--resume", "--accept-changes", "--out", "run", "train.epoch_cnt=3"]
    assert run(*words)[0] == 0
    after = load_config(RunConfig(), ("run/config.yaml",))
    assert after == before.derive(train__epoch_cnt=3)


def test_a_run_from_a_config_file_is_resumed_by_it(run, tmp_path):
    (tmp_path / "mine.yaml").write_text("task: {board_size: 4, train_count: 32, val_count: 8}\n")
    words = ["--config", "mine.yaml", "model.d_model=8", "train.epoch_cnt=1", "train.threads=1"]
    assert run("train", *words)[0] == 0
    assert (tmp_path / "runs/mine/metrics.jsonl").is_file()
    assert run("train", "--config", "mine.yaml", "--resume")[0] == 0


def test_brackets_in_names_are_no_markup(run):
    code, out, err = run("train", "debug", *TINY, "--out", "a[b]c[/d]")
    assert code == 0, err
    assert "a[b]c[/d]" in out
    assert run("info", "a[b]c[/d]")[0] == 0


COMMANDS = ("train", "solve", "evaluate", "info", "data generate", "study run s.yaml")
TOO_LARGE = {
    "torch": lambda *_, **__: torch.empty(2**58, dtype=torch.uint8),
    "numpy": lambda *_, **__: np.empty(2**58, dtype=np.uint8),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
@pytest.mark.parametrize("command", COMMANDS)
def test_too_little_memory_is_one_line_with_a_remedy_that_the_command_has(
    run, monkeypatch, command, kind
):
    name, *rest = command.split()
    # As if the command itself had asked for so much.
    monkeypatch.setattr(cli.app.commands[name], "invoke", TOO_LARGE[kind])
    code, _, err = run(name, *rest)
    assert code == 1 and err.count("\n") == 1 and err.startswith("hrm: out of memory; ")
    options = {word for parameter in cli.app.commands[name].params for word in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", err)) <= options
    settable = set(config_keys()) if name in ("train", "study") else set()
    assert set(re.findall(r"\w+\.\w+", err)) <= settable


def test_words_about_memory_are_not_too_little_of_it(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("unsupported memory format option Preserve")  # as PyTorch has it

    monkeypatch.setattr(cli.app.commands["info"], "invoke", fail)
    monkeypatch.setattr(sys, "argv", ["hrm", "info"])
    with pytest.raises(RuntimeError, match="memory"):  # a fault of the program, with its traceback
        cli.main()


@pytest.mark.parametrize("number", [None, errno.ENOMEM])
def test_a_failure_of_the_system_without_a_number_keeps_its_words(run, monkeypatch, number):
    words = "encoder error -2 when writing image file"

    def fail(*_):
        raise OSError(number, words) if number else OSError(words)

    monkeypatch.setattr(cli.app.commands["info"], "invoke", fail)
    assert run("info") == (1, "", f"hrm: output: {words}\n")


def test_a_run_that_a_library_s_failure_ends_says_why(run, monkeypatch):
    def fail(*_):
        raise OSError("the event file is closed")

    monkeypatch.setattr("hrm.runs.display.TrainingDisplay.epoch", fail)
    code, _, err = run("train", "debug", *TINY, "--out", "run")
    assert code == 1 and err.count("\n") == 1
    assert "run: the event file is closed; what was saved stays" in err and "None" not in err


def test_an_edited_config_is_noticed(run, tmp_path):
    assert run("train", "debug", *TINY)[0] == 0
    file = tmp_path / "runs/debug/config.yaml"
    file.write_text(file.read_text().replace("lr: 0.005", "lr: 0.003"))
    code, _, err = run("train", "debug", "--resume")
    assert code == 2 and "train.lr: the run has 0.005, now it is 0.003" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_the_run_goes_on(number, code, run, tmp_path):
    settings = [*TINY, "train.epoch_cnt=9999", "task.train_count=64", "train.batch_size=16"]
    command = [sys.executable, "-m", "hrm", "train", "debug", *settings, "--out", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if re.match(r"\s+1\s", line):  # the first epoch's line
            process.send_signal(number)
            break
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "go on with: hrm train --resume --out run" in err
    stopped = len((tmp_path / "run/metrics.jsonl").read_text().splitlines())
    assert 1 <= stopped < 9999
    last = ["--accept-changes", f"train.epoch_cnt={stopped + 2}"]
    assert run("train", "--resume", "--out", "run", *last)[0] == 0
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == stopped + 2


def test_own_boards_and_fine_tuning(run, tmp_path):
    boards = generate(4, 0.3, 30, 9)
    (tmp_path / "mine.txt").write_text(format_boards(boards[:20]))
    (tmp_path / "val.txt").write_text(format_boards(boards[20:]))
    code, _, err = run(
        "train", "debug", "train.epoch_cnt=1", "--train-boards", "mine.txt", "--val-boards",
        "val.txt", "--out", "own",
    )  # fmt: skip
    assert code == 0, err
    config = load_config(RunConfig(), ("own/config.yaml",))
    assert (config.task.board_size, config.task.train_count, config.task.val_count) == (4, 20, 10)

    code, _, err = run(
        "train", "debug", "train.epoch_cnt=1", "train.lr=1e-9", "--train-boards", "mine.txt",
        "--init-from", "own", "--out", "tuned",
    )  # fmt: skip
    assert code == 0, err
    one, two = (HRM.from_pretrained(name).state_dict() for name in ("own", "tuned"))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], atol=1e-6, rtol=1e-5)


def test_a_model_without_a_tie_to_its_size_is_fine_tuned_on_another(run, tmp_path):
    tiny = [*TINY, "train.epoch_cnt=1"]
    assert run("train", "debug", *tiny, "task.board_sizes=[3,4]", "--out", "small")[0] == 0
    more = ["task.board_size=5", "train.lr=1e-9", "task.train_count=20", "train.epoch_cnt=1"]
    code, _, err = run("train", "debug", "--init-from", "small", *more, "--out", "large")
    assert code == 0, err
    small, large = (HRM.from_pretrained(name) for name in ("small", "large"))
    assert (small.board_size, large.board_size) == (4, 5)
    torch.testing.assert_close(large.head.weight, small.head.weight, atol=1e-6, rtol=1e-5)


def test_own_boards_are_found_again_from_any_folder(run, tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text(format_boards(generate(4, 0.3, 40, 0)))
    assert run("train", "debug", *TINY, "task.train_boards=mine.txt", "--out", "run")[0] == 0
    monkeypatch.chdir("/")
    assert run("train", "--resume", "--out", str(tmp_path / "run"))[0] == 0


def test_fine_tuning_needs_boards_and_settings_that_fit(run, model, tmp_path):
    (tmp_path / "five.txt").write_text(format_boards(generate(5, 0.3, 20, 9)))
    refused(run("train", "debug", "--init-from", model, "--train-boards", "five.txt"), "5×5", "4")
    words = ["train", "debug", "--init-from", model, "task.board_size=5"]
    refused(run(*words), "boards are 5×5", "4×4", "rope_2d")
    refused(run("train", "--init-from", model, "model.d_model=16"), "model.d_model")


def test_data_generate_and_check(run, tmp_path):
    code, out, err = run("data", "generate", "--size", "6", "--count", "5", "--seed", "3")
    assert code == 0 and "5 boards, sha256" in err
    boards = generate(6, 0.3, 5, 3)
    assert [b.tobytes() for b in parse_boards(out)] == [b.tobytes() for b in boards]

    run("data", "generate", "--size", "6", "--count", "8", "--seed", "3", "--out", "a.txt")
    run("data", "generate", "--size", "6", "--count", "8", "--seed", "4", "--out", "b.txt")
    assert len(read_boards("a.txt")) == 8
    code, out, _ = run("data", "check", "a.txt", "b.txt")
    assert code == 0 and "in both: 0" in out
    (tmp_path / "c.txt").write_text(format_boards(boards[:3]))
    code, out, err = run("data", "check", "a.txt", "c.txt")
    assert code == 1 and "in both: 3" in out and "3 boards are in both" in err
    assert check_leak(boards, boards[:3]).shared == 3


def test_info(run):
    code, out, _ = run("info")
    assert code == 0
    assert torch.__version__ in out and "preset demo" in out and "boardpath-10x10" in out
    assert re.search(r"kernels +│ (fused|plain: \w+)", out)


def test_info_says_why_the_kernels_are_plain(run, monkeypatch):
    kernels._library.cache_clear()
    monkeypatch.setattr("shutil.which", lambda name: None)
    try:
        code, out, _ = run("info")
    finally:
        kernels._library.cache_clear()
    assert code == 0 and re.search(r"kernels +│ plain: there is no C compiler", out)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("train debug train.lrr=1", ["train.lrr", "perhaps you meant train.lr"]),
        ("train debug lr=1", ["perhaps you meant train.lr"]),
        ("train debug train.lr=fast", ["train.lr", "number", "'fast'"]),
        ("train model.d_model=33", ["model.d_model", "33", "head_cnt 4", "d_model=40"]),
        ("train model.d_model=12", ["model.d_model", "RoPE", "d_model=16"]),
        ("train debug task.wall_prob=1.5", ["task.wall_prob", "1.5"]),
        ("train debug task.board_size=100000", ["task.board_size", "64"]),
        ("train task.board_sizes=[8,10]", ["task.board_sizes", "use_rope", "model.rope_2d=true"]),
        ("train debug task.board_sizes=[4,6]", ["task.board_size", "5", "[4, 6]"]),
        ("train debug task.board_sizes=[5,5]", ["task.board_sizes", "twice"]),
        ("train debug task.board_sizes=[5,6,7] task.val_count=2", ["3 sizes", "val_count 2"]),
        ("train nonsense", ["nonsense", "debug"]),
        ("train debug demo", ["one preset"]),
        ("train --config nope.yaml", ["nope.yaml"]),
        ("train --resume --out nope", ["nope", "config.yaml"]),
        ("train debug --resume", ["runs/debug", "--out"]),
        ("train debug --out file", ["file"]),
        ("train debug --train-boards nope.txt", ["nope.txt"]),
        ("train debug --track nonsense", ["--track"]),
        ("train --resumee", ["--resume"]),
        ("train debug --accept-changes", ["--accept-changes", "add --resume"]),
        ("solve --model nope", ["nope", "boardpath-10x10"]),
        ("solve --model model --boards bad.txt", ["bad.txt", "line 2, column 3", "'x'"]),
        ("solve --model model --boards five.txt", ["board 1: boards are 5×5", "4×4", "rope_2d"]),
        ("solve --model model --size 6", ["6×6", "4×4"]),
        ("solve --model model --boards five.txt --seed 1", ["--seed", "--boards"]),
        ("solve --model model --segments 0", ["--segments"]),
        ("solve --model model --segments 10000 --gif a.gif", ["20,001 frames", "fewer segments"]),
        ("solve --model model --wall-prob 0.95", ["--wall-prob"]),
        ("solve --model model --gif file/a.gif", ["file"]),
        ("solve --model model --gif a.png", ["--gif", "a.png", ".gif"]),
        ("evaluate --model model --plot a.gif", ["--plot", "a.gif", ".png or .pdf or .svg"]),
        ("evaluate --model free --curve a.jpg", ["--curve", "a.jpg", ".png"]),
        ("solve --model damaged", ["damaged", "config.json"]),
        ("solve --model model --until solved --segments 3", ["segments", "max_segments"]),
        ("solve --model model --max-segments 3", ["max_segments", "until"]),
        ("solve --model model --until done", ["--until", "settled"]),
        ("solve --model model --gif a.gif --restarts 2", ["--gif", "--restarts"]),
        ("evaluate --model model --size 5", ["5×5", "4×4", "rope_2d"]),
        ("evaluate --model model --size 1,5", ["'1,5'", "sizes are from 2 to 64"]),
        ("evaluate --model free --size 3,4 --curve a.png", ["--curve", "--size"]),
        ("evaluate --model free --segments 3 --curve a.png", ["--curve", "--segments"]),
        ("evaluate --model free --size 3 --boards five.txt", ["--size", "--boards"]),
        ("evaluate --model free --count 3 --boards five.txt", ["--count", "--boards"]),
        ("evaluate --model model --segments 2,x", ["'2,x'"]),
        ("evaluate --model model --boards five.txt", ["5×5", "4×4"]),
        ("evaluate --model model --boards unsolvable.txt", ["board 1 has no path"]),
        ("data check five.txt nope.txt", ["nope.txt"]),
        ("data generate --size 3 --count 100000", ["too few different boards"]),
        ("dat", ["Did you mean", "data"]),
    ],
)
def test_wrong_input_is_one_clear_line(run, model, free, tmp_path, words, parts):
    (tmp_path / "file").write_text("")
    (tmp_path / "bad.txt").write_text("S...\n..x.\n....\n...E\n")
    (tmp_path / "five.txt").write_text(format_boards(generate(5, 0.3, 1, 0)))
    (tmp_path / "unsolvable.txt").write_text("S#..\n##..\n....\n...E\n")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/config.json").write_text("{")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    refused(run(*words.split()), *parts)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_of_several_processes_the_first_speaks_first(run, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for number, head_starts in (("0", 0), ("1", 1)):  # the second is heard if nobody ends it
        monkeypatch.setenv("RANK", number)
        refused(run("train", "debug", "train.lrr=1"), "perhaps you meant train.lr")
        assert len(waits) == head_starts


@pytest.mark.parametrize("others", [{}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": ""}])
def test_a_lone_process_with_a_number_of_its_own_trains_and_writes(
    run, monkeypatch, tmp_path, others
):
    for name, value in {"RANK": "1", **others}.items():
        monkeypatch.setenv(name, value)
    code, out, _ = run("train", "debug", *TINY, "train.epoch_cnt=1", "--out", "run")
    assert code == 0 and "val loss" in out
    assert (tmp_path / "run/metrics.jsonl").is_file()
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    refused(run("train", "debug", "train.lrr=1"), "perhaps you meant train.lr")
    assert not waits


@pytest.mark.parametrize(
    "name, value", [("WORLD_SIZE", "two"), ("WORLD_SIZE", "0"), ("RANK", "-1")]
)
def test_numbers_of_processes_that_are_none_are_refused(run, monkeypatch, name, value):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, value)
    refused(run("train", "debug", *TINY, "--out", "run"), f"{name}={value}", "torchrun")


def test_of_several_processes_that_are_stopped_the_first_tells(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for number, words in (("0", "hrm: saved\n"), ("1", "")):
        monkeypatch.setenv("RANK", number)
        with pytest.raises(SystemExit, match="130"), cli.errors_as_exit_codes():
            raise Stopped("saved", signal.SIGINT)
        assert capsys.readouterr().err == words


def test_a_folder_that_cannot_be_written(run, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(run("train", "debug", *TINY, "--out", "locked/run"), "locked", "Permission denied")


def test_tensorboard_mirrors_the_metrics(run, tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            written.append(folder)

        def add_scalar(self, key, value, step):
            written.append((key, step))

        def flush(self):
            pass

        def close(self):
            written.append("closed")

    module = type(sys)("torch.utils.tensorboard.writer")
    module.SummaryWriter = Writer  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", module)
    assert run("train", "debug", *TINY, "--track", "tensorboard")[0] == 0
    assert written[0].endswith("tensorboard")
    assert ("board_acc", 1) in written and ("train_loss", 2) in written
    assert written.count("closed") == 1 and written[-1] == "closed"


def test_a_resumed_run_goes_on_with_the_same_run_of_wandb(run, tmp_path, monkeypatch):
    begun, logged, finished = [], [], []

    def init(**how):
        begun.append(how)
        return SimpleNamespace(
            log=lambda row, step: logged.append((how["id"], step)),
            finish=lambda: finished.append(how["id"]),
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Error=RuntimeError, init=init))
    words = ["--track", "wandb", "--accept-changes", "train.epoch_cnt=3", "--resume"]
    assert run("train", "debug", *TINY, "--track", "wandb", "--out", "run")[0] == 0
    assert run("train", *words, "--out", "run")[0] == 0
    assert run("train", "debug", *TINY, "--track", "wandb", "--out", "other")[0] == 0
    first, again, other = (how["id"] for how in begun)
    assert first == again != other and all(how["resume"] == "allow" for how in begun)
    assert logged[:3] == [(first, 1), (first, 2), (first, 3)]
    assert finished == [first, first, other]
    assert (tmp_path / "run/wandb.id").read_text().strip() == first


def test_a_tracker_that_is_not_installed(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    refused(run("train", "debug", *TINY, "--track", "wandb"), "wandb", "hrm-lab[track]")
    assert not runs.is_taken(tmp_path / "runs/debug")


def test_a_tracker_that_refuses(run, tmp_path, monkeypatch):
    class Error(Exception):
        pass

    def init(**_):
        raise Error("No API key configured. Use `wandb login` to log in.\nMore words.")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Error=Error, init=init))
    refused(run("train", "debug", *TINY, "--track", "wandb"), "--track wandb: No API key")
    assert not runs.is_taken(tmp_path / "runs/debug")
