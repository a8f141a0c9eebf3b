"""Matplotlib for files alone: whatever the environment says about screens does not matter."""

import os
import sys
from types import ModuleType


def import_matplotlib() -> ModuleType:
    """Import Matplotlib; call it before anything is imported from there.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import matplotlib
    except ValueError:
        # `MPLBACKEND` names a screen that is not there, as that of the notebook from which this
        # process was started. It is not dropped before: a notebook that imports this library
        # needs it for its own figures.
        screen = os.environ.pop("MPLBACKEND", "")
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]  # the parts that the failed import has left
        try:
            import matplotlib
        finally:
            os.environ["MPLBACKEND"] = screen
    return matplotlib
