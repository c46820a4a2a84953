"""The snippets of docs/doctor.md run, and show what the page shows."""

import re
import subprocess
import sys

import pytest
from snippets import DOCS

PAGE = (DOCS / "doctor.md").read_text()

# The package that stands in the page for a reader's.
PACKAGE = {
    "__init__.py": """
import gymnasium
gymnasium.register("Lander-v0", "gymnasium.envs.classic_control:MountainCarEnv", max_episode_steps=200)
""",
    "tasks.py": """
import gymnasium
def make_landers(num_envs, max_episode_steps=None):
    return gymnasium.make_vec("my_package:Lander-v0", num_envs, max_episode_steps=max_episode_steps)
""",
}


@pytest.fixture(autouse=True)
def beside_the_package(tmp_path, monkeypatch):
    (tmp_path / "my_package").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "my_package" / name).write_text(text)
    monkeypatch.chdir(tmp_path)


def commands():
    lines = [line for code in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in code.splitlines()]
    return [line.partition("#")[0].split() for line in lines]


@pytest.mark.test_all("examines EnvPool, and AsyncVectorEnv with all its processes")
@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_examines_its_subject(words):
    assert words[0] == "operant"
    program = (sys.executable, "-m", "operant.cli.main", *words[1:])
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    errors = re.search(r": (\d+) errors?,", done.stdout)
    assert done.returncode == bool(errors) and done.stderr == "" and "could not be examined" not in done.stdout
    if "envpool" in words:
        [shown] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
        begins, error = shown.split("...\n")
        assert done.stdout.startswith(begins) and error in done.stdout


def test_the_snippet_prints_findings(capsys):
    [snippet] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(snippet, {})
    severity, rule, *_ = capsys.readouterr().out.splitlines()
    assert severity in ("error", "warning", "note") and re.fullmatch(r"[a-z-]+", rule)
