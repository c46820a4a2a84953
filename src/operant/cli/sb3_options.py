"""The options of Stable-Baselines3's algorithms as a TOML file gives them, with the names that RL-Zoo gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from operant.messages import suggestion, unknown

ADDED = ("n_envs", "noise_std", "noise_type", "normalize")
"""RL-Zoo's options that are no argument of a class of SB3's."""
SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")
LINEAR = "lin_"


def check_names(options: Mapping[str, Any], algorithm: str, kind: type) -> None:
    """Raises a ValueError if an option is neither an argument of the algorithm's class nor one of ADDED."""
    known = {*inspect.signature(kind).parameters, *ADDED} - {"env", "seed", "_init_setup_model"}
    for name in options:
        if name == "n_timesteps":
            raise ValueError("n_timesteps is no option here: give the contender or the run timesteps =")
        if name not in known:
            raise ValueError(unknown(f"option of {algorithm}", name, sorted(known)))


def normalized(envs: Any, options: Mapping[str, Any]) -> Any:
    """Returns the vector environment, within a VecNormalize if `normalize` is true or a table of its arguments.

    Rewards are discounted by the algorithm's `gamma` unless the table has another.

    Raises:
        ValueError: `normalize` is something else, or has an unknown argument.
    """
    normalize = options.get("normalize", False)
    if normalize is False:
        return envs
    from stable_baselines3.common.vec_env import VecNormalize

    if normalize is not True and not isinstance(normalize, Mapping):
        raise ValueError(f"normalize={normalize!r} must be true, false, or a table of VecNormalize's arguments")
    given = {} if normalize is True else dict(normalize)
    known = sorted(inspect.signature(VecNormalize).parameters.keys() - {"venv"})
    for name in given:
        if name not in known:
            raise ValueError(unknown("argument of VecNormalize", name, known))
    discount = {"gamma": options["gamma"]} if "gamma" in options else {}
    return VecNormalize(envs, **(discount | given))


def arguments(options: Mapping[str, Any], action_space: gym.Space[Any]) -> dict[str, Any]:
    """Returns the arguments of the algorithm's class: all options but those of ADDED, with words made into objects.

    A schedule such as "lin_3e-4" falls to 0 at the end of the training. `policy_kwargs` may have an `activation_fn` of
    torch.nn by its name. A `noise_type` of "normal" or "ornstein-uhlenbeck" with its `noise_std` is an `action_noise`.

    Raises:
        ValueError: a word is unknown.
    """
    given = {key: value for key, value in options.items() if key not in ADDED}
    for name in SCHEDULES:
        if isinstance(given.get(name), str):
            given[name] = _linear(name, given[name])
    if "policy_kwargs" in given:
        given["policy_kwargs"] = _policy_kwargs(given["policy_kwargs"])
    if "noise_type" in options or "noise_std" in options:
        given["action_noise"] = _noise(options, action_space)
    return given


def _linear(name: str, text: str) -> Callable[[float], float]:
    try:
        start = float(text.removeprefix(LINEAR)) if text.startswith(LINEAR) else np.nan
    except ValueError:
        start = np.nan
    if not np.isfinite(start):
        raise ValueError(f"{name}={text!r} must be a number, or a number that falls to 0, such as 'lin_3e-4'")
    from stable_baselines3.common.utils import LinearSchedule

    schedule: Callable[[float], float] = LinearSchedule(start, 0.0, 1.0)
    return schedule


def _policy_kwargs(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"policy_kwargs={given!r} must be a table, such as {{ net_arch = [64, 64] }}")
    word = given.get("activation_fn")
    if word is None:
        return dict(given)
    import torch
    from torch.nn.modules import activation

    classes = {name.lower(): name for name in activation.__all__}
    name = classes.get(str(word).removeprefix("torch.").removeprefix("nn.").lower())
    if name is None:
        few = ("Tanh", "ReLU", "ELU", "LeakyReLU", "SiLU", "GELU")
        raise ValueError(
            f"activation_fn={word!r} is no activation of torch.nn: {suggestion(word, [*few, *map(str.lower, few)])}"
        )
    return {**given, "activation_fn": getattr(torch.nn, name)}


def _noise(options: Mapping[str, Any], space: gym.Space[Any]) -> Any:
    from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

    kinds = {"normal": NormalActionNoise, "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise}
    kind, deviation = options.get("noise_type"), options.get("noise_std")
    if kind not in kinds:
        raise ValueError(unknown("noise_type", kind, kinds))
    if isinstance(deviation, bool) or not isinstance(deviation, int | float) or not deviation >= 0:
        raise ValueError(f"noise_std={deviation!r} must be a number of at least 0")
    if not isinstance(space, gym.spaces.Box):
        raise ValueError(f"noise_type={kind!r} is for continuous actions, and not for {space}")
    return kinds[kind](np.zeros(space.shape), np.full(space.shape, deviation))
