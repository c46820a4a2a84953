"""On-policy algorithms, each readable from top to bottom."""
