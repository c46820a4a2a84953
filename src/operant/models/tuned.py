"""Options that solve our environments: what `operant train` begins from, below a TOML file and the command line.

`timesteps` ends a run that was given none, and a task's goal ends it earlier: when the mean return of 100 greedy
episodes of Gymnasium's own environment has reached it.
"""

from __future__ import annotations

from typing import Any

GOALS = {
    "CartPole-v1": 500.0,
    "Pendulum-v1": -200.0,
    "Acrobot-v1": -90.0,
    "MountainCar-v0": -110.0,
    "MountainCarContinuous-v0": 90.0,
}

TUNED: dict[str, dict[str, dict[str, Any]]] = {
    "CartPole-v1": {
        "ppo": {
            "timesteps": 400_000,
            "num_envs": 256,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "gamma": 0.98,
            "gae_lambda": 0.9,
            "epochs": 4,
            "minibatches": 4,
        },
        "a2c": {
            "timesteps": 600_000,
            "num_envs": 128,
            "rollout_steps": 64,
            "learning_rate": 2e-2,
            "gamma": 0.98,
            "gae_lambda": 0.95,
            "normalize_advantages": True,
        },
        "reinforce": {
            "timesteps": 600_000,
            "num_envs": 128,
            "rollout_steps": 128,
            "learning_rate": 3e-2,
            "gamma": 0.98,
            "baseline": False,
        },
        "trpo": {
            "timesteps": 400_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 1e-2,
            "gamma": 0.98,
            "gae_lambda": 0.95,
            "max_kl": 0.015,
            "fisher_parts": 8,
            "cg_iterations": 5,
            "value_epochs": 3,
            "minibatches": 2,
        },
        "vmpo": {
            "timesteps": 300_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "gamma": 0.98,
            "gae_lambda": 0.95,
            "epochs": 4,
            "minibatches": 4,
            "kl_epsilon": 0.03,
            "temperature_epsilon": 0.1,
        },
    },
}
"""By environment (the id without its namespace) and algorithm."""

TIMESTEPS = 1_000_000  # where nothing else is said


def tuned(env_id: str, algorithm: str) -> dict[str, Any]:
    """The options for an environment of ours; {} for any other."""
    return dict(TUNED.get(_ours(env_id), {}).get(algorithm, {}))


def goal(env_id: str) -> float | None:
    """The mean return that solves an environment of ours; None for any other."""
    return GOALS.get(_ours(env_id))


def _ours(env_id: str) -> str:
    """The id without its namespace; "" for an environment that is not ours."""
    name = env_id.rpartition(":")[2]
    return name.removeprefix("operant/") if name.startswith("operant/") else ""
