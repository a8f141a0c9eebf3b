"""Small recursive reasoning models: networks that think in latent space, segment after segment.

from hrm import HRM, solve
print(solve(open("board.txt").read()))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hrm.config.schema import ModelConfig, RunConfig, TaskConfig, TrainConfig
    from hrm.inference.evaluation import evaluate
    from hrm.inference.solving import Frame, Solution, solve, solve_all, watch
    from hrm.models.hrm import HRM

_HOME = {
    "HRM": "hrm.models.hrm",
    "Frame": "hrm.inference.solving",
    "Solution": "hrm.inference.solving",
    "solve": "hrm.inference.solving",
    "solve_all": "hrm.inference.solving",
    "watch": "hrm.inference.solving",
    "evaluate": "hrm.inference.evaluation",
    "ModelConfig": "hrm.config.schema",
    "RunConfig": "hrm.config.schema",
    "TaskConfig": "hrm.config.schema",
    "TrainConfig": "hrm.config.schema",
}

__all__ = [
    "HRM",
    "Frame",
    "ModelConfig",
    "RunConfig",
    "Solution",
    "TaskConfig",
    "TrainConfig",
    "__version__",
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
