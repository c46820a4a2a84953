"""Writes a video of episodes played by a policy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from operant.cli.strip_chart import SPAN, StripChart
from operant.environments.layout import Layout
from operant.environments.lookup import find_spec, is_native
from operant.environments.rendering import reference_env
from operant.files.atomic import disk_errors
from operant.models.algorithms.algorithm import Algorithm
from operant.models.evaluation import open_episodes
from operant.spec import EnvSpec

Look = Callable[[Any, Any, Any], np.ndarray]
"""Makes a frame of what is observed now, and of the actions and rewards before it, which a reset has not."""


def record(
    algorithm: Algorithm,
    env_id: str,
    path: Path,
    *,
    episodes: int,
    deterministic: bool,
    seed: int,
    env_options: Mapping[str, Any],
) -> int:
    """Plays the first `episodes` episodes of `evaluate` one by one into an MP4 file; returns the number of frames.

    An environment whose header has no drawing is shown as its numbers over time.

    Raises:
        ImportError: a package of the extra `video` is missing.
        ValueError: the path does not end in .mp4.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"{path} must end in .mp4")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # draw frames in memory, without a display
    spec = find_spec(env_id, dict(env_options)) if is_native(env_id) else None
    charted = spec if spec is not None and not _has_drawing(spec) else None
    envs = open_episodes(env_id, 1, env_options if charted else {**env_options, "render_mode": "rgb_array"})
    try:
        with _Film(path, float(envs.metadata.get("render_fps") or 30)) as film:
            for episode in range(episodes):
                look = _drawing(envs) if charted is None else _chart(charted, algorithm, envs)
                for frame in _frames(algorithm, envs, look, deterministic, seed + episode):
                    film.append(frame)
    finally:
        envs.close()
    return film.frames


class _Film:
    """An MP4 file that appears at `path` whole or not at all, at the end of a with block."""

    def __init__(self, path: Path, rate: float):
        try:
            import imageio.v2 as imageio
            import imageio_ffmpeg
        except ImportError as problem:
            raise ImportError(f"--video needs {problem.name}: pip install 'operant[video]'") from None
        self._path, self._temporary = path, path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._count, self.frames = imageio_ffmpeg.count_frames_and_secs, 0
        with disk_errors("write", path):
            self._temporary.touch()
        # H.264 needs sides that are multiples of 2. imageio's default of 16 would stretch most frames.
        self._writer: Any = imageio.get_writer(self._temporary, fps=rate, macro_block_size=2, ffmpeg_log_level="quiet")

    def append(self, frame: np.ndarray) -> None:
        """Adds a frame `[H, W, 3]` uint8."""
        try:
            self._writer.append_data(frame)
        except OSError:
            raise self._failure() from None
        self.frames += 1

    def _failure(self) -> OSError:
        return OSError(f"cannot write {self._path}: ffmpeg failed: is the disk full, or a limit (ulimit -f) reached?")

    def __enter__(self) -> _Film:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                self._writer.close()
            if kind is None:
                self._check()
                with disk_errors("write", self._path):
                    os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        """Raises OSError unless the file holds all frames: ffmpeg does not say that the disk was full at its end."""
        try:
            written, _ = self._count(str(self._temporary))
        except RuntimeError:  # it cannot be read
            written = 0
        if written != self.frames:
            raise self._failure()


def _has_drawing(spec: EnvSpec) -> bool:
    """Tells whether the descriptor names a reference class that draws, and it can be made."""
    if not spec.reference:
        return False
    try:
        artist = reference_env(spec, render_mode="rgb_array")
    except (TypeError, ImportError):  # it takes no render_mode; or mpe2 is not installed
        return False
    return hasattr(artist, "render")


def _frames(algorithm: Algorithm, envs: Any, look: Look, deterministic: bool, seed: int) -> Iterator[np.ndarray]:
    observations, _ = envs.reset(seed=seed)
    yield look(observations, None, None)
    state, ended = None, False
    while not ended:
        actions, state = algorithm.predict(observations, state, deterministic=deterministic)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        ended = bool((terminated | truncated).any())
        yield look(observations, actions, rewards)


def _drawing(envs: Any) -> Look:
    def look(observations: Any, actions: Any, rewards: Any) -> np.ndarray:
        frame: np.ndarray = envs.render()[0]
        return frame

    return look


def _chart(spec: EnvSpec, algorithm: Algorithm, envs: Any) -> Look:
    """Charts an episode: the state, each agent's observations and actions, and the rewards."""
    chart = StripChart(min(SPAN, (spec.max_episode_steps or SPAN) + 1))
    layout = Layout(algorithm.environments.observation_space)
    step, total = -1, 0.0

    def look(observations: Any, actions: Any, rewards: Any) -> np.ndarray:
        nonlocal step, total
        [record] = envs.get_state()
        numbers = {
            "action": np.full(envs.action_space.shape, np.nan) if actions is None else actions,
            "reward": np.full(envs.num_envs, np.nan) if rewards is None else rewards,
        }
        numbers |= {f"{part.name} ({part.unit})" if part.unit else part.name: record[part.name] for part in spec.state}
        rows = np.asarray(layout.flatten(observations), np.float64).reshape(envs.num_envs, -1)
        start = 0
        for part in spec.observation:
            numbers[f"observation: {part.name}"] = rows[:, start : start + part.size]
            start += part.size
        chart.add(numbers)
        step, total = step + 1, total + (0.0 if rewards is None else float(np.mean(rewards)))
        return chart.draw(f"{spec.id}   step {step}   return {total:.4g}")

    return look
