"""The linters find nothing; see [tool.ruff] and [tool.mypy] in pyproject.toml."""

import ast
import re
import sys

from building import ROOT, run


def test_ruff_finds_nothing():
    run(sys.executable, "-m", "ruff", "check", ROOT, cwd=ROOT)


def test_mypy_finds_nothing():
    run(sys.executable, "-m", "mypy", cwd=ROOT)


def test_lines_of_c_have_at_most_120_columns():
    found = [path for folder in ("native", "examples", "tests") for path in (ROOT / folder).rglob("*.[ch]")]
    files = [path for path in found if path.parent != ROOT / "native" / "build"]
    lines = [(path, number, line) for path in files for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert [f"{path.name}:{number}" for path, number, line in lines if len(line) > 120] == []


def test_docstrings_begin_with_a_verb_or_a_noun():
    folders = ("src", "bench", "compat", "examples", "native", "tests", "wheels")
    files = [ROOT / "setup.py", *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) or ""
                if re.match(r"(What|Whether|Who|Which|How)\b", docstring):
                    found.append(f"{path.name}: {docstring.splitlines()[0]}")
    assert len(files) > 300 and found == []


def test_nothing_pickled_is_read_from_a_file():
    reads = re.compile(r"torch\.load|pickle\.load\(|Unpickler|allow_pickle|np\.load|marshal\.load|shelve|joblib")
    files = [path for folder in ("src", "bench", "compat") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 150 and [path.name for path in files if reads.search(path.read_text())] == []


def test_no_two_files_of_tests_have_one_name():
    """pytest imports each by its name alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if "own_environment" not in path.parts]
    assert [name for name in set(names) if names.count(name) > 1 and name != "conftest.py"] == []
