"""Tests of frameworks that each need a separate virtual environment, with operant's wheel and little else."""

import sys
from pathlib import Path

# Modules that these tests share with the others: tests/snippets.py, and those in tests/compat.
sys.path[:0] = [str(Path(__file__).parents[level]) for level in (1, 2)]
