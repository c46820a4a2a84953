"""Builds the C library and a wheel for the tests that need them, once for all pytest workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file, so that parallel pytest workers take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, **options: object) -> str:
    """Runs a command and returns its standard output; if it fails, the test fails with the command's full output."""
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        said = (done.stdout + done.stderr)[-6000:]
        pytest.fail(f"{' '.join(words)} exited with {done.returncode}:\n{said}")
    return str(done.stdout)


def make(*arguments: str, directory: Path = ROOT) -> str:
    """Runs make, unaffected by a make that runs these tests, one at a time for each target."""
    ours = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    lock = "-".join(arguments).replace("/", "-").replace("=", "-")
    with locked(directory / "build" / "locks" / lock):
        return run("make", "-s", "-j2", *arguments, cwd=directory, env=environment)


def needs(program: str, package: str) -> None:
    """Skips the test if a tool is missing; in CI, where tools must be installed, fails it."""
    if shutil.which(program):
        return
    reason = f"{program} is missing: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def distributions() -> tuple[Path, Path]:
    """The sdist, and the wheel built from it without mypyc; `make wheel` builds them once for all tests."""
    make("wheel", "INSTALLED=", f"BIN={Path(sys.executable).parent}")
    dist = ROOT / "build" / "dist"
    return next(dist.glob("*.tar.gz")), next(dist.glob("*.whl"))
