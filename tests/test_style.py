"""The linters find nothing; see [tool.ruff] and [tool.mypy] in pyproject.toml."""

import sys

from building import ROOT, run


def test_ruff_finds_nothing():
    run(sys.executable, "-m", "ruff", "check", ROOT, cwd=ROOT)


def test_mypy_finds_nothing():
    run(sys.executable, "-m", "mypy", cwd=ROOT)
