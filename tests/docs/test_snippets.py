"""Every snippet of README and docs runs as it stands, from the top of its page."""

import re
import subprocess
import sys

import pytest
from building import ROOT

from operant.environments.lookup import AUTHORED

# Pages of which another test runs every snippet, because it must replace something first.
ELSEWHERE = {
    "docs/add-an-algorithm.md": "tests/models/algorithms/test_add_an_algorithm.py",
    "docs/add-an-environment.md": "tests/cli/test_authoring_commands.py",
    "docs/gpu.md": "tests/cuda/test_gpu_page.py",
    "docs/studies.md": "tests/studies/test_studies_page.py",
    "docs/training.md": "tests/models/algorithms/test_training_page.py",
}
# Sections whose frameworks are installed in environments of their own, with their tests.
OWN_ENVIRONMENT = {"PufferLib": "pufferlib", "RLlib": "rllib"}
# Commands of other programs, which install operant or build it.
OTHERS = ("cc", "git", "make", "pip", "sudo", "sed")

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text):
    """Yields the language and the code of each block in Python or a shell, in order."""
    section = ""
    for heading, language, code in re.findall(r"^## ([^\n]+)$|^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        section = heading or section
        if language in ("python", "sh") and section not in OWN_ENVIRONMENT:
            yield language, code


def run_command(line):
    """Runs a line of a shell as this installation's `operant`, if it is that command."""
    program, *arguments = line.split()
    if program == "operant":
        done = subprocess.run([sys.executable, "-m", "operant.cli.main", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    else:
        assert program in OTHERS, line


PYTHON = [page for page in PAGES if str(page.relative_to(ROOT)) not in ELSEWHERE and [*blocks(page.read_text())]]


@pytest.mark.test_all("trains with every library for which the docs have a snippet")
@pytest.mark.parametrize("page", PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_snippets_of_a_page_run_from_its_top(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    try:
        for language, code in blocks(page.read_text()):
            if language == "python":
                exec(compile(code, page.name, "exec"), names)
            else:
                for line in code.splitlines():
                    run_command(line.partition("#")[0])
    finally:
        AUTHORED.clear()


def test_pages_that_are_tested_elsewhere_are_named_there():
    for page, test in ELSEWHERE.items():
        assert page.partition("/")[2] in (ROOT / test).read_text(), page
    for name in OWN_ENVIRONMENT.values():
        tests = (ROOT / "tests" / "compat" / "own_environment" / name).glob("test_*.py")
        assert any("snippets" in test.read_text() for test in tests), name
