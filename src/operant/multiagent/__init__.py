"""operant.multiagent: environments of several agents by PettingZoo's module names.

    from operant.multiagent import simple_spread_v3

    env = simple_spread_v3.parallel_env(N=3)      # pettingzoo.ParallelEnv
    env = simple_spread_v3.env(N=3)               # pettingzoo.AECEnv
    envs = simple_spread_v3.vector_env(4096)      # gymnasium.vector.VectorEnv; its rows are (environment, agent) pairs

Each module has these three functions, with mpe2's arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.environments.vector_base import VectorEnvBase


def make_vector(env_id: str, num_envs: int = 1, **options: Any) -> VectorEnvBase:
    """Makes N multi-agent environments with a row for each agent of each; for the arguments see `make_vector_env`."""
    from operant.environments.vector import make_vector_env  # only here: it needs a newer gymnasium than the rest

    return make_vector_env(env_id, num_envs, **options)
