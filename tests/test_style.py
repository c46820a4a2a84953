"""The linters find nothing; see [tool.ruff] and [tool.mypy] in pyproject.toml."""

import sys

from building import ROOT, run


def test_ruff_finds_nothing():
    run(sys.executable, "-m", "ruff", "check", ROOT, cwd=ROOT)


def test_mypy_finds_nothing():
    run(sys.executable, "-m", "mypy", cwd=ROOT)


def test_lines_of_c_have_at_most_120_columns():
    files = [path for path in (ROOT / "native").rglob("*.[ch]") if path.parent != ROOT / "native" / "build"]
    lines = [(path, number, line) for path in files for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert [f"{path.name}:{number}" for path, number, line in lines if len(line) > 120] == []
