"""Shortest paths on boards with walls: the puzzle of the specification."""
