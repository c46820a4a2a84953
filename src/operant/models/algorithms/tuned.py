"""Options that solve operant's environments; a TOML file and the command line override them.

Without explicit timesteps, a run ends after `timesteps`, or earlier when it reaches the task's goal: the mean return of
100 greedy episodes, played in the exact build, whose episodes are Gymnasium's where Gymnasium has the environment.
"""

from __future__ import annotations

from typing import Any

from operant.environments.lookup import authored_spec

GOALS = {
    "CartPole-v1": 500.0,
    "Pendulum-v1": -200.0,
    "Acrobot-v1": -90.0,
    "MountainCar-v0": -110.0,
    "MountainCarContinuous-v0": 90.0,
    "Memory-v0": 0.99,
    "Quadrotor-v0": 420.0,
    "Snake-v0": 15.0,
    "Breakout-v0": 10.0,
}

_CARTPOLE = {"gamma": 0.98}
# Rewards are as low as -16: without normalisation, the value gradient would dominate the clipped gradient.
_PENDULUM = {"gamma": 0.9, "normalize_rewards": True}
# A reward of -1 per step is not informative until the hill is reached, so the discount factor is large.
_MOUNTAIN_CAR = {
    "num_envs": 256,
    "rollout_steps": 64,
    "gamma": 0.999,
    "normalize_observations": True,
    "normalize_rewards": True,
}
# Actions mostly at the bounds 1 and -1 climb the hill by chance; the small actions of a narrow policy never do.
_MOUNTAIN_CAR_CONTINUOUS = {**_MOUNTAIN_CAR, "log_std": 1.0}
# The first layer has hundreds of inputs, so policy and value share it.
_GRID = {"num_envs": 256, "rollout_steps": 64, "entropy_coefficient": 0.01, "activation": "relu", "share": True}
_LOCOMOTION = {
    "timesteps": 1_000_000,
    "num_envs": 16,
    "rollout_steps": 128,
    "learning_rate": 3e-4,
    "epochs": 10,
    "minibatches": 32,
    "normalize_observations": True,
    "normalize_rewards": True,
}
# Small actions at first: a cheetah cannot fall, and learns from what small movements bring.
_SMALL_ACTIONS = {**_LOCOMOTION, "activation": "relu", "log_std": -2.0}

