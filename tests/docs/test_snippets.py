"""Every snippet of README and docs runs as it stands, from the top of its page."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from authored import forget_authored
from building import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import environment_pages

# Pages of which other tests run every snippet, because they must replace something first: a number of seeds, a device.
ELSEWHERE = {
    "docs/add-an-algorithm.md": "tests/models/algorithms/test_add_an_algorithm.py",
    "docs/add-an-environment.md": "tests/cli/test_authoring_commands.py",
    "docs/agents.md": "tests/cli/test_enjoy.py",
    "docs/benchmarks.md": "tests/bench/test_main.py",
    "docs/doctor.md": "tests/doctor/test_doctor_page.py",
    "docs/gpu.md": "tests/cuda/test_gpu_page.py",
    "docs/studies.md": "tests/studies/test_studies_page.py",
}
# The tests of each library run its section of this page, from the section's top. Two need environments of their own.
INTEGRATIONS = "docs/integrations.md"
SECTIONS = {
    "Stable-Baselines3": "tests/compat/test_sb3.py",
    "RL-Zoo3": "tests/compat/test_zoo.py",
    "CleanRL": "tests/compat/test_cleanrl.py",
    "PufferLib": "tests/compat/own_environment/pufferlib/test_vector.py",
    "RLlib": "tests/compat/own_environment/rllib/test_rllib.py",
    "TorchRL": "tests/compat/test_torchrl.py",
    "EnvPool": "tests/compat/test_envpool.py",
    "PettingZoo": "tests/multiagent/test_training.py",
    "Direct classes": "tests/test_envs.py",
}
# What is neither Python nor a command, nor a file that commands read.
OTHER_LANGUAGES = {
    ("docs/add-an-environment.md", "c"): "tests/cli/test_authoring_commands.py",
    ("docs/c.md", "c"): "tests/examples/test_examples.py",
    ("docs/doctor.md", "text"): "tests/doctor/test_doctor_page.py",
    ("docs/studies.md", "toml"): "tests/studies/test_studies_page.py",
    ("docs/studies.md", "text"): "tests/studies/test_studies_page.py",
    ("docs/training.md", "text"): "tests/models/algorithms/test_training_page.py",
    ("docs/vectorize.md", "diff"): "tests/compat/test_cleanrl_vectorized.py",
}
# Commands of other programs, which install operant or build it; tests/models/machine starts torchrun, tests/examples
# starts the last.
OTHERS = ("cc", "git", "make", "pip", "sudo", "sed", "torchrun", "build/native/train-cartpole")

PAGES = {str(page.relative_to(ROOT)): page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]}


def blocks(text):
    """The language and the code of each block, in order."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def file_name(code):
    """The file that a block is, if its first line says so."""
    named = re.match(r"# ([\w/]+\.\w+)\n", code)
    return named and named[1]


def run_command(line):
    """Runs a line of a shell as this installation's `operant`, if it is that command."""
    program, *arguments = shlex.split(line, comments=True)
    if program == "operant":
        command = [sys.executable, "-m", "operant.cli.main", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    else:
        assert program in OTHERS, line


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    forget_authored()


HERE = [name for name in sorted(PAGES) if name not in {INTEGRATIONS, *ELSEWHERE} and blocks(PAGES[name])]


@pytest.mark.test_all("trains, exports and searches with all that the pages show")
@pytest.mark.parametrize("name", HERE)
def test_the_snippets_of_a_page_run_from_its_top(name):
    names = {"__name__": "page"}
    for language, code in blocks(PAGES[name]):
        if file_name(code):
            Path(file_name(code)).write_text(code)
        elif language == "python":
            exec(compile(code, name, "exec"), names)
        elif language == "sh":
            for line in code.splitlines():
                if line.partition("#")[0].strip():
                    run_command(line)


@pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
@pytest.mark.parametrize("name", environment_pages.specs())
def test_the_snippets_of_an_environments_page_run(name):
    names = {}
    code = "\n".join(
        code
        for language, code in blocks(environment_pages.page(environment_pages.specs()[name]))
        if language == "python"
    )
    if name == "pusher-v4" and version("mujoco") >= "3":
        with pytest.raises(ImportError, match=r"`Pusher-v4` is only supported on `mujoco<3`"):
            exec(compile(code, name, "exec"), names)
    else:
        exec(compile(code, name, "exec"), names)
        assert len(names["rewards"]) >= 64


def test_every_block_has_a_language_and_a_test():
    for name, text in PAGES.items():
        assert not re.search(r"\n\n    ", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)), name
        for language, code in blocks(text):
            if language not in ("python", "sh") and not file_name(code):
                assert (name, language) in OTHER_LANGUAGES or (name, language) == ("docs/architecture.md", "text"), (
                    f"{name}: {language} {code[:60]}"
                )


def test_pages_and_sections_that_are_tested_elsewhere_are_named_there():
    for page, test in [*ELSEWHERE.items(), *((page, test) for (page, _), test in OTHER_LANGUAGES.items())]:
        assert page.partition("/")[2] in (ROOT / test).read_text(), page
    parts = re.split(r"^## (.+)\n", PAGES[INTEGRATIONS], flags=re.MULTILINE)
    assert set(SECTIONS) == {title for title, text in zip(parts[1::2], parts[2::2], strict=True) if blocks(text)}
    for section, test in SECTIONS.items():
        text = (ROOT / test).read_text()
        assert f'run_snippets("{section}"' in text or f'partition("## {section}")' in text, section
