"""What a run's numbers depend on besides its config: versions, the machine, the commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from hrm import __version__


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on, and the machine.

    In a git checkout, also its commit, and whether files differ from it.
    """
    packages = ("torch", "numpy", "safetensors", "pydantic")
    return {
        "hrm-lab": __version__,
        **{name: version(name) for name in packages},
        **_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _commit() -> dict[str, str]:
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return {}
    words = ("git", "-C", str(checkout), "describe", "--always", "--dirty= with changes")
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {} if found.returncode else {"commit": found.stdout.strip()}
