"""Puzzles. Only this room knows what the codes of a grid mean."""
