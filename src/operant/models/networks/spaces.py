"""The spaces that policies support, and their action masks. This module does not need torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

MASK = "action_mask"
"""The part of a Dict that is not an input of the networks; it forbids the actions for which it is 0."""
ACTIONS = "Discrete, MultiDiscrete and MultiBinary of one dimension, and Box of floating-point numbers"


def is_continuous(space: spaces.Space[Any]) -> bool:
    """Returns True for a Box of floating-point actions."""
    return isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating) and bool(space.shape)


def action_choices(space: spaces.Space[Any]) -> tuple[list[int], list[int]]:
    """Returns the number of choices, and the first of them, for each number of an action; none for a Box.

    Raises:
        TypeError: the space is not supported.
    """
    if isinstance(space, spaces.Discrete):
        return [int(space.n)], [int(space.start)]
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        start = getattr(space, "start", np.zeros_like(space.nvec))  # gymnasium 0.29 has no start
        return space.nvec.tolist(), start.tolist()
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return [2] * space.shape[0], [0] * space.shape[0]
    if not is_continuous(space):
        raise TypeError(f"no policy supports the action space {space}; supported are {ACTIONS}")
    return [], []


def box_actions(space: spaces.Box, actions: np.ndarray) -> np.ndarray:
    """Converts float32 actions `[..., *A]`, within a Box's bounds rounded to float32, to the Box's dtype and bounds."""
    converted = actions.astype(space.dtype, copy=False)
    # The rounded bounds may be beyond those of float64.
    return converted if converted.itemsize <= actions.itemsize else np.clip(converted, space.low, space.high)


def actions_of(space: spaces.Space[Any], actions: np.ndarray) -> np.ndarray:
    """Converts a trainer's actions `[..., *A]` to the dtype of their space, and to the bounds of a Box."""
    return box_actions(space, actions) if isinstance(space, spaces.Box) else actions.astype(space.dtype, copy=False)


def float32_bounds(space: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bounds of a Box in float32; those beyond its largest number are infinite."""
    with np.errstate(over="ignore"):
        return space.low.astype(np.float32), space.high.astype(np.float32)


def check_squash(space: spaces.Space[Any], squash: bool) -> None:
    """Raises ValueError if actions of the space cannot be squashed to their bounds, and `squash` is set."""
    if not squash:
        return
    if not is_continuous(space) or not isinstance(space, spaces.Box):
        raise ValueError(f"squash=True is for a Box of floating-point actions, not {space}: set squash=False")
    low, high = float32_bounds(space)
    with np.errstate(all="ignore"):
        fit = np.isfinite(high - low) & (low < high)
    if not fit.all():
        needs = "squash=True needs finite bounds in float32, low below high"
        raise ValueError(f"{needs}, but the action space is {space}: set squash=False")


def has_mask(space: spaces.Space[Any]) -> bool:
    """Returns True for a Dict with a part "action_mask"."""
    return isinstance(space, spaces.Dict) and MASK in space.spaces


def check_masks(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any], table: np.ndarray | None
) -> None:
    """Raises an error if a mask does not fit the spaces.

    `table` is bool `[values, actions]`, the allowed actions for each value of a Discrete observation, or None.

    Raises:
        TypeError: observations have nothing but a mask.
        ValueError: a mask has another shape than the actions.
    """
    size = sum(action_choices(action_space)[0])
    if table is not None:
        values = 0
        if isinstance(observation_space, spaces.Discrete) and observation_space.start == 0:
            values = int(observation_space.n)
        if not values or not size or table.shape != (values, size):
            raise ValueError(
                f"action_masks of shape {table.shape} do not fit {observation_space} and {action_space}: they need a "
                "row for each value of a Discrete observation, and a column for each action"
            )
    if isinstance(observation_space, spaces.Dict) and has_mask(observation_space):
        if len(observation_space.spaces) == 1:
            raise TypeError(f"the observation space {observation_space} has only {MASK!r}: add a part to observe")
        shape = observation_space[MASK].shape
        if shape != (size,) or not size:
            needed = f"masks of shape ({size},)" if size else "no masks"
            raise ValueError(f"{MASK!r} has shape {shape}, but {action_space} takes {needed}")


def is_grid(space: spaces.Box) -> bool:
    """Returns True for a grid `[H, W, C]` of bytes 0 or 1. It is small, so an MLP learns faster than a CNN."""
    return bool(space.dtype == np.uint8 and space.high.max() <= 1)


def is_image(space: spaces.Space[Any]) -> bool:
    """Returns True for a Box of three dimensions that is no grid: a CNN reads it."""
    return isinstance(space, spaces.Box) and len(space.shape) == 3 and not is_grid(space)


def check_normalized(shape: tuple[int, ...], is_float: bool, space: spaces.Space[Any]) -> None:
    """Raises ValueError for observations that cannot be normalised."""
    if len(shape) != 1 or not is_float:
        raise ValueError(f"normalize_observations=True needs vectors of float32, not {space}: set it to false")
