"""What an `OperantVecEnv` can be made from: an id, the closures of `make_vec_env`, a vector environment of operant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor, ResultsWriter

from operant.catalog import CATALOG
from operant.single import OperantEnv

Closures = Sequence[Callable[[], gymnasium.Env[Any, Any]]]
Source = str | Closures | VectorEnv[Any, Any, Any]

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


def open_source(env: Source, num_envs: int | None, options: dict[str, Any]) -> tuple[Any, Recipe | None]:
    """The vector environment to step, with what the closures make if it was made from those."""
    if isinstance(env, VectorEnv):
        if num_envs is not None or options:
            raise TypeError(f"{['num_envs', *options]} are given with a vector environment: give them to that")
        return _check(env), None
    if isinstance(env, str):
        env = f"operant/{env}" if env in CATALOG else env
        registered = gymnasium.registry.get(env.rpartition(":")[2])
        if registered is not None and not str(registered.vector_entry_point).startswith("operant."):
            raise ValueError(f"{env} is not one of operant's: name an id such as operant/CartPole-v1")
        return _make(env, 1 if num_envs is None else num_envs, options), None
    if not (isinstance(env, list | tuple) and all(map(callable, env))):
        raise TypeError(
            f"OperantVecEnv takes an id, a list of functions that make environments or a VectorEnv, not {env}"
        )
    if num_envs is not None:
        raise TypeError(f"num_envs={num_envs} is given with closures, of which there is one for each environment")
    recipe = read_closures(env)
    if twice := sorted({*recipe.options} & {*options} - {"max_episode_steps", "render_mode"}):
        raise TypeError(f"{twice} are given both where the closures make their environments and to OperantVecEnv")
    return _make(recipe.spec, len(env), recipe.options | options), recipe


def _make(env_id: str | EnvSpec, num_envs: int, options: dict[str, Any]) -> VectorEnv[Any, Any, Any]:
    return _check(
        gymnasium.make_vec(env_id, num_envs, "vector_entry_point", **{"autoreset_mode": "SameStep"} | options)
    )


def _check(env: VectorEnv[Any, Any, Any]) -> VectorEnv[Any, Any, Any]:
    batch = getattr(env, "_batch", None)
    if batch is None:
        raise TypeError(f"{env} is not a bare vector environment of operant: wrap the OperantVecEnv instead")
    if env.metadata["autoreset_mode"] is not AutoresetMode.SAME_STEP:
        raise ValueError(f"{env.metadata['autoreset_mode']}: Stable-Baselines3 needs autoreset_mode='SameStep'")
    if not batch.copy:
        raise ValueError("copy=False: Stable-Baselines3 keeps observations while it steps, so it needs copy=True")
    return env


def read_closures(closures: Closures) -> Recipe:
    """What the closures make, or a ValueError that says which makes something else or what a batch cannot honour.

    Those of one `make_vec_env` with an id differ in their rank only: the first is called. Others are called once each.
    """
    if len(closures) == 0:
        raise ValueError("there are no closures: give OperantVecEnv at least one")
    first = _read(closures[0], 0)
    for number, closure in enumerate(closures[1:], 1):
        if _same_but_rank(closures[0], closure):
            continue
        other = _read(closure, number)
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
    mine, theirs = (dict(zip(each.__code__.co_freevars, each.__closure__, strict=True)) for each in (first, other))
    same = all(cell is theirs[name] or name == "rank" for name, cell in mine.items())
    return same and isinstance(mine["env_id"].cell_contents, str)


def _read(closure: Any, number: int) -> Recipe:
    whole = closure()
    if not isinstance(whole, gymnasium.Env):
        raise TypeError(f"closure {number} makes {whole!r}, which is not an environment")
    try:
        return _describe(whole, f"closure {number}")
    finally:
        whole.close()


def _describe(whole: gymnasium.Env[Any, Any], who: str) -> Recipe:
    """The recipe of an environment in its wrappers; takes the Monitor's file away from it."""
    env, limit, monitor = whole, 0, None
    while isinstance(env, gymnasium.Wrapper):
        name = f"{type(env).__module__}.{type(env).__qualname__}"
        if type(env) is Monitor:
            monitor = env
        elif name in TIME_LIMITS:
            limit = min(limit or env._max_episode_steps, env._max_episode_steps)  # type: ignore[attr-defined]
        elif name not in CHECKS:
            instead = "wrap the VecEnv instead (VecNormalize, VecFrameStack, ...), or do without OperantVecEnv"
            raise ValueError(f"{who} wraps its environment in {name}, which a batch cannot honour: {instead}")
        env = env.env
    if type(env) is not OperantEnv:
        raise ValueError(f"{who} makes {env}, which is not operant's: name an id such as operant/CartPole-v1")
    if env.spec is None:
        raise ValueError(f"{who} makes an OperantEnv with options that cannot be seen: let gymnasium.make make it")
    recipe = Recipe(env.spec, env.spec.kwargs | {"max_episode_steps": limit or None}, whole.action_space)
    if monitor is not None:
        for name in ("info_keywords", "reset_keywords"):
            if keywords := getattr(monitor, name):
                raise ValueError(f"{who} has Monitor's {name}={keywords!r}: operant's environments give no such info")
        recipe.allow_early_resets = monitor.allow_early_resets
        recipe.writer, monitor.results_writer = monitor.results_writer, None
    return recipe
