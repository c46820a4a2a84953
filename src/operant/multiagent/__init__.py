"""operant.multiagent: PettingZoo's module form of the environments of several agents.

from operant.multiagent import simple_spread_v3

env = simple_spread_v3.parallel_env(N=3)      # pettingzoo.ParallelEnv
env = simple_spread_v3.env(N=3)               # pettingzoo.AECEnv
envs = simple_spread_v3.vector_env(4096)      # gymnasium.vector.VectorEnv; its rows are (environment, agent) pairs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.environments.vector_base import VectorEnvBase


def make_vector(env_id: str, num_envs: int = 1, **options: Any) -> VectorEnvBase:
    """N environments of several agents, a row for each agent of each; arguments are `make_vector_env`'s."""
    from operant.environments.vector import make_vector_env  # only here: it wants a newer gymnasium than the rest

    return make_vector_env(env_id, num_envs, **options)
