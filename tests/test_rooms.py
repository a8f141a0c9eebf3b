"""The import order that CONTRIBUTING.md draws is the one that the code has."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hrm"


def drawn_order() -> dict[str, int]:
    """The line of each room in the picture."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    lines = re.findall(r"```\n(section.*?)```", text, re.DOTALL)[0].splitlines()
    return {room: number for number, line in enumerate(lines) for room in line.split()}


def room_of(module: str) -> str:
    """The part of a module's name that the picture shows: of `hrm.data.sets` it is `data`."""
    return module.split(".")[1]


def imports_of(file: Path) -> set[str]:
    """The rooms that a file imports from, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "hrm":
            found |= {f"hrm.{alias.name}" for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hrm."):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("hrm.")}
    return {room_of(module) for module in found}


def test_every_import_goes_up_in_the_picture():
    order, wrong = drawn_order(), []
    for file in sorted(PACKAGE.rglob("*.py")):
        own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own in ("__init__", "__main__"):
            continue
        for room in imports_of(file) - {own}:
            if order[room] >= order[own]:
                wrong.append(f"{file.relative_to(ROOT)} imports {room}")
    assert not wrong


def test_the_picture_shows_every_room():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py"}
    rooms |= {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}
    assert rooms - {"__init__", "__main__"} == drawn_order().keys()
