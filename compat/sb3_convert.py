"""Makes a model of SB3 of one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from operant.compat import framework
from operant.models.native.weights import named_weights
from operant.models.networks.spaces import action_choices

if TYPE_CHECKING:
    from stable_baselines3 import PPO

    from operant.models.native.ppo import NativePPO

LAYERS = {
    "actor": "mlp_extractor.policy_net",
    "critic": "mlp_extractor.value_net",
    "head.linear": "action_net",
    "value_head": "value_net",
    "head.log_std": "log_std",
}
"""SB3's names of our layers."""
CLASSES = {"tanh": "Tanh", "relu": "ReLU", "silu": "SiLU"}


def to_sb3(
    algorithm: NativePPO,
    arguments: Mapping[str, Any],
    env: Any,
    observation_space: Any,
    action_space: Any,
) -> PPO:
    """Makes a `stable_baselines3.PPO` with an algorithm's weights and the state of its optimiser.

    Args:
        arguments: those of SB3's constructor, without `env`.
        env: a VecEnv, or None.

    Raises:
        ValueError: actions or observations do not begin with 0, as SB3's do.
    """
    if any(action_choices(action_space)[1]):
        raise ValueError(f"SB3 counts actions from 0, which {action_space} does not: it has no form of this model")
    if any(part.start for part in algorithm.trainer.parts):
        raise ValueError(
            f"SB3 counts observations from 0, which {observation_space} does not: it has no form of this model"
        )
    framework("stable_baselines3", "sb3", at_least="2.7")
    import torch
    from stable_baselines3 import PPO

    kwargs = dict(arguments["policy_kwargs"])
    kwargs["activation_fn"] = getattr(torch.nn, CLASSES[kwargs["activation_fn"]])
    given: Any = {**arguments, "policy_kwargs": kwargs}
    theirs = PPO(env=env, **given, _init_setup_model=False)
    theirs.observation_space, theirs.action_space = observation_space, action_space
    theirs.n_envs = algorithm.trainer.rows
    theirs._setup_model()
    parameters = dict(theirs.policy.named_parameters())
    core, optimizer = algorithm.trainer.state, theirs.policy.optimizer
    moments = [named_weights(each, algorithm.trainer.names) for each in (core.mean, core.square)]
    for name, weights in core.weights.items():
        parameter = parameters[_their_name(name)]
        mean, square = (_tensor(each[name], parameter) for each in moments)
        with torch.no_grad():
            parameter.copy_(_tensor(weights, parameter))
        if core.descents:
            steps = torch.tensor(float(core.descents))
            optimizer.state[parameter] = {"step": steps, "exp_avg": mean, "exp_avg_sq": square}
    theirs.num_timesteps = algorithm.steps
    theirs._n_updates = algorithm.updates * algorithm.config.epochs
    return theirs


def _their_name(name: str) -> str:
    ours = next(layer for layer in LAYERS if f"{name}.".startswith(f"{layer}."))
    return LAYERS[ours] + name.removeprefix(ours)


def _tensor(array: np.ndarray, like: Any) -> Any:
    return like.new_tensor(array).reshape(like.shape)
