"""ARC-AGI: tasks of coloured grids, each shown by a few pairs of input and output."""
