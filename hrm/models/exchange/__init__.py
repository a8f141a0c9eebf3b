"""Models of other programs: reading their checkpoints, and writing them."""
