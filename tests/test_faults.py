"""Disks that fill, folders that cannot be written, files that were damaged, two runs at once."""

import itertools
import os
import shutil
import subprocess
import sys

import pytest
import runs_in_children as children
import torch
from helpers import tiny, trainer_of

from hrm.training import checkpoints
from hrm.training.trainer import Trainer

COMMAND = [
    sys.executable, "-m", "hrm", "train", "debug", "task.board_size=4", "task.train_count=32",
    "task.val_count=8", "train.epoch_cnt=3", "train.threads=1",
]  # fmt: skip

FULL_DISK = """
mount -t tmpfs -o size=SIZE tmpfs small || exit 77
"$@" --out small/run; first=$?
echo "exit $first" >&2
mount -o remount,size=64m small
"$@" --out small/run --resume || exit 78
cp -r small/run kept
exit $first
"""


def in_own_mounts(script: str, folder) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount filesystems, with the training command as its words."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare: no filesystem can be mounted here")
    (folder / "small").mkdir()
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run([*own, *COMMAND], cwd=folder, capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no filesystem can be mounted here")
    return done


def test_a_full_disk_stops_the_run_and_more_space_lets_it_go_on(tmp_path):
    whole = subprocess.run([*COMMAND, "--out", "whole"], cwd=tmp_path, capture_output=True)
    assert whole.returncode == 0
    # A finished run holds two checkpoints: there is room for one, but not for the next beside it.
    size = sum(file.stat().st_size for file in (tmp_path / "whole").rglob("*") if file.is_file())
    done = in_own_mounts(FULL_DISK.replace("SIZE", f"{size * 3 // 4096}k"), tmp_path)
    assert done.returncode == 1, done.stderr
    first = done.stderr.split("exit 1")[0]
    assert first.count("\n") == 1 and "Traceback" not in first
    assert "No space left on device" in first and "--resume --out small/run" in first
    assert children.outcome(tmp_path / "kept") == children.outcome(tmp_path / "whole")


def test_a_read_only_filesystem(tmp_path):
    script = 'mount -t tmpfs -o ro tmpfs small || exit 77\n"$@" --out small/run'
    done = in_own_mounts(script, tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "Read-only file system" in done.stderr


@pytest.mark.parametrize("place", ["/proc/run", "file/run", "file"])
def test_places_that_cannot_hold_a_run(place, tmp_path):
    (tmp_path / "file").write_text("keep me")
    done = subprocess.run([*COMMAND, "--out", place], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and place.split("/")[0] in done.stderr
    assert (tmp_path / "file").read_text() == "keep me"


@pytest.fixture
def finished(tmp_path):
    trainer_of(tiny(), tmp_path).run()
    return tmp_path


def resumed(folder) -> tuple[Trainer, list[str]]:
    trainer = trainer_of(tiny(), folder)
    return trainer, trainer.resume()


def damage_truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def damage_flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 16
    file.write_bytes(content)


def damage_empty(file):
    file.write_bytes(b"")


def damage_swap(file):
    shutil.copy(file.parent / "model.safetensors", file)


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_empty, damage_swap])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(damage, finished):
    before = children.outcome(finished)
    last = finished / "checkpoints/last" / checkpoints.CURRENT
    damage(last)
    trainer, complaints = resumed(finished)
    assert len(complaints) == 1 and str(last) in complaints[0]
    trainer.run()
    assert children.outcome(finished) == before


def test_no_good_checkpoint_left(finished):
    for name in (checkpoints.CURRENT, checkpoints.PREVIOUS):
        damage_flip(finished / "checkpoints/last" / name)
    with pytest.raises(ValueError, match="no good checkpoint") as error:
        resumed(finished)
    assert all(name in str(error.value) for name in (checkpoints.CURRENT, checkpoints.PREVIOUS))


def test_what_follows_from_the_checkpoint_is_mended(finished):
    before = children.outcome(finished)
    (finished / "metrics.jsonl").write_text('{"epoch": 1, "upda')
    damage_flip(finished / "checkpoints/best/model.safetensors")
    resumed(finished)
    assert children.outcome(finished) == before


def test_a_checkpoint_of_another_version_is_refused(finished, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT_VERSION", 3)
    with pytest.raises(ValueError, match="written in format 2, but this version of hrm reads 3"):
        resumed(finished)


def test_a_checkpoint_of_another_run_is_refused(finished, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    trainer_of(tiny(train__lr=1e-4), other).run()
    name = f"checkpoints/last/{checkpoints.CURRENT}"
    shutil.copy(other / name, finished / name)
    with pytest.raises(ValueError, match=r"train\.lr: the run has 0\.0001, now it is 0\.002"):
        resumed(finished)


@pytest.mark.parametrize("change", [{"model__d_model": 32}, {"model__learnable_z_init": False}])
def test_accepted_changes_may_not_change_the_model(change, finished):
    trainer = trainer_of(tiny(**change), finished)
    with pytest.raises(ValueError, match="of another model"):
        trainer.resume(accept_changes=True)


def test_a_second_process_is_refused_with_the_first_one_s_identity(tmp_path):
    long = [*COMMAND, "train.epoch_cnt=2000", "--out", "run"]
    first = subprocess.Popen(
        long, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert first.stdout
    next(line for line in first.stdout if "train loss" in line)
    resume = [*COMMAND[:4], "--resume", "--out", "run"]
    second = subprocess.run(resume, cwd=tmp_path, capture_output=True, text=True)
    assert second.returncode == 2
    assert f"in use by process {first.pid} on " in second.stderr
    assert second.stderr.count("\n") == 1
    first.kill()  # its lock goes with it
    first.communicate()
    third = subprocess.Popen(resume, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert third.stdout
    assert any("updates" in line for line in third.stdout)
    third.kill()
    third.communicate()


def test_checkpoints_are_no_further_apart_than_asked(tmp_path, monkeypatch):
    config = tiny(task__train_count=100, train__batch_size=5, train__epoch_cnt=1)
    trainer = trainer_of(config, tmp_path)
    clock, saved = iter(range(0, 10**6, 50)), []
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    real = trainer.save
    monkeypatch.setattr(trainer, "save", lambda: (saved.append(trainer.progress.batch), real()))
    trainer._saved_at = 0.0
    trainer.run()
    # A batch takes 50 seconds of this clock, a save 50 more; five minutes are allowed.
    gaps = [b - a for a, b in itertools.pairwise(saved) if b > a]
    assert gaps and max(gaps) <= 7


def test_nothing_loads_pickles(tmp_path):
    torch.save({"zH_init": torch.zeros(1)}, tmp_path / "training.safetensors")
    with pytest.raises(ValueError, match="damaged"):
        checkpoints.read(tmp_path)
