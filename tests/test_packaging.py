"""What the packages are called, which version they are, and what is in them."""

import re
import subprocess
import sys
import tarfile
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


def test_the_source_package_holds_what_it_needs_and_no_test_that_cannot_run(tmp_path):
    pytest.importorskip("setuptools", "77")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "hrm", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    build = "from setuptools.build_meta import build_sdist; build_sdist('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (package,) = (tmp_path / "dist").iterdir()
    assert package.name == f"hrm_lab-{hrm.__version__}.tar.gz"
    with tarfile.open(package) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "hrm/models/kernels.c", "hrm/py.typed"} <= names
    assert {"hrm/page/static/index.html", "hrm/page/static/js/network/hrm.js"} <= names
    assert any(name.endswith("model.safetensors") for name in names)
    assert not [name for name in names if name.startswith("tests")]
