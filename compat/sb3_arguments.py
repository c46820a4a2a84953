"""The arguments of SB3's PPO, checked, as options of the core's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from gymnasium import spaces

from operant.messages import boolean, integer
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.limits import ACTIVATIONS, why_not
from operant.models.networks.spaces import has_mask

Schedule: TypeAlias = "float | Callable[[float], float]"
"""A number, or a function of the part of the training that remains, from 1 to 0."""

ELSEWHERE = "use stable_baselines3.PPO"
POLICIES = ("MlpPolicy", "MultiInputPolicy")
FIXED = {
    "clip_range_vf": None,
    "use_sde": False,
    "rollout_buffer_class": None,
    "rollout_buffer_kwargs": None,
    "stats_window_size": 100,
}
"""Arguments for which the core has one value."""
MOST = 1e30
TINY = 1e-9  # 1 - TINY is 1 in float32, so that a clip range or an initial learning rate of it is one of 0


@dataclass(frozen=True)
class Network:
    """The sizes of the policy's and the value's hidden layers, the activation, and the policy's initial deviation."""

    pi: tuple[int, ...] = (64, 64)
    vf: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    log_std: float = 0.0

    def policy_kwargs(self) -> dict[str, Any]:
        """Returns the `policy_kwargs` that make this network, in numbers and words."""
        net_arch = {"pi": list(self.pi), "vf": list(self.vf)}
        return {"net_arch": net_arch, "activation_fn": self.activation, "log_std_init": self.log_std}


def refuse(what: str) -> NoReturn:
    """Raises the ValueError for whatever the core does not do."""
    raise ValueError(f"operant.compat.sb3.PPO does not do {what}: leave it out, or {ELSEWHERE}")


def check_fixed(arguments: Mapping[str, Any]) -> None:
    """Raises a ValueError for the first argument that has another value than the core's."""
    for name, value in FIXED.items():
        if arguments[name] != value:
            refuse(f"{name}={arguments[name]!r}")
    if str(arguments["device"]) not in ("auto", "cpu"):
        refuse(f"device={str(arguments['device'])!r}")


def check_policy(policy: Any, observation_space: spaces.Space[Any]) -> None:
    """Raises a ValueError if the policy is not one for these observations in the core."""
    if not isinstance(policy, str) or policy not in POLICIES:
        names = " and ".join(map(repr, POLICIES))
        raise ValueError(f"policy={policy!r}: operant.compat.sb3.PPO has {names}; for another, {ELSEWHERE}")
    wanted = POLICIES[isinstance(observation_space, spaces.Dict)]
    if policy != wanted:
        raise ValueError(f"policy={policy!r} does not read {observation_space}: give {wanted!r}")
    if has_mask(observation_space):
        refuse('observations with a part "action_mask"')


def read_network(policy_kwargs: Mapping[str, Any] | None) -> Network:
    """Reads `policy_kwargs`; an activation is torch's class, known by its name, or that name in lower case."""
    if not isinstance(policy_kwargs, Mapping | None):
        raise TypeError(f"policy_kwargs={policy_kwargs!r} must be a dict")
    given = dict(policy_kwargs or {})
    sizes: Any = given.pop("net_arch", None)
    activation = given.pop("activation_fn", "tanh")
    log_std = given.pop("log_std_init", 0.0)
    if not given.pop("ortho_init", True):
        refuse("ortho_init=False")
    if given:
        name, value = next(iter(given.items()))
        refuse(f"policy_kwargs[{name!r}]={value!r}")
    word = activation
    if str(getattr(activation, "__module__", "")).startswith("torch.nn."):
        word = activation.__name__.lower()
    if word not in ACTIVATIONS:
        refuse(f"activation_fn={activation!r} (it has {', '.join(ACTIVATIONS)})")
    if sizes is None:
        return Network(activation=word, log_std=log_std)
    if isinstance(sizes, list | tuple) and len(sizes) == 1 and isinstance(sizes[0], Mapping):
        sizes = sizes[0]  # the form of SB3 before 1.8, which is still read
    if isinstance(sizes, Mapping):
        if unknown := [name for name in sizes if name not in ("pi", "vf")]:
            raise ValueError(f"net_arch has {unknown[0]!r}: give pi=[...] and vf=[...]")
        pi, vf = (sizes.get(name, ()) for name in ("pi", "vf"))
    else:
        pi = vf = sizes
    if not (isinstance(pi, list | tuple) and isinstance(vf, list | tuple)):
        raise TypeError(f"net_arch={sizes!r} must be a list of sizes, such as [64, 64], or a dict of lists pi and vf")
    if not all(isinstance(size, int | np.integer) and size > 0 for size in (*pi, *vf)):
        raise ValueError(f"net_arch={sizes!r} must have sizes of at least 1, such as [64, 64]")
    if pi and not vf:
        refuse(f"net_arch={sizes!r}, a value network without hidden layers beside a policy with some")
    return Network(tuple(pi), tuple(vf), word, log_std)


