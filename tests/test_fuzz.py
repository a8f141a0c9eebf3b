"""Strange files: every one ends in success or one clear error, and no file is lost."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import board_path, some_boards, tiny, trainer_of
from runs_in_children import SOAK

from hrm import ModelConfig, RunConfig
from hrm.config.load import load_config
from hrm.models.hrm import HRM
from hrm.runs import folder as runs
from hrm.training import checkpoints, metrics

INPUTS_PER_KIND = 3000 if SOAK else 60
COMMANDS_PER_KIND = 30 if SOAK else 1

# What a byte-level fuzzer would not find by chance.
WORDS = [
    b"S", b"E", b"#", b".", b"*", b"\n\n", b"//", b"{", b"}", b"[", b"]", b":", b"- ", b'"', b"'",
    b"!!python/object/apply:os.system ['touch pwned']", b"!!binary ", b"&a", b"*a", b"null",
    b"true", b"1e999", b"1e3", b"-1", b"0", b"9" * 30, b".nan", b"NaN", b"Infinity", b"\\u0000",
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc2\xa0", b"\r", b"\t", b"task:", b"model:",
    b"board_size: 1000000000", b'"board_size": 1000000000', b"d_model: 8192", b'"d_model": 8192',
    b"H_block_cnt: 256", b"../../../etc/passwd",
]  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(data) + 1), rng.randrange(1, 30)
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + length] = rng.randbytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                del data[at:]
            case 4:
                data[at:at] = rng.choice(WORDS)
            case 5:
                data[at:at] = data[max(0, at - length) : at] * rng.randrange(1, 100)
            case _:
                data[at : at + 1] = rng.choice(WORDS)
    return bytes(data)


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """One good file of every kind that the program reads."""
    folder = tmp_path_factory.mktemp("originals")
    config = tiny()
    trainer = trainer_of(config, folder / "run")
    runs.create(folder / "run", config, trainer.dataset)
    trainer.run()
    torch.manual_seed(0)
    HRM(ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1), 4).save_pretrained(folder / "model")
    (folder / "boards.txt").write_text(board_path(4).format_all(some_boards(4, 3)))
    (folder / "config.yaml").write_text(config.to_yaml())
    return folder


def read_board_file(folder: Path) -> None:
    for puzzle in board_path(4).read(folder / "boards.txt"):
        task = board_path(len(puzzle.input))
        task.require([puzzle.input])
        task.judge(puzzle.input[None], puzzle.input[None], task.answer(puzzle.input[None]))


def read_checkpoint(folder: Path) -> None:
    last = folder / "run/checkpoints/last"
    (last / checkpoints.PREVIOUS).unlink(missing_ok=True)  # or it would step in
    checkpoint = checkpoints.read(last)
    config = tiny()
    model = HRM(config.model, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    checkpoint.restore({"model": model, "best": model}, {"adamw": optimizer})


KINDS: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    "config": (
        "config.yaml",
        lambda folder: load_config(RunConfig(), (str(folder / "config.yaml"),)),
        ["train", "--config", "config.yaml", "--out", "model/config.json"],  # never starts
    ),
    "boards": (
        "boards.txt",
        read_board_file,
        ["solve", "--model", "model", "--boards", "boards.txt"],
    ),
    "model config": (
        "model/config.json",
        lambda folder: HRM.from_pretrained(folder / "model"),
        ["info", "model"],
    ),
    "weights": (
        "model/model.safetensors",
        lambda folder: HRM.from_pretrained(folder / "model"),
        ["evaluate", "--model", "model", "--count", "3", "--segments", "1"],
    ),
    "checkpoint": (
        "run/checkpoints/last/training.safetensors",
        read_checkpoint,
        ["train", "--resume", "--out", "run"],
    ),
    "run config": (
        "run/config.yaml",
        lambda folder: runs.read_config(folder / "run"),
        ["train", "--resume", "--out", "run"],
    ),
    "metrics": (
        "run/metrics.jsonl",
        lambda folder: metrics.read_metrics(folder / "run"),
        ["info", "run"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused_with_a_clear_error(kind, originals, tmp_path):
    name, read, _ = KINDS[kind]
    copy_tree(originals, tmp_path)
    good, rng, refused = (originals / name).read_bytes(), random.Random(kind), 0
    for _ in range(INPUTS_PER_KIND):
        content = mutated(good, rng)
        (tmp_path / name).write_bytes(content)
        try:
            read(tmp_path)
        except ValueError as error:
            refused += 1
            assert 0 < len(str(error)) < 5000
        assert (tmp_path / name).read_bytes() == content
    print(f"{kind}: {INPUTS_PER_KIND} inputs, {refused} refused")
    assert refused > INPUTS_PER_KIND / 10


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_given_to_the_command(kind, originals, tmp_path):
    name, _, words = KINDS[kind]
    good, rng = (originals / name).read_bytes(), random.Random(f"{kind} command")
    for number in range(COMMANDS_PER_KIND):
        folder = tmp_path / str(number)
        copy_tree(originals, folder)
        (folder / name).write_bytes(mutated(good, rng))
        before = {file for file in folder.rglob("*") if file.is_file()}
        command = [sys.executable, "-m", "hrm", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 2), done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or done.stderr.startswith("hrm: ")
        assert before <= {file for file in folder.rglob("*") if file.is_file()}


def copy_tree(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
