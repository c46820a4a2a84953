"""What the closures make that `make_vec_env` and users pass to an `OperantVecEnv`, read off the environments."""

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

# What gymnasium.make adds. The core checks actions and counts steps itself; RL-Zoo3 puts its own class for TimeLimit.
CHECKS = ("gymnasium.wrappers.common.PassiveEnvChecker", "gymnasium.wrappers.common.OrderEnforcing")
TIME_LIMITS = ("gymnasium.wrappers.common.TimeLimit", "rl_zoo3.gym_patches.PatchedTimeLimit")


@dataclasses.dataclass
class Recipe:
    """What a closure makes: `options` are for `gymnasium.make_vec`, `writer` is its Monitor's open file."""

    spec: EnvSpec
    options: dict[str, Any]
    action_space: gymnasium.Space[Any]
    allow_early_resets: bool = True
    writer: ResultsWriter | None = None

    def settings(self) -> dict[str, str]:
        """What all environments of a batch have in common, as text."""
        common = {"id": self.spec.id, "allow_early_resets": self.allow_early_resets, **self.options}
        return {name: repr(value) for name, value in common.items()}


def read_closures(closures: Closures) -> Recipe:
    """What the closures make, or a ValueError that says which makes something else or what a batch cannot honour.

    Those of one `make_vec_env` with an id differ in their rank only: the first is called. Others are called once each.
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
        ours, theirs = first.settings(), other.settings()
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                raise ValueError(
                    f"closure {number} makes {name}={theirs.get(name)}, closure 0 {name}={ours.get(name)}: a batch has "
                    "the same everywhere; only parameters may differ, OperantVecEnv(id, n, params={name: [...]})"
                )
    return first


def _same_but_rank(first: Any, other: Any) -> bool:
    """Whether both come from one call of `make_vec_env` with an id; a function in its place may vary by itself."""
    if any(getattr(each, "__module__", None) != make_vec_env.__module__ for each in (first, other)):
        return False
    mine, theirs = (
        dict(zip(closure.__code__.co_freevars, closure.__closure__, strict=True)) for closure in (first, other)
    )
    same = all(cell is theirs[name] or name == "rank" for name, cell in mine.items())
    return same and isinstance(mine["env_id"].cell_contents, str)


def _read(closure: Any, number: int, count: int) -> Recipe:
    try:
        whole = closure()
    except SeveralAgents as problem:
        raise SeveralAgents(
            f"closure {number} makes a single environment, but {problem.env_id} has several agents: "
            f'OperantVecEnv("{problem.env_id}", {count}) has a row for each agent of each environment',
            problem.env_id,
        ) from None
    if not isinstance(whole, gymnasium.Env):
        raise TypeError(f"closure {number} makes {whole!r}, which is not an environment")
    try:
        return _describe(whole, f"closure {number}")
    finally:
        whole.close()


def _describe(whole: gymnasium.Env[Any, Any], who: str) -> Recipe:
    """The recipe of an environment in its wrappers; takes the Monitor's file away from it."""
    env, monitor = whole, None
    limits: list[int] = []
    while isinstance(env, gymnasium.Wrapper):
        name = f"{type(env).__module__}.{type(env).__qualname__}"
        if type(env) is Monitor:
            monitor = env
        elif name in TIME_LIMITS:
            limits.append(env._max_episode_steps)  # type: ignore[attr-defined]
        elif name not in CHECKS:
            instead = "wrap the VecEnv instead (VecNormalize, VecFrameStack, ...), or do without OperantVecEnv"
            raise ValueError(f"{who} wraps its environment in {name}, which a batch cannot honour: {instead}")
        env = env.env
    if type(env) is not OperantEnv:
        raise ValueError(f"{who} makes {env}, which is not operant's: name an id such as operant/CartPole-v1")
    if env.spec is None:
        raise ValueError(f"{who} makes an OperantEnv with options that cannot be seen: let gymnasium.make make it")
    recipe = Recipe(env.spec, {**env.spec.kwargs, "max_episode_steps": min(limits, default=None)}, whole.action_space)
    if monitor is not None:
        for name in ("info_keywords", "reset_keywords"):
            if keywords := getattr(monitor, name):
                raise ValueError(f"{who} has Monitor's {name}={keywords!r}: operant's environments give no such info")
        recipe.allow_early_resets = monitor.allow_early_resets
        recipe.writer, monitor.results_writer = monitor.results_writer, None
    return recipe
