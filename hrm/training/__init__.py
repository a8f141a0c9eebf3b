"""Learning: losses, optimizers, the loop over segments, checkpoints."""
