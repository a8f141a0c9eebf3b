"""Shortest paths in mazes of random walls, perfect mazes, and mazes with loops."""
