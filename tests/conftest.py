"""Shapes and types are checked at run time in the tests, and only there."""

import os
import signal

from jaxtyping import install_import_hook

CHECKED = (
    "models.layers",
    "models.hrm",
    "models.published",
    "models.published_layers",
    "models.segment",
    "models.losses",
    "models.batch",
    "inference.evaluation",
    "inference.solving",
    "training.slots",
    "training.halting_learner",
)
"""Modules through which tensors and arrays of codes pass; pydantic's have their own checks, and
`inference.thinking` refuses what is wrong itself."""

# Before any test module imports them.
for _module in CHECKED:
    install_import_hook(f"hrm.{_module}", "beartype.beartype")

os.environ["HF_HUB_OFFLINE"] = "1"
# Under nohup or behind a shell's & they are ignored, also by the runs that tests send them to.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

import torch  # noqa: E402

# Workers of pytest-xdist share the cores.
torch.set_num_threads(1)
