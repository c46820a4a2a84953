"""A release says one thing everywhere: version, date, licence, supported Pythons."""

import re
import runpy
import sys
from importlib.metadata import version

import pytest

import operant

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from building import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def citation(key):
    return re.search(rf"^{key}: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]


def test_the_version_stands_in_pyproject_toml_and_all_else_agrees():
    assert operant.__version__ == version("operant") == PROJECT["version"] == citation("version")
    # The C library's name and its .pc file take it from pyproject.toml: tests/native/test_install.py.
    assert "sed -n 's/^version = " in (ROOT / "Makefile").read_text()


def test_the_changelog_begins_with_this_version_and_the_date_of_the_citation():
    newest = re.search(r"^## \[(.+)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest.groups() == (PROJECT["version"], citation("date-released"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2])


def test_the_licence_is_one():
    assert (PROJECT["license"], citation("license")) == ("MIT", "MIT")
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


class Visual:
    """The part of setuptools' object for MSVC that setup.py changes."""

    compiler_type = "msvc"
    cc = ""

    def initialize(self):
        self.cc = "cl.exe"
        self.compile_options = ["/nologo", "/O2", "/W3", "/GL", "/DNDEBUG", "/MD"]


def test_on_windows_clang_cl_takes_the_place_of_cl(monkeypatch, tmp_path):
    monkeypatch.setattr("setuptools.setup", lambda **keywords: None)
    monkeypatch.setenv("OPERANT_MYPYC", "0")
    monkeypatch.chdir(ROOT)
    take_clang = runpy.run_path(str(ROOT / "setup.py"))["take_clang"]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SystemExit, match=r"^operant has no wheel for this Python here, and to build one clang-cl is missing"
    ):
        take_clang(Visual())
    program = tmp_path / "clang-cl"
    program.touch(mode=0o700)
    compiler = Visual()
    take_clang(compiler)
    assert (compiler.cc, "/GL" in compiler.compile_options) == (str(program), False)

    monkeypatch.setattr(sys, "platform", "win32")
    build = runpy.run_path(str(ROOT / "native" / "build.py"))
    assert build["LIBRARIES"] == []
    assert {"/clang:-ffp-contract=off", "/clang:-O3", "-D_USE_MATH_DEFINES"} <= set(build["ARGUMENTS"])


def test_no_address_of_the_project_is_made_up(monkeypatch):
    """A fork's packages link to the fork: the workflow that publishes them knows where it runs."""
    assert PROJECT["dynamic"] == ["urls"] and "urls" not in PROJECT
    for path in (*ROOT.glob("*.*"), *(ROOT / "docs").rglob("*.*"), *(ROOT / ".github").rglob("*.*")):
        if path.suffix in (".md", ".py", ".toml", ".cff", ".yml", ".txt"):
            assert re.findall(r"https?://[^\s)>\"']*operant[^\s)>\"']*", path.read_text()) == [], path

    def given(**variables):
        arguments = {}
        monkeypatch.setattr("setuptools.setup", lambda **keywords: arguments.update(keywords))
        monkeypatch.setenv("OPERANT_MYPYC", "0")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
        return arguments

    assert given()["project_urls"] == {}
    linked = given(OPERANT_HOME_PAGE="https://forge.example/a/b")["project_urls"]
    assert linked["Homepage"] == "https://forge.example/a/b"
    assert linked["Issues"] == "https://forge.example/a/b/issues"
    assert given()["options"] == {"bdist_wheel": {"py_limited_api": "cp310"}}


def test_a_free_threaded_python_is_not_asked_for_abi3(monkeypatch):
    arguments = {}
    monkeypatch.setattr("setuptools.setup", lambda **keywords: arguments.update(keywords))
    monkeypatch.setenv("OPERANT_MYPYC", "0")
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else None)
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    assert arguments["options"] == {}
