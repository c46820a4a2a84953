"""Runs code that draws without a screen."""

import subprocess
import sys

import pytest


def run_with_egl(monkeypatch, code, *arguments):
    """Fails unless code that runs in a process without a screen prints "same"."""
    monkeypatch.setenv("MUJOCO_GL", "egl")
    probe = "import mujoco.egl; mujoco.egl.GLContext(16, 16)"
    if subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode:
        pytest.skip("EGL is missing: apt install libegl1")
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert ran.stdout.strip() == "same", ran.stderr[-2000:]
