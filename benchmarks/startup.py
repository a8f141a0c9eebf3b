"""How long it takes until something happens: `hrm --help`, `import hrm`, one board solved.

    python benchmarks/startup.py

Each figure is the median of several cold processes, and stands beside the time of a Python process
that does nothing and of one that imports torch, measured in the same run.
"""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python, doing nothing": ["-c", "pass"],
    "import hrm": ["-c", "import hrm"],
    "hrm --help": ["-m", "hrm", "--help"],
    "hrm train --help": ["-m", "hrm", "train", "--help"],
    "import torch": ["-c", "import torch"],
    "hrm solve": ["-m", "hrm", "solve", "--seed", "0"],
}
REPEATS = 5


def seconds(words: list[str]) -> float:
    """Median wall time of a process."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure() -> dict[str, float]:
    """Median seconds of each command."""
    return {name: seconds(words) for name, words in COMMANDS.items()}


def main() -> None:
    """Measure everything and print a table."""
    measured = measure()
    nothing = measured["python, doing nothing"]
    print(f"{'':24}{'seconds':>9}{'× nothing':>11}")
    for name, value in measured.items():
        print(f"{name:24}{value:9.3f}{value / nothing:11.1f}")


if __name__ == "__main__":
    main()
