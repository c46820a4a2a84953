"""Draws the moving pictures of the environments: `python docs/pictures.py`, with names of headers for some of them.

Each is docs/pictures/HEADER.webp: some seconds of a policy that PPO in the core has just trained with a fixed seed, or
of random actions. MuJoCo's are drawn by EGL, which needs no display. It takes minutes; the pictures are committed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.environments.vector import OperantVectorEnv
from operant.models.algorithms.tuned import tuned
from operant.spec import EnvSpec

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # draws in memory, without a display

FOLDER = Path(__file__).with_name("pictures")
SEED = 3
SECONDS = 5.0
FRAMES_PER_SECOND = {"": 16, "mujoco": 8}  # by engine; of what is drawn more often, only some frames are kept
WIDTH = {"": 320, "mujoco": 200}
LARGEST = 60_000  # bytes, if a quality allows it
QUALITIES = (50, 35, 20, 10)
SLOWEST = 4  # frames per second: boards that change slowly are shown faster than they are played

RANDOM = ("bandit", "memory", "blackjack", "ant", "humanoid", "humanoid_standup", "pusher", "walker2d", "hopper")
"""Environments whose picture says as much with random actions, or that take a policy with memory, or long training."""

STEPS = {"snake": 600_000, "squared": 300_000}
"""The steps of training where the tuned ones take minutes."""

OPTIONS: dict[str, dict[str, Any]] = {
    "mujoco": {
        "timesteps": 100_000,
        "num_envs": 16,
        "rollout_steps": 128,
        "normalize_observations": True,
        "normalize_rewards": True,
        "epochs": 8,
        "minibatches": 16,
    },
    "": {"timesteps": 1_000_000, "num_envs": 64, "rollout_steps": 64, "learning_rate": 2.5e-3, "gamma": 0.98},
}
"""Options of training without tuned ones: on an engine, and elsewhere."""


def specs() -> dict[str, EnvSpec]:
    """A descriptor for each picture, by the picture's name; an engine's pictures are only those that are there."""
    built_in = [spec for spec in (*CATALOG.values(), *MULTIAGENT.values()) if spec.reference]
    drawn = [spec for spec in ENGINES.values() if (FOLDER / f"{spec.header}.webp").exists()]
    return {spec.header: spec for spec in (*built_in, *drawn)}


def policy(spec: EnvSpec, train: bool) -> Any:
    """A function of observations that returns actions, random ones unless it is to be trained."""
    if spec.header in RANDOM or not train:
        sampler = OperantVectorEnv(spec.full_id, 1).action_space
        sampler.seed(SEED)
        return lambda observations: sampler.sample()
    from operant.models import PPO

    options = dict(tuned(spec.full_id, "ppo") or OPTIONS[spec.engine])
    timesteps = STEPS.get(spec.header, options.pop("timesteps"))
    trained = PPO(spec.full_id, PPO.Config(**options), seed=SEED).learn(timesteps)
    return lambda observations: trained.predict(observations, deterministic=True)[0]


def frames(spec: EnvSpec, train: bool) -> Iterator[np.ndarray]:
    """Yields pictures `[H, W, 3]` of episodes of one environment, the fresh states included."""
    act = policy(spec, train)
    envs = OperantVectorEnv(spec.full_id, 1, render_mode="rgb_array", autoreset_mode="SameStep")
    observations, _ = envs.reset(seed=SEED)
    while True:
        yield envs.render()[0]
        observations, *_ = envs.step(act(observations))


def draw(spec: EnvSpec, folder: Path = FOLDER, train: bool = True) -> Path:
    """Writes the picture of an environment; returns its path."""
    every = max(1, round(spec.render_fps / FRAMES_PER_SECOND[spec.engine]))
    width = WIDTH[spec.engine]
    rate = max(SLOWEST, spec.render_fps / every)
    images = []
    for index, frame in zip(range(round(SECONDS * rate) * every), frames(spec, train), strict=False):
        if index % every == 0:
            height = round(width * frame.shape[0] / frame.shape[1])
            smooth = Image.Resampling.LANCZOS if frame.shape[1] > width else Image.Resampling.NEAREST
            images.append(Image.fromarray(frame).resize((width, height), smooth))
    path = folder / f"{spec.header}.webp"
    for quality in QUALITIES:
        how = {"append_images": images[1:], "duration": round(1000 / rate), "loop": 0, "quality": quality, "method": 6}
        images[0].save(path, save_all=True, **how)
        if path.stat().st_size <= LARGEST:
            break
    return path


def main(names: list[str]) -> int:
    """Draws the named pictures, or all."""
    os.environ.setdefault("MUJOCO_GL", "egl")
    known = specs() | {spec.header: spec for spec in ENGINES.values()}
    for name in names or known:
        path = draw(known[name])
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
