"""The direct classes: native batches without Gymnasium's registry, which step and reset in the same call.

    envs = CartPoleVecEnv(4096)
    obs, info = envs.reset(seed=42)
    obs, rewards, terminals, truncations, info = envs.step(actions)

Each is an `OperantVectorEnv` with same-step autoreset and takes the same keyword arguments. `reset` returns two values
and `step` five, as in Gymnasium since 0.26. The older form, with one and four, is declined: it cannot tell a time limit
from an end of the task.

`NormalizedVecEnv` goes around them and any other vector environment.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operant.environments.normalized import NormalizedVecEnv as NormalizedVecEnv
from operant.environments.vector import OperantVectorEnv


class _DirectVecEnv(OperantVectorEnv):
    env_id: str

    def __init__(self, num_envs: int, workers: int = 1, **kwargs: Any):
        super().__init__(self.env_id, num_envs, workers=workers, **{"autoreset_mode": "SameStep", **kwargs})


class _OneNumber(_DirectVecEnv):
    """A direct class whose action is one number."""

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment; see `OperantVectorEnv.step`. Actions may also be `[N]`."""
        return super().step(np.asarray(actions)[:, None] if np.ndim(actions) == 1 else actions)


class CartPoleVecEnv(_DirectVecEnv):
    """CartPole-v1: int32 or int64 actions `[N]` in {0, 1}; observations `[N, 4]` float32."""

    env_id = "CartPole-v1"


class MountainCarVecEnv(_DirectVecEnv):
    """MountainCar-v0: int32 or int64 actions `[N]` in {0, 1, 2}; observations `[N, 2]` float32."""

    env_id = "MountainCar-v0"


class MountainCarContinuousVecEnv(_OneNumber):
    """MountainCarContinuous-v0: float32 actions `[N, 1]` or `[N]`; observations `[N, 2]` float32."""

    env_id = "MountainCarContinuous-v0"


class PendulumVecEnv(_OneNumber):
    """Pendulum-v1: float32 actions `[N, 1]` or `[N]`; observations `[N, 3]` float32."""

    env_id = "Pendulum-v1"


class AcrobotVecEnv(_DirectVecEnv):
    """Acrobot-v1: int32 or int64 actions `[N]` in {0, 1, 2}; observations `[N, 6]` float32."""

    env_id = "Acrobot-v1"
