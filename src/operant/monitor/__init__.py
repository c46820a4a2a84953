"""Metrics of runs: recorded during training, read and drawn by another process."""
