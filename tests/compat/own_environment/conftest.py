"""Tests of frameworks that each need an environment of their own, which holds little else but the wheel of operant."""

import sys
from pathlib import Path

# What these tests share with the others: tests/snippets.py, and what lies in tests/compat.
sys.path[:0] = [str(Path(__file__).parents[level]) for level in (1, 2)]
