"""Tests of frameworks that each need an environment of their own, which holds little else but the wheel of operant."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
