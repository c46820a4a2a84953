"""operant: Gymnasium environments as one native SIMD batch.

`import operant` registers `operant/CartPole-v1` and its siblings with Gymnasium; `gymnasium.make_vec` then returns an
`OperantVectorEnv`, `gymnasium.make` an `OperantEnv`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.import_hook import after_import
from operant.registration import register_environments, register_parallel_environments, warn_of_old_gymnasium

if TYPE_CHECKING:
    from operant.conformance.certificate import certificate as certificate
    from operant.environments.parallel import OperantParallelEnv as OperantParallelEnv
    from operant.environments.pool import AsyncEnvPool as AsyncEnvPool
    from operant.environments.register import register_env as register_env
    from operant.environments.single import OperantEnv as OperantEnv
    from operant.environments.vector import OperantVectorEnv as OperantVectorEnv
    from operant.workers.vectorize import vectorize as vectorize

__all__ = [
    "CATALOG",
    "ENGINES",
    "MULTIAGENT",
    "AsyncEnvPool",
    "OperantEnv",
    "OperantVectorEnv",
    "certificate",
    "register_env",
    "register_environments",
    "vectorize",
]

# Loaded on first use: gymnasium 0.29 imports this package while it is itself half imported, and still lacks what
# `environments.vector` needs.
_LAZY = {
    "AsyncEnvPool": "operant.environments.pool",
    "OperantEnv": "operant.environments.single",
    "OperantParallelEnv": "operant.environments.parallel",
    "OperantVectorEnv": "operant.environments.vector",
    "agents": "operant.agents",
    "certificate": "operant.conformance.certificate",
    "envs": "operant.envs",
    "register_env": "operant.environments.register",
    "vectorize": "operant.workers.vectorize",
}

# Names of the projects that operant grew from, and the present ones.
_RENAMED = {
    "Logger": "operant.utils.Logger",
    "PyCartPoleVecEnv": "operant.envs.CartPoleVecEnv",
    "PyMountainCarVecEnv": "operant.envs.MountainCarVecEnv",
    "PyPendulumVecEnv": "operant.envs.PendulumVecEnv",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":  # importlib.metadata takes longer to import than everything else here
        from importlib.metadata import version

        return version("operant")
    from importlib import import_module

    if name in _RENAMED:
        import warnings

        warnings.warn(f"operant.{name} is now {_RENAMED[name]}", DeprecationWarning, stacklevel=2)
        place, _, present = _RENAMED[name].rpartition(".")
        return getattr(import_module(place), present)
    if name not in _LAZY:
        raise AttributeError(f"module 'operant' has no attribute {name!r}")
    module = import_module(_LAZY[name])
    return module if name in ("agents", "envs") else getattr(module, name)


register_environments()
if os.path.basename("".join(sys.argv[:1])) != "operant":  # a command that needs native batches says so itself
    warn_of_old_gymnasium()
after_import("pettingzoo", register_parallel_environments)
