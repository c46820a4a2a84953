"""operant.compat.sb3: native batches and Python environments as a `VecEnv` of Stable-Baselines3, and PPO in the core.

    from operant.compat.sb3 import OperantVecEnv, PPO, VectorizedVecEnv
    envs = make_vec_env("operant/CartPole-v1", n_envs=1024, vec_env_cls=OperantVecEnv)
    envs = make_vec_env("LunarLander-v3", n_envs=16, vec_env_cls=VectorizedVecEnv)
    model = PPO("MlpPolicy", "operant/CartPole-v1").learn(100_000)

SB3 and torch are imported by the two `VecEnv`s, and not by `PPO`, which takes the arguments of SB3's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.compat.sb3_ppo import PPO as PPO
    from operant.compat.sb3_vec_env import OperantVecEnv as OperantVecEnv
    from operant.compat.sb3_vectorized import VectorizedVecEnv as VectorizedVecEnv

_MODULES = {"OperantVecEnv": "sb3_vec_env", "PPO": "sb3_ppo", "VectorizedVecEnv": "sb3_vectorized"}

__all__ = ["PPO", "OperantVecEnv", "VectorizedVecEnv"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'operant.compat.sb3' has no attribute {name!r}")
    return getattr(import_module(f"operant.compat.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
