"""operant.compat.zoo: RL-Zoo3 trains and enjoys operant's ids on native batches, and all others in worker processes.

    python -m rl_zoo3.train --algo ppo --env operant/CartPole-v1 --gym-packages operant.compat.zoo
    python -m rl_zoo3.enjoy --algo ppo --env operant/CartPole-v1 --gym-packages operant.compat.zoo -f logs

`--gym-packages` imports this module. The import sets the zoo's hook for vector environments,
`ExperimentManager.default_vec_env_cls`, and gives operant/X the zoo's tuned hyperparameters of X.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium

from operant.compat import framework

framework("rl_zoo3", "zoo", at_least="2.7")
from huggingface_sb3 import EnvironmentName  # noqa: E402
from rl_zoo3 import exp_manager  # noqa: E402

from operant.compat.sb3 import OperantVecEnv, VectorizedVecEnv  # noqa: E402
from operant.environments.single import OperantEnv  # noqa: E402

Manager: Any = exp_manager.ExperimentManager
# The zoo's own method, even if this module is imported again.
_read = getattr(Manager.read_hyperparameters, "zoos_own", Manager.read_hyperparameters)


def read_hyperparameters(manager: Any) -> Any:
    """The zoo's method, except that it finds operant/X as X in the zoo's own files. A --conf-file has full ids."""
    name = manager.env_name
    if Path(manager.config).parent == Path(exp_manager.__file__).parent / "hyperparams":
        tuned = name.gym_id.removeprefix("operant/")
        manager.env_name = EnvironmentName("CartPole-v1" if tuned == "CartPole-v0" else tuned)  # the files lack v0
    try:
        return _read(manager)
    finally:
        manager.env_name = name


def vec_env(env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]], **options: Any) -> Any:
    """Makes the `VecEnv` of the environments that some functions make: a native batch, or a `VectorizedVecEnv`."""
    first = env_fns[0]()
    native = isinstance(first.unwrapped, OperantEnv)
    first.close()
    return (OperantVecEnv if native else VectorizedVecEnv)(list(env_fns), **options)


vars(read_hyperparameters)["zoos_own"] = _read
Manager.default_vec_env_cls = staticmethod(vec_env)
Manager.read_hyperparameters = read_hyperparameters
