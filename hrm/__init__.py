"""Small recursive reasoning models: networks that think in latent space, segment after segment.

from hrm import HRM, solve
print(solve(open("board.txt").read()))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrm.config import ModelConfig, RunConfig, TaskConfig, TrainConfig
    from hrm.evaluation import evaluate
    from hrm.hrm import HRM
    from hrm.solving import Frame, Solution, solve, solve_all, watch

_HOME = {
    "HRM": "hrm.hrm",
    "Frame": "hrm.solving",
    "Solution": "hrm.solving",
    "solve": "hrm.solving",
    "solve_all": "hrm.solving",
    "watch": "hrm.solving",
    "evaluate": "hrm.evaluation",
    "ModelConfig": "hrm.config",
    "RunConfig": "hrm.config",
    "TaskConfig": "hrm.config",
    "TrainConfig": "hrm.config",
}

__all__ = [
    "HRM",
    "Frame",
    "ModelConfig",
    "RunConfig",
    "Solution",
    "TaskConfig",
    "TrainConfig",
    "evaluate",
    "solve",
    "solve_all",
    "watch",
]


def __getattr__(name: str) -> Any:
    # Torch takes a second or two to import; `hrm --help` must not wait for it.
    if name not in _HOME:
        raise AttributeError(f"module 'hrm' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
