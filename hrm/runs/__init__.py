"""Run folders: what they contain, starting and resuming a run, showing its progress."""
