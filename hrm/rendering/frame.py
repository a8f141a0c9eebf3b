"""What an animation is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm.tasks.grid import Cells


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of thought: the answer that the head would give now."""

    predicted: Cells
    """``(R, C)`` codes."""
    probabilities: NDArray[np.floating] | None
    """``(R, C, V)`` how strongly the model believes in each code; None where the puzzle was seen
    under another symmetry."""
    segment: int
    """Counted from 1; 0 before the first update."""
    step: int
    """The update of the answering module within the segment, from 1; 0 before the first."""
