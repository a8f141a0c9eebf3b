"""Shapes are checked at run time in the tests, and only there."""

import os

from jaxtyping import install_import_hook

# Before any test module imports them; pydantic's modules have their own checks.
for _module in ("models.layers", "models.hrm", "inference.evaluation", "inference.solving"):
    install_import_hook(f"hrm.{_module}", "beartype.beartype")

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402

# Workers of pytest-xdist share the cores.
torch.set_num_threads(1)
