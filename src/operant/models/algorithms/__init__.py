"""On-policy algorithms, each of which reads from top to bottom."""
