"""Plays episodes with a policy, frame by frame: for a video, or for a window."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from operant.cli.strip_chart import SPAN, StripChart
from operant.environments.layout import Layout
from operant.environments.lookup import find_spec, is_native
from operant.environments.rendering import reference_env
from operant.models.algorithms.algorithm import Algorithm
from operant.models.evaluation import open_episodes
from operant.spec import EnvSpec

Look = Callable[[Any, Any, Any], np.ndarray]
"""Makes a frame of what is observed now, and of the actions and rewards before it, which a reset has not."""


class Screen(Protocol):
    """Anything that takes frames: a film or a window."""

    def append(self, frame: np.ndarray, /) -> None: ...


class Stage:
    """The environment in which a policy plays the episodes of `evaluate`, one by one, and is drawn.

    An environment whose header has no drawing is shown as its numbers over time.

    Attributes:
        rate: frames in a second.
    """

    def __init__(self, algorithm: Algorithm, env_id: str, env_options: Mapping[str, Any]):
        self._algorithm = algorithm
        spec = find_spec(env_id, dict(env_options)) if is_native(env_id) else None
        self._charted = spec if spec is not None and not _has_drawing(spec) else None
        drawn = env_options if self._charted else {**env_options, "render_mode": "rgb_array"}
        self._envs = open_episodes(env_id, 1, drawn)
        self.rate = float(self._envs.metadata.get("render_fps") or 30)

    def show(self, screen: Screen, seeds: Iterable[int], deterministic: bool) -> Iterator[float]:
        """Plays an episode from each seed, and yields its return when it has ended; of several agents, their mean."""
        for seed in seeds:
            yield self._episode(screen, seed, deterministic)

    def _episode(self, screen: Screen, seed: int, deterministic: bool) -> float:
        envs, policy = self._envs, self._algorithm
        look = _drawing(envs) if self._charted is None else _chart(self._charted, policy, envs)
        observations, _ = envs.reset(seed=seed)
        screen.append(look(observations, None, None))
        state, ended, total = None, False, 0.0
        while not ended:
            actions, state = policy.predict(observations, state, deterministic=deterministic)
            observations, rewards, terminated, truncated, _ = envs.step(actions)
            ended, total = bool((terminated | truncated).any()), total + float(np.mean(rewards))
            screen.append(look(observations, actions, rewards))
        return total

    def close(self) -> None:
        """Closes the environment."""
        self._envs.close()


def draw_in_memory() -> None:
    """Lets pygame draw without a display, unless it was told otherwise: for a video."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def _has_drawing(spec: EnvSpec) -> bool:
    """Tells whether the descriptor names a reference class that draws, and it can be made."""
    if not spec.reference:
        return False
    try:
        artist = reference_env(spec, render_mode="rgb_array")
    except (TypeError, ImportError):  # it takes no render_mode; or mpe2 is not installed
        return False
    return hasattr(artist, "render")


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
