"""Opens the source of an `OperantVecEnv`: an id, the closures of `make_vec_env`, or an `OperantVectorEnv`."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv

from operant.catalog import CATALOG, ENGINES, MULTIAGENT, bare_id
from operant.compat.sb3_closures import Closures, Recipe, read_closures
from operant.environments.vector import OperantVectorEnv

Source: TypeAlias = str | Closures | OperantVectorEnv
EXAMPLE = "name an id such as operant/CartPole-v1"


def open_source(env: Source, num_envs: int | None, options: dict[str, Any]) -> tuple[OperantVectorEnv, Recipe | None]:
    """The vector environment to step, and the closures' recipe, or None for another source."""
    if isinstance(env, VectorEnv):
        ours = _check(env)
        if given := [*(["num_envs"] if num_envs is not None else []), *options]:
            raise TypeError(f"{', '.join(given)} cannot be changed in a vector environment: set them where it is made")
        return ours, None
    if isinstance(env, str):
        return _make(_registered(env), 1 if num_envs is None else num_envs, options), None
    if not (isinstance(env, list | tuple) and all(map(callable, env))):
        raise TypeError(
            "OperantVecEnv takes an id, a list of functions that make environments or a vector environment of operant, "
            f"not {env}"
        )
    if num_envs is not None:
        raise TypeError(f"num_envs={num_envs} is given with closures, one for each environment: omit it")
    recipe = read_closures(env)
    if twice := sorted({*recipe.options} & {*options} - {"max_episode_steps", "render_mode"}):
        raise TypeError(f"{twice} are given both in the closures and to OperantVecEnv: give each once")
    return _make(recipe.spec, len(env), recipe.options | options), recipe


def _registered(env_id: str) -> str:
    """The registered form of an id of operant's; raises a ValueError for an id registered by another package."""
    name = bare_id(env_id)
    if any(name in ids for ids in (CATALOG, ENGINES, MULTIAGENT)):
        return f"operant/{name}"
    others = gymnasium.registry.get(env_id.rpartition(":")[2])
    if others is not None and not str(others.vector_entry_point).startswith("operant."):
        raise ValueError(f"{env_id} is not one of operant's: {EXAMPLE}")
    return env_id


def _make(env_id: str | EnvSpec, num_envs: int, options: dict[str, Any]) -> OperantVectorEnv:
    keywords = {"autoreset_mode": "SameStep"} | options
    return _check(gymnasium.make_vec(env_id, num_envs, "vector_entry_point", **keywords))


def _check(env: VectorEnv[Any, Any, Any]) -> OperantVectorEnv:
    """Returns an environment that suits SB3; raises a TypeError or ValueError for any other."""
    if not isinstance(env, OperantVectorEnv):
        if isinstance(env.unwrapped, OperantVectorEnv):
            raise TypeError(
                f"{env} is a {type(env).__name__} around an OperantVectorEnv: give OperantVecEnv the inner one, and "
                "put SB3's wrappers around the result"
            )
        raise TypeError(f"{env} is a {type(env).__name__}, not an OperantVectorEnv: {EXAMPLE}")
    if env.closed:
        raise ValueError(f"{env} is closed: make a new one")
    mode = env.metadata["autoreset_mode"].value
    if mode != "SameStep":
        raise ValueError(f"autoreset_mode={mode!r}: Stable-Baselines3 needs autoreset_mode='SameStep'")
    if not env.batch.copy:
        raise ValueError("copy=False: Stable-Baselines3 keeps observations while it steps, so it needs copy=True")
    return env
