"""Puts PufferLib 3.0.0's Python modules on the path, from its sdist, which cannot be installed without GitHub."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# The one function of its compiled module pufferlib._C, after pufferlib/extensions/pufferlib.cpp.
ADVANTAGE = """
import torch

@torch.library.custom_op("pufferlib::compute_puff_advantage", mutates_args=("advantages",))
def compute_puff_advantage(
    values: torch.Tensor, rewards: torch.Tensor, dones: torch.Tensor, importance: torch.Tensor,
    advantages: torch.Tensor, gamma: float, gae_lambda: float, rho_clip: float, c_clip: float,
) -> None:
    last = torch.zeros(len(values))
    rho, c = importance.clamp(max=rho_clip), importance.clamp(max=c_clip)
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1 - dones[:, t + 1]
        delta = rho[:, t] * (rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t])
        last = delta + gamma * gae_lambda * c[:, t] * last * alive
        advantages[:, t] = last
"""


def unpack(folder: Path) -> None:
    """Unpacks the package `pufferlib` into `folder`.

    pip unpacks the sdist, runs its setup.py for the metadata, and fails: with NO_OCEAN=1 a name in it is undefined,
    without it raylib is fetched from GitHub. --no-clean keeps the unpacked files.
    """
    temporary = folder / "pip"
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-clean", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "pufferlib", "--dest", temporary, "pufferlib==3.0.0"]
    environment = os.environ | {"TMPDIR": str(temporary), "NO_OCEAN": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = list(temporary.glob("*/*/pufferlib/pufferlib.py"))
    if not found:
        raise RuntimeError(f"pip did not unpack pufferlib 3.0.0:\n{done.stdout}{done.stderr}")
    shutil.move(found[0].parent, folder / "pufferlib")
    shutil.rmtree(temporary)
    (folder / "pufferlib" / "_C.py").write_text(ADVANTAGE)


def pytest_configure(config: pytest.Config) -> None:
    """Unpacks PufferLib, and imports it in a folder where the import may leave its link `resources`."""
    folder = Path(tempfile.mkdtemp(prefix="pufferlib-"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    unpack(folder)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)  # of the examples
    here = os.getcwd()
    os.chdir(folder)
    import pufferlib

    os.chdir(here)
    assert pufferlib.__file__ == str(folder / "pufferlib" / "__init__.py")
