"""What the packages are called, which version they are, and what is in them."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hrm
from hrm.runs import folder as runs

ROOT = Path(__file__).parent.parent


def test_there_is_one_version():
    assert "__version__" in dir(hrm)
    assert f"\nversion: {hrm.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {hrm.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert runs.versions()["hrm-lab"] == hrm.__version__
    command = [sys.executable, "-m", "hrm", "--version"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == f"hrm {hrm.__version__}\n"


def test_the_readme_s_clone_does_not_stand_in_the_package_s_way():
    """A folder of its name in the working folder comes before an editable installation."""
    (folder,) = re.findall(r"git clone \S+ (\S+) && cd \1\n", (ROOT / "README.md").read_text())
    assert folder != "hrm"


def built(tmp_path: Path, kind: str) -> Path:
    """A package of the tree; kind: wheel or sdist."""
    pytest.importorskip("setuptools", "77")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "hrm", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    build = f"from setuptools.build_meta import build_{kind}; build_{kind}('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (package,) = (tmp_path / "dist").iterdir()
    return package


def files_of_the_package() -> set[str]:
    """Every file that Git knows, or would, below hrm/."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "hrm"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no Git checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_holds_every_file_of_the_package(tmp_path):
    package = built(tmp_path, "wheel")
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
    assert {name for name in names if name.startswith("hrm/")} == files_of_the_package()
    others = {name.partition("/")[0] for name in names} - {"hrm"}
    assert others == {f"hrm_lab-{hrm.__version__}.dist-info"}


def test_the_source_package_holds_what_it_needs_and_no_test_that_cannot_run(tmp_path):
    package = built(tmp_path, "sdist")
    assert package.name == f"hrm_lab-{hrm.__version__}.tar.gz"
    with tarfile.open(package) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    assert {name for name in names if name.startswith("hrm/")} == files_of_the_package()
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith("tests")]
