"""Arguments of `reset` and `send`: checked, and in the form that workers take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def reset_arguments(seed: Any, options: dict[str, Any] | None, num_envs: int) -> list[dict[str, Any] | None]:
    """Returns the arguments of each environment's reset, None for those outside `options["reset_mask"]`."""
    if seed is None:
        seeds: Sequence[int | None] = [None] * num_envs
    elif isinstance(seed, int | np.integer):
        seeds = [int(seed) + k for k in range(num_envs)]
    else:
        seeds = list(seed)
        if len(seeds) != num_envs:
            raise ValueError(f"{len(seeds)} seeds were given for num_envs={num_envs} environments: give one for each")
    mask = np.ones(num_envs, np.bool_)
    if options is not None and "reset_mask" in options:
        mask = _check_mask(options["reset_mask"], num_envs)
        options = {name: value for name, value in options.items() if name != "reset_mask"}
    return [{"seed": seeds[k], "options": options} if chosen else None for k, chosen in enumerate(mask.tolist())]


def _check_mask(mask: Any, num_envs: int) -> np.ndarray:
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] must be a numpy array, not {type(mask).__name__}")
    if mask.shape != (num_envs,):
        raise ValueError(f"options['reset_mask'] must have the shape ({num_envs},), not {mask.shape}")
    if mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be bool, not {mask.dtype}")
    if not mask.any():
        raise ValueError("options['reset_mask'] has no True: it must choose at least one environment")
    return mask


def conforming(name: str, actions: Any, target: Any, count: int) -> Any:
    """Actions as arrays of the structure of `target` with `count` rows; raises ValueError where they do not fit."""
    if isinstance(target, dict):
        if not isinstance(actions, dict) or actions.keys() != target.keys():
            raise ValueError(f"{name} must be a dict with the keys {', '.join(map(repr, target))}")
        return {key: conforming(f"{name}[{key!r}]", actions[key], part, count) for key, part in target.items()}
    if isinstance(target, tuple):
        if not isinstance(actions, tuple) or len(actions) != len(target):
            raise ValueError(f"{name} must be a tuple of {len(target)}")
        pairs = zip(actions, target, strict=True)
        return tuple(conforming(f"{name}[{k}]", each, part, count) for k, (each, part) in enumerate(pairs))
    array = np.asarray(actions)
    if array.shape != (count, *target.shape[1:]):
        raise ValueError(f"{name} must have the shape {(count, *target.shape[1:])}, not {array.shape}")
    if not np.can_cast(array.dtype, target.dtype, "same_kind"):
        raise ValueError(f"{name} must be {target.dtype}, not {array.dtype}")
    return array


def scatter(values: Any, target: Any, rows: np.ndarray) -> None:
    """Writes rows of arrays in dicts and tuples."""
    if isinstance(target, dict):
        for key, part in target.items():
            scatter(values[key], part, rows)
    elif isinstance(target, tuple):
        for each, part in zip(values, target, strict=True):
            scatter(each, part, rows)
    else:
        target[rows] = values
