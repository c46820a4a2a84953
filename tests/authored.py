"""Users' headers for the tests: the scaffold, unchanged or broken in one place."""

from __future__ import annotations

from pathlib import Path

import gymnasium

import operant.headers.scaffold
from operant.environments.lookup import AUTHORED
from operant.headers.scaffold import write_scaffold

SCAFFOLD = Path(operant.headers.scaffold.__file__).parent
REFERENCE = '''
import numpy as np


class Lander:
    """lander.h in Python, step by step."""

    def reset(self, *, seed=None):
        if seed is not None:
            self.random = np.random.default_rng(seed)
        self.state = [self.random.uniform(8.0, 12.0), self.random.uniform(-1.0, 1.0)]
        return np.array(self.state, np.float32), {}

    def step(self, action):
        height, speed = self.state
        speed = min(max(speed + 0.1 * ((4.0 if action == 1 else 0.0) - 1.62), -10.0), 10.0)
        height = max(height + 0.1 * speed, 0.0)
        self.state = [height, speed]
        landed, lost = height <= 0, height > 20
        reward = (-5.0 if lost else 1 - 0.5 * abs(speed) if landed else 0.0) - 0.005
        return np.array(self.state, np.float32), reward, landed or lost, False, {}
'''


def write_lander(folder: Path, header: tuple[str, str] = ("", ""), descriptor: tuple[str, str] = ("", "")) -> Path:
    """Writes the scaffold's lander.h and lander.toml into a folder; in each, one text may be replaced by another."""
    path, toml = write_scaffold("lander", folder)
    for file, (old, new) in ((path, header), (toml, descriptor)):
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file.name}"
        file.write_text(text.replace(old, new) if old else text)
    return path


def forget_authored() -> None:
    """Forgets all headers that a test has registered."""
    for env_id in AUTHORED:
        gymnasium.registry.pop(env_id, None)
    AUTHORED.clear()


def with_reference(folder: Path, old: str = "", new: str = "") -> Path:
    """Writes the scaffold with REFERENCE beside it, in which one text may be replaced by another."""
    path = write_lander(folder, descriptor=("# reference", "reference"))
    module = f"lander_reference_{abs(hash((old, new)))}"  # a unique name: modules are imported once
    toml = path.with_suffix(".toml")
    toml.write_text(toml.read_text().replace("lander_reference", module))
    assert old in REFERENCE
    (folder / f"{module}.py").write_text(REFERENCE.replace(old, new) if old else REFERENCE)
    return path
