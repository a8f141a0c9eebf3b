"""Pictures: a canvas, the animation of a thought, curves."""
