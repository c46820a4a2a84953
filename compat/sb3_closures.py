"""Calls the closures that are passed to an `OperantVecEnv`, and describes the environments that they make."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor, ResultsWriter

from operant.environments.lookup import SeveralAgents
from operant.environments.single import OperantEnv

Closures = Sequence[Callable[[], gymnasium.Env[Any, Any]]]

# The wrappers that gymnasium.make adds. The core checks actions and counts steps itself. RL-Zoo3 replaces TimeLimit.
CHECKS = ("gymnasium.wrappers.common.PassiveEnvChecker", "gymnasium.wrappers.common.OrderEnforcing")
TIME_LIMITS = ("gymnasium.wrappers.common.TimeLimit", "rl_zoo3.gym_patches.PatchedTimeLimit")


@dataclasses.dataclass
class Recipe:
    """A description of a closure's environment: `options` for `gymnasium.make_vec`, `writer`, its Monitor's file."""

    spec: EnvSpec
    options: dict[str, Any]
    action_space: gymnasium.Space[Any]
    allow_early_resets: bool = True
    writer: ResultsWriter | None = None

    def settings(self) -> dict[str, str]:
        """The settings that all environments of a batch must share, as text."""
        common = {"id": self.spec.id, "allow_early_resets": self.allow_early_resets, **self.options}
        return {name: repr(value) for name, value in common.items()}


def read_closures(closures: Closures) -> Recipe:
    """Describes the environment that all closures make.

    Closures of one `make_vec_env` call with an id differ only in their rank: just the first is called. Other closures
    are called once each.

    Raises:
        ValueError: a closure makes another environment than the first, or one that a batch cannot replace.
    """
    if len(closures) == 0:
        raise ValueError("there are no closures: give OperantVecEnv at least one")
    first = _read(closures[0], 0, len(closures))
    for number, closure in enumerate(closures[1:], 1):
        if _same_but_rank(closures[0], closure):
            continue
        other = _read(closure, number, len(closures))
        if other.writer is not None:
            other.writer.close()
        expected, found = first.settings(), other.settings()
        for name in sorted({*expected, *found}):
            if expected.get(name) != found.get(name):
                raise ValueError(
                    f"closure {number} makes {name}={found.get(name)}, closure 0 {name}={expected.get(name)}: a batch "
                    "has one value for all; only parameters may differ, OperantVecEnv(id, n, params={name: [...]})"
                )
    return first


def _same_but_rank(first: Any, other: Any) -> bool:
    """True if both come from one `make_vec_env` call with an id. With a function, each may make something else."""
    if any(getattr(each, "__module__", None) != make_vec_env.__module__ for each in (first, other)):
        return False
    first_cells, other_cells = (
        dict(zip(closure.__code__.co_freevars, closure.__closure__, strict=True)) for closure in (first, other)
    )
    same = all(cell is other_cells[name] or name == "rank" for name, cell in first_cells.items())
    return same and isinstance(first_cells["env_id"].cell_contents, str)


def _read(closure: Any, number: int, count: int) -> Recipe:
    try:
        wrapped = closure()
    except SeveralAgents as problem:
        raise SeveralAgents(
            f"closure {number} makes a single environment, but {problem.env_id} has several agents: "
            f'OperantVecEnv("{problem.env_id}", {count}) has a row for each agent of each environment',
            problem.env_id,
        ) from None
    if not isinstance(wrapped, gymnasium.Env):
        raise TypeError(f"closure {number} makes {wrapped!r}, which is not an environment")
    try:
        return _describe(wrapped, f"closure {number}")
    finally:
        wrapped.close()


def _describe(wrapped: gymnasium.Env[Any, Any], closure_name: str) -> Recipe:
    """The recipe of an environment in its wrappers; detaches the Monitor's file from it."""
    env, monitor = wrapped, None
    limits: list[int] = []
    while isinstance(env, gymnasium.Wrapper):
        name = f"{type(env).__module__}.{type(env).__qualname__}"
        if type(env) is Monitor:
            monitor = env
        elif name in TIME_LIMITS:
            limits.append(env._max_episode_steps)  # type: ignore[attr-defined]
        elif name not in CHECKS:
            instead = "wrap the VecEnv instead (VecNormalize, VecFrameStack, ...), or use another VecEnv"
            raise ValueError(f"{closure_name} wraps its environment in {name}, which a batch cannot apply: {instead}")
        env = env.env
    if type(env) is not OperantEnv:
        raise ValueError(f"{closure_name} makes {env}, which is not operant's: name an id such as operant/CartPole-v1")
    if env.spec is None:
        raise ValueError(f"{closure_name} makes an OperantEnv whose options are unknown: make it with gymnasium.make")
    recipe = Recipe(env.spec, {**env.spec.kwargs, "max_episode_steps": min(limits, default=-1)}, wrapped.action_space)
    if monitor is not None:
        for name in ("info_keywords", "reset_keywords"):
            if keywords := getattr(monitor, name):
                raise ValueError(
                    f"{closure_name} has Monitor's {name}={keywords!r}: operant's environments lack such infos"
                )
        recipe.allow_early_resets = monitor.allow_early_resets
        recipe.writer, monitor.results_writer = monitor.results_writer, None
    return recipe
