"""RLlib (new API stack): every env runner, on any machine, steps one native batch.

    from operant.compat.rllib import configure
    config = configure(PPOConfig(), "operant/CartPole-v1", num_envs=64).env_runners(num_env_runners=2)
    algorithm = config.build_algo()

The environment's id names its module, so an env runner on another machine needs no import of its own.
"""

from __future__ import annotations

from typing import Any

from operant.compat import framework
from operant.environments.lookup import find_single_agent_spec
from operant.environments.vector import OperantVectorEnv

framework("ray", "rllib", at_least="2.52")
AlgorithmConfig: Any = framework("ray.rllib.algorithms.algorithm_config", "rllib").AlgorithmConfig
from gymnasium.vector import AutoresetMode  # noqa: E402

UNSUPPORTED = {
    "copy": "RLlib's episodes hold the arrays that a step returned, which copy=False would overwrite",
    "env_id": "it is an argument of configure",
    "num_envs": "it is an argument of configure",
    "num_envs_per_env_runner": "use configure's num_envs",
    "vectorization_mode": "RLlib's gym_env_vectorize_mode is set to vector_entry_point, the native batch",
    "vector_kwargs": "a native batch takes its options directly",
    "wrappers": "wrappers are for single environments: use RLlib's connectors",
}


def configure(config: Any, env_id: str, *, num_envs: int, **options: Any) -> Any:
    """Makes every env runner of an `AlgorithmConfig` step `num_envs` environments as one native batch.

    Args:
        config: an `AlgorithmConfig` on the new API stack; changed in place, like by its own methods.
        env_id: "operant/CartPole-v1"; "CartPole-v1" and "operant:operant/CartPole-v1" are the same.
        num_envs: the number of environments in each env runner's batch. Set the number of env runners with RLlib's
            `config.env_runners(num_env_runners=...)`, before or after.
        **options: options of `gym.make_vec`: `precision`, `workers`, `params`, `randomize`, `max_episode_steps`, ...
            They are tried here, together with the entries of `config.env_config`, so that an error appears now and
            not in a remote actor.

    Returns:
        `config`.
    """
    if not isinstance(config, AlgorithmConfig):
        raise TypeError(f"config must be an AlgorithmConfig, such as PPOConfig(), not {type(config).__name__}")
    if not (config.enable_env_runner_and_connector_v2 and config.enable_rl_module_and_learner):
        raise ValueError(
            "the config is on RLlib's old API stack, which has no vector environments: call config.api_stack("
            "enable_rl_module_and_learner=True, enable_env_runner_and_connector_v2=True)"
        )
    if config.is_multi_agent:
        raise ValueError("the config is multi-agent, but this adapter is for one agent in each environment")
    spec = find_single_agent_spec(env_id, "operant.compat.rllib")
    held = dict(config.env_config)
    options = held | options
    for name in options:
        if name in UNSUPPORTED:
            raise ValueError(f"{name}={options[name]!r} is not an option under RLlib: {UNSUPPORTED[name]}")
    mode = options.pop("autoreset_mode", "NextStep")
    if mode not in ("NextStep", AutoresetMode.NEXT_STEP):
        raise ValueError(f"autoreset_mode={mode!r} is not supported: RLlib needs 'NextStep', so omit it")
    try:
        OperantVectorEnv(spec.id, num_envs, **options).close()
    except (TypeError, ValueError) as problem:
        if not held:
            raise
        kind = TypeError if isinstance(problem, TypeError) else ValueError
        raise kind(f"{problem}; config.env_config already held {held}") from problem
    config.environment(f"operant:operant/{spec.id}")
    config.env_config = options  # environment(env_config=...) would merge dicts in it, such as params
    config.env_runners(gym_env_vectorize_mode="vector_entry_point", num_envs_per_env_runner=num_envs)
    return config
