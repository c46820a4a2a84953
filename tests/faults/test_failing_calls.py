"""Calls of the system that fail, each in turn: one line is said, nothing is lost, and the next try succeeds.

See failing.c and victims.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from building import run

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD of glibc's functions")
CALLS = ("write", "short write", "fsync", "rename", "open", "malloc")


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    library = tmp_path_factory.mktemp("failing") / "failing.so"
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", HERE / "failing.c", "-o", library)
    return library


def failures(library, subject, call, folder):
    """The number of calls that failed, one in each try."""
    environment = {**os.environ, "LD_PRELOAD": str(library), "OPERANT_CACHE": str(folder / "cache")}
    command = [sys.executable, HERE / "victims.py", subject, call, folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("subject", ["checkpoint", "metrics"])
def test_a_file_is_whole_whichever_call_fails(failing, tmp_path, subject, call):
    assert failures(failing, subject, call, tmp_path) >= 1


def test_a_batch_names_a_lack_of_memory_wherever_it_occurs(failing, tmp_path):
    assert failures(failing, "batch", "malloc", tmp_path) >= 5


@pytest.mark.test_all("compiles a header some dozens of times")
@pytest.mark.parametrize("call", ["write", "short write", "rename", "open"])
def test_a_library_is_whole_whichever_call_fails(failing, tmp_path, call):
    assert failures(failing, "header", call, tmp_path) >= 1