def at(schedule: Schedule, remaining: float, name: str, most: float) -> float:
    """Returns a schedule's value; raises a ValueError unless it is from 0 to `most`."""
    value = _float(name, schedule(remaining) if callable(schedule) else schedule)
    if not 0 <= value <= most:
        raise ValueError(f"{name}={value} with {remaining:.0%} of the training left: it must be from 0 to {most:g}")
    return value


def learning_rate_at(schedule: Schedule, remaining: float) -> float:
    """Returns the learning rate, from 0 to 1."""
    return at(schedule, remaining, "learning_rate", 1)


def clip_at(schedule: Schedule, remaining: float) -> float:
    """Returns the clip range, above 0."""
    return max(at(schedule, remaining, "clip_range", MOST), TINY)


def make_config(
    arguments: Mapping[str, Any],
    network: Network,
    num_envs: int,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
) -> PPOConfig:
    """Makes the core's options, in which N is `num_envs`.

    SB3's value loss is the squared error, the core's half of it. A minibatch of SB3 has `batch_size` samples, and the
    last one the rest; here they are as many, of sizes that differ by at most one.

    Raises:
        ValueError: an argument is out of its range, or the core does not train it.
    """
    normalize = boolean("normalize_advantage", arguments["normalize_advantage"])
    n_steps = integer("n_steps", arguments["n_steps"], 1)
    batch_size = integer("batch_size", arguments["batch_size"], 2 if normalize else 1)
    if normalize and n_steps * num_envs < 2:
        raise ValueError(f"n_steps={n_steps} with {num_envs} environment: advantages of one sample have no deviation")
    config = PPOConfig(
        backend="native",
        num_envs=num_envs,
        rollout_steps=n_steps,
        minibatches=-(-n_steps * num_envs // batch_size),
        epochs=integer("n_epochs", arguments["n_epochs"], 1),
        learning_rate=max(learning_rate_at(arguments["learning_rate"], 1.0), TINY),
        anneal=False,
        clip=clip_at(arguments["clip_range"], 1.0),
        gamma=_number("gamma", arguments["gamma"], 0, 1),
        gae_lambda=_number("gae_lambda", arguments["gae_lambda"], 0, 1),
        normalize_advantages=normalize,
        entropy_coefficient=_number("ent_coef", arguments["ent_coef"], 0),
        value_coefficient=2 * _number("vf_coef", arguments["vf_coef"], 0),
        max_grad_norm=_number("max_grad_norm", arguments["max_grad_norm"], TINY, math.inf),
        target_kl=0.0 if arguments["target_kl"] is None else _number("target_kl", arguments["target_kl"], TINY),
        hidden=network.pi,
        value_hidden=network.vf,
        activation=network.activation,
        log_std=network.log_std,
        mask_actions=False,
    )
    if reason := why_not(config, observation_space, action_space):
        refuse(reason)
    if isinstance(action_space, spaces.MultiBinary):
        refuse(f"actions of {action_space}")
    return config


def _number(name: str, value: Any, low: float, high: float = MOST) -> float:
    """Returns an argument as a float; raises a ValueError unless it is from `low` to `high`."""
    number = _float(name, value)
    if low <= number <= high:
        return number
    limits = (
        f"from {low:g} to {high:g}" if high < MOST else "above 0" if low == TINY else f"at least {low:g}, and finite"
    )
    raise ValueError(f"{name}={value} must be {limits}")


def _float(name: str, value: Any) -> float:
    """Returns a number as a float; raises a TypeError that names it if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be a number") from None
