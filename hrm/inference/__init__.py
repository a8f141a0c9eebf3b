"""Thinking with a trained model: halting, attempts, answers, and how good they are."""
