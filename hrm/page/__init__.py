"""The page on which a model is watched while it thinks: its files, a server, and copies of it."""
