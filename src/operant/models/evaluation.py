"""Plays whole episodes with a trained policy, and returns their returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from operant.catalog import CATALOG, ENGINES, bare_id
from operant.environments.lookup import find_spec, is_native
from operant.environments.vector import OperantVectorEnv
from operant.models.networks.spaces import actions_of

LONGEST = 1000  # steps after which an episode without a time limit is truncated


class Policy(Protocol):
    """Anything that acts: an algorithm of operant's, or a model of Stable-Baselines3."""

    def predict(self, observations: Any, state: Any = ..., /, *, deterministic: bool = ...) -> tuple[Any, Any]:
        """Returns actions for observations `[N, ...]`, and the state of a recurrent policy."""


def reference_id(env_id: str) -> str | None:
    """Returns the id of Gymnasium's environment for the same task as operant's `env_id`, or None if there is none."""
    name = bare_id(env_id)
    return name if env_id != name and (name in CATALOG or name in ENGINES) and name in gym.registry else None


def exact(env_id: str, env_options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of the exact build of operant's environment; those of others are as they were.

    From the same seeds its episodes are Gymnasium's, bit for bit.
    """
    return {"precision": "float64", **env_options} if is_native(env_id) else dict(env_options)


def evaluate(
    policy: Policy,
    env_id: str,
    episodes: int = 100,
    *,
    deterministic: bool = True,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Plays one episode in each of `episodes` environments, and returns their returns `[episodes]`.

    Multi-agent environments have one return for each agent's row. Actions are greedy unless `deterministic` is False.
    Where neither operant's environment nor Gymnasium's has a time limit, episodes are truncated after LONGEST steps,
    because a greedy policy may go in circles.

    Raises:
        ValueError: `episodes` is less than 1.
    """
    if episodes < 1:
        raise ValueError(f"episodes={episodes} must be at least 1")
    envs = open_episodes(env_id, episodes, env_options or {})
    try:
        return _play(policy, envs, deterministic, seed)
    finally:
        envs.close()


def random_return(
    env_id: str, episodes: int = 100, *, seed: int = 0, env_options: Mapping[str, Any] | None = None
) -> float:
    """Plays as `evaluate` does, but with uniformly random actions, and returns the mean of the returns."""
    envs = open_episodes(env_id, episodes, env_options or {})
    try:
        envs.action_space.seed(seed)
        return float(_play(_Random(envs.action_space), envs, False, seed).mean())
    finally:
        envs.close()


class _Random:
    """A policy of uniformly random actions."""

    def __init__(self, space: gym.Space[Any]):
        self._space = space

    def predict(self, observations: Any, state: Any = None, /, *, deterministic: bool = False) -> tuple[Any, None]:
        return self._space.sample(), None


def open_episodes(env_id: str, count: int, env_options: Mapping[str, Any]) -> Any:
    """Makes the vector environment of `evaluate`, which may also be one that is drawn."""
    options = dict(env_options)
    native = is_native(env_id)
    task = find_spec(env_id) if native else CATALOG.get(bare_id(env_id))
    if task is not None and task.max_episode_steps is None:
        options.setdefault("max_episode_steps", LONGEST)
    if native:
        return OperantVectorEnv(env_id, count, **options)
    # Environment i is seeded with seed + i, as in a batch; a vector class of Gymnasium seeds all of them at once.
    return gym.make_vec(env_id, count, vectorization_mode="sync", **options)


def _play(policy: Policy, envs: Any, deterministic: bool, seed: int) -> np.ndarray:
    observations, _ = envs.reset(seed=seed)
    returns, running = np.zeros(envs.num_envs), np.ones(envs.num_envs, np.bool_)
    state = None
    while running.any():
        actions, state = policy.predict(observations, state, deterministic=deterministic)
        if isinstance(actions, np.ndarray):
            actions = actions_of(envs.single_action_space, actions)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns += np.where(running, rewards, 0.0)
        running &= ~(terminated | truncated)
    return returns
