"""Writes a video of episodes played by a policy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.vector.utils import concatenate, create_empty_array

from operant.catalog import MULTIAGENT, bare_id
from operant.environments.lookup import authored_spec
from operant.environments.register import register_env
from operant.models.algorithms.on_policy import OnPolicy


def record(
    algorithm: OnPolicy,
    env_id: str,
    path: Path,
    *,
    episodes: int,
    deterministic: bool,
    seed: int,
    env_options: Mapping[str, Any],
) -> int:
    """Plays `episodes` episodes one after the other into an MP4 file; returns the number of frames.

    Raises:
        ImportError: a package of the extra `video` is missing.
        ValueError: the environment cannot be drawn, or the path does not end in .mp4.
    """
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"{path} must end in .mp4")
    if bare_id(env_id) in MULTIAGENT:
        raise ValueError(f"{env_id} has several agents, which --video cannot show: omit --video")
    try:
        import imageio.v2 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError as problem:
        raise ImportError(f"--video needs {problem.name}: pip install 'operant[video]'") from None
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # draw frames in memory, without a display
    try:
        authored = authored_spec(env_id)
        known = env_id if authored is None else register_env(authored.source)
        env = gym.make(known, render_mode="rgb_array", **env_options)
    except gym.error.DependencyNotInstalled as problem:
        raise ImportError(f"--video cannot draw {env_id}: {problem}") from None
    rate = float(env.metadata.get("render_fps") or 30)
    frames = 0
    try:
        # H.264 needs sides that are multiples of 2. imageio's default of 16 would stretch most frames.
        writer: Any = imageio.get_writer(path, fps=rate, macro_block_size=2)
        with writer:
            for episode in range(episodes):
                for frame in _frames(algorithm, env, deterministic, seed + episode):
                    writer.append_data(frame)
                    frames += 1
    finally:
        env.close()
    return frames


def _frames(algorithm: OnPolicy, env: Any, deterministic: bool, seed: int) -> Any:
    observation, _ = env.reset(seed=seed)
    batch: Any = create_empty_array(env.observation_space, n=1)
    state, ended = None, False
    yield env.render()
    while not ended:
        rows = concatenate(env.observation_space, [observation], batch)
        actions, state = algorithm.predict(rows, state, deterministic=deterministic)
        observation, _, terminated, truncated, _ = env.step(actions[0])
        ended = terminated or truncated
        yield env.render()
