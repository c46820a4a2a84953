"""Runs the command in separate processes, and makes temporary Python environments."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

Finished = subprocess.CompletedProcess[str]


def run_python(*arguments: str, python: str | Path = sys.executable, cwd: str | Path | None = None) -> Finished:
    """Runs an interpreter to its end."""
    return subprocess.run(
        [str(python), *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def operant(tmp_path: Path) -> Callable[..., Finished]:
    """Runs `operant ARGUMENT ...` in a folder of its own."""

    def run(*arguments: str) -> Finished:
        return run_python("-m", "operant.cli.main", *arguments, cwd=tmp_path)

    return run


@pytest.fixture
def error_line(operant: Callable[..., Finished]) -> Callable[..., str]:
    """Runs `operant ARGUMENT ...`, which must fail with exit code 2, and returns its one line on stderr."""

    def run(*arguments: str) -> str:
        finished = operant(*arguments)
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert finished.stderr.count("\n") == 1
        return finished.stderr

    return run


class Environment:
    """A Python environment with links to the packages of this one."""

    def __init__(self, folder: Path, with_operant: bool):
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        self.folder = folder
        [self.site_packages] = folder.glob("lib/python*/site-packages")
        for path in sys.path:
            if os.path.basename(path) in ("site-packages", "dist-packages") and os.path.isdir(path):
                for name in os.listdir(path):
                    link = self.site_packages / name
                    left_out = "operant_autoload" in name.replace("-", "_") or name == "__pycache__"
                    if not left_out and (with_operant or "operant" not in name) and not link.exists():
                        link.symlink_to(os.path.join(path, name))

    def run(self, *arguments: str) -> Finished:
        return run_python(*arguments, python=self.python, cwd=self.folder)

    def autoload(self, action: str) -> Finished:
        return self.run("-m", "operant.cli.main", "autoload", action)

    def output(self, code: str, *options: str) -> str:
        """Runs a program and returns its output; it must succeed and print nothing on stderr."""
        finished = self.run(*options, "-c", code)
        assert (finished.stderr, finished.returncode) == ("", 0)
        return finished.stdout.strip()

    def files(self) -> list[str]:
        """Lists operant's files in site-packages and its __pycache__."""
        return sorted(path.name for path in self.site_packages.rglob("*operant?autoload*") if not path.is_symlink())


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A temporary Python environment with operant."""
    return Environment(tmp_path / "environment", with_operant=True)


@pytest.fixture
def environment_without_operant(tmp_path: Path) -> Environment:
    """A temporary Python environment from which operant has been uninstalled."""
    return Environment(tmp_path / "uninstalled", with_operant=False)