TUNED: dict[str, dict[str, dict[str, Any]]] = {
    "CartPole-v1": {
        "ppo": {
            "timesteps": 400_000,
            "num_envs": 32,
            "rollout_steps": 32,
            "learning_rate": 5e-3,
            "gae_lambda": 0.9,
            "epochs": 4,
            "minibatches": 16,
            "hidden": (32,),
        },
        "a2c": {
            **_CARTPOLE,
            "timesteps": 800_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 1e-2,
            "gae_lambda": 0.95,
            "normalize_advantages": True,
        },
        "reinforce": {
            **_CARTPOLE,
            "timesteps": 800_000,
            "num_envs": 128,
            "rollout_steps": 128,
            "learning_rate": 2e-2,
        },
        "trpo": {
            **_CARTPOLE,
            "timesteps": 400_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 1e-2,
            "gae_lambda": 0.95,
            "max_kl": 0.015,
            "fisher_parts": 8,
            "cg_iterations": 5,
            "value_epochs": 3,
            "minibatches": 2,
        },
        "vmpo": {
            **_CARTPOLE,
            "timesteps": 300_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "epochs": 4,
            "minibatches": 4,
            "kl_epsilon": 0.03,
            "temperature_epsilon": 0.1,
        },
    },
    "Pendulum-v1": {
        "ppo": {
            **_PENDULUM,
            "timesteps": 1_000_000,
            "num_envs": 128,
            "rollout_steps": 64,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "epochs": 8,
            "minibatches": 8,
        },
        "a2c": {
            **_PENDULUM,
            "timesteps": 2_000_000,
            "num_envs": 64,
            "rollout_steps": 16,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "normalize_advantages": True,
        },
        "reinforce": {
            **_PENDULUM,
            "timesteps": 2_000_000,
            "num_envs": 64,
            "rollout_steps": 16,
            "learning_rate": 3e-3,
        },
        "trpo": {
            **_PENDULUM,
            "timesteps": 1_000_000,
            "num_envs": 128,
            "rollout_steps": 64,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "max_kl": 0.015,
        },
        "vmpo": {
            **_PENDULUM,
            "timesteps": 1_000_000,
            "num_envs": 128,
            "rollout_steps": 64,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "epochs": 8,
            "minibatches": 8,
            "kl_epsilon": 0.05,
            "temperature_epsilon": 0.2,
            "std_epsilon": 0.01,
        },
    },
    "Acrobot-v1": {
        "ppo": {"timesteps": 1_000_000, "num_envs": 256, "rollout_steps": 32, "learning_rate": 1e-3},
        "a2c": {
            "timesteps": 2_000_000,
            "num_envs": 128,
            "rollout_steps": 64,
            "learning_rate": 1e-2,
            "gae_lambda": 0.95,
            "normalize_advantages": True,
        },
        "reinforce": {"timesteps": 2_000_000, "num_envs": 128, "rollout_steps": 128, "learning_rate": 1e-2},
        "trpo": {
            "timesteps": 1_000_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
            "max_kl": 0.015,
        },
        "vmpo": {
            "timesteps": 1_000_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "gae_lambda": 0.95,
        },
    },
    "MountainCar-v0": {
        "ppo": {
            **_MOUNTAIN_CAR,
            "timesteps": 3_000_000,
            "learning_rate": 5e-3,
            "gae_lambda": 0.98,
            "entropy_coefficient": 0.01,
        },
        "a2c": {
            **_MOUNTAIN_CAR,
            "timesteps": 3_000_000,
            "learning_rate": 2e-2,
            "gae_lambda": 0.98,
            "normalize_advantages": True,
            "entropy_coefficient": 0.01,
        },
        "reinforce": {
            **_MOUNTAIN_CAR,
            "timesteps": 3_000_000,
            "learning_rate": 2e-2,
            "entropy_coefficient": 0.02,
        },
        "trpo": {
            **_MOUNTAIN_CAR,
            "timesteps": 2_000_000,
            "learning_rate": 3e-3,
            "gae_lambda": 0.98,
            "max_kl": 0.015,
        },
        "vmpo": {
            **_MOUNTAIN_CAR,
            "timesteps": 3_000_000,
            "learning_rate": 5e-3,
            "gae_lambda": 0.98,
            "kl_epsilon": 0.03,
            "temperature_epsilon": 0.1,
        },
    },
    "MountainCarContinuous-v0": {
        "ppo": {**_MOUNTAIN_CAR_CONTINUOUS, "timesteps": 3_000_000, "learning_rate": 1e-3},
        "a2c": {
            **_MOUNTAIN_CAR_CONTINUOUS,
            "timesteps": 3_000_000,
            "learning_rate": 1e-2,
            "gae_lambda": 0.98,
            "normalize_advantages": True,
        },
        "reinforce": {**_MOUNTAIN_CAR_CONTINUOUS, "timesteps": 3_000_000, "learning_rate": 1e-2},
        "trpo": {
            **_MOUNTAIN_CAR_CONTINUOUS,
            "timesteps": 2_000_000,
            "learning_rate": 3e-3,
            "max_kl": 0.015,
        },
        "vmpo": {**_MOUNTAIN_CAR_CONTINUOUS, "timesteps": 3_000_000, "learning_rate": 3e-3},
    },
    "Memory-v0": {
        "ppo": {
            "timesteps": 400_000,
            "num_envs": 128,
            "rollout_steps": 32,
            "learning_rate": 3e-3,
            "epochs": 4,
            "minibatches": 4,
            "hidden": (32,),
            "lstm": 32,
        },
    },
    "Quadrotor-v0": {
        "ppo": {
            "timesteps": 3_000_000,
            "num_envs": 256,
            "rollout_steps": 64,
            "learning_rate": 1e-3,
            "epochs": 5,
            "minibatches": 8,
            "normalize_observations": True,
            "log_std": -0.5,
        },
    },
    "Snake-v0": {
        "ppo": {**_GRID, "timesteps": 3_000_000, "learning_rate": 2e-3, "epochs": 3, "hidden": (128, 128)},
    },
    "Breakout-v0": {
        "ppo": {
            **_GRID,
            "timesteps": 3_000_000,
            "learning_rate": 1e-3,
            "gamma": 0.95,
            "minibatches": 8,
            "hidden": (128, 64),
        },
    },
    "HalfCheetah-v5": {
        "ppo": {
            **_SMALL_ACTIONS,
            "gamma": 0.98,
            "gae_lambda": 0.92,
            "clip": 0.1,
            "max_grad_norm": 0.8,
            "value_coefficient": 0.58,
        },
    },
    "Hopper-v5": {"ppo": _LOCOMOTION},
    "Walker2d-v5": {"ppo": _LOCOMOTION},
    # Short episodes have more first states, from some of which the poles fall at once. Normalised observations were no
    # better.
    "InvertedDoublePendulum-v5": {"ppo": {**_LOCOMOTION, "normalize_observations": False, "episode_steps": 200}},
    "InvertedPendulum-v5": {"ppo": _LOCOMOTION},
    "Swimmer-v5": {
        "ppo": {
            **_LOCOMOTION,
            "num_envs": 4,
            "rollout_steps": 1024,
            "learning_rate": 6e-4,
            "anneal": False,
            "gamma": 0.9999,
            "gae_lambda": 0.98,
            "minibatches": 16,
        },
    },
    "Reacher-v5": {"ppo": {**_SMALL_ACTIONS, "gamma": 0.9}},
    # With small actions at first it returned -36 to -42.
    "Pusher-v5": {"ppo": {**_LOCOMOTION, "num_envs": 4, "rollout_steps": 512}},
    "Ant-v5": {"ppo": {**_SMALL_ACTIONS, "gamma": 0.98, "gae_lambda": 0.92}},
    "Humanoid-v5": {"ppo": {**_SMALL_ACTIONS, "gamma": 0.95, "gae_lambda": 0.9}},
    "HumanoidStandup-v5": {"ppo": {**_SMALL_ACTIONS, "gae_lambda": 0.9}},
}
"""The tuned options by environment (the id without its namespace) and algorithm."""

TIMESTEPS = 1_000_000  # the default for environments without tuned options


def tuned(env_id: str, algorithm: str) -> dict[str, Any]:
    """Returns the tuned options for an operant environment; {} for any other."""
    return dict(TUNED.get(_ours(env_id), {}).get(algorithm, {}))


def goal(env_id: str) -> float | None:
    """Returns the mean return that solves an operant environment, or a user's by its descriptor; None for any other."""
    authored = authored_spec(env_id)
    return GOALS.get(_ours(env_id)) if authored is None else authored.reward_threshold


def _ours(env_id: str) -> str:
    """Returns the id without its namespace; "" if it is not operant's."""
    name = env_id.rpartition(":")[2]
    return name.removeprefix("operant/") if name.startswith("operant/") else ""
