"""Small recursive reasoning models: networks that think in latent space, segment after segment.

from hrm import HRM, solve
print(solve(open("board.txt").read()))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hrm.config.model import ModelConfig
    from hrm.config.published import HRMActConfig, TRMConfig
    from hrm.config.schema import RunConfig
    from hrm.config.train import TrainConfig
    from hrm.inference.evaluation import evaluate
    from hrm.inference.solving import Solution, solve, solve_all, watch
    from hrm.models.hrm import HRM
    from hrm.models.hrm_act import HRMAct
    from hrm.models.network import Network
    from hrm.models.segment import Inputs, Output, State
    from hrm.models.trm import TRM
    from hrm.randomness import Numbers
    from hrm.rendering.frame import Frame
    from hrm.tasks.boardpath.task import BoardPathSettings as TaskConfig
    from hrm.tasks.completion import Completion
    from hrm.tasks.grid import IGNORE, NINE, Code, Puzzle, Structure, Symmetry, Verdict
    from hrm.tasks.symmetry import turns_of
    from hrm.tasks.task import Task

_HOME = {
    "HRM": "hrm.models.hrm",
    "HRMAct": "hrm.models.hrm_act",
    "HRMActConfig": "hrm.config.published",
    "Code": "hrm.tasks.grid",
    "Completion": "hrm.tasks.completion",
    "Frame": "hrm.rendering.frame",
    "IGNORE": "hrm.tasks.grid",
    "Inputs": "hrm.models.segment",
    "ModelConfig": "hrm.config.model",
    "NINE": "hrm.tasks.grid",
    "Network": "hrm.models.network",
    "Numbers": "hrm.randomness",
    "Output": "hrm.models.segment",
    "Puzzle": "hrm.tasks.grid",
    "RunConfig": "hrm.config.schema",
    "Solution": "hrm.inference.solving",
    "State": "hrm.models.segment",
    "TRM": "hrm.models.trm",
    "TRMConfig": "hrm.config.published",
    "Structure": "hrm.tasks.grid",
    "Symmetry": "hrm.tasks.grid",
    "Task": "hrm.tasks.task",
    "TaskConfig": "hrm.tasks.boardpath.task",
    "TrainConfig": "hrm.config.train",
    "Verdict": "hrm.tasks.grid",
    "evaluate": "hrm.inference.evaluation",
    "solve": "hrm.inference.solving",
    "solve_all": "hrm.inference.solving",
    "turns_of": "hrm.tasks.symmetry",
    "watch": "hrm.inference.solving",
}
_ELSEWHERE = {"TaskConfig": "BoardPathSettings"}
"""Names that are other ones in their module."""

__all__ = [
    "HRM",
    "IGNORE",
    "NINE",
    "TRM",
    "Code",
    "Completion",
    "Frame",
    "HRMAct",
    "HRMActConfig",
    "Inputs",
    "ModelConfig",
    "Network",
    "Numbers",
    "Output",
    "Puzzle",
    "RunConfig",
    "Solution",
    "State",
    "Structure",
    "Symmetry",
    "TRMConfig",
    "Task",
    "TaskConfig",
    "TrainConfig",
    "Verdict",
    "__version__",
    "evaluate",
    "from_pretrained",
    "solve",
    "solve_all",
    "turns_of",
    "watch",
]


def from_pretrained(name_or_folder: Any, **download: Any) -> "Network":
    """A trained model, of whichever network it is; see `HRM.from_pretrained`."""
    from hrm.models.networks import from_pretrained

    return from_pretrained(name_or_folder, **download)


def __getattr__(name: str) -> Any:
    # Torch takes a second or two to import; `hrm --help` must not wait for it.
    if name not in _HOME:
        raise AttributeError(f"module 'hrm' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _ELSEWHERE.get(name, name))


def __dir__() -> list[str]:
    return __all__
