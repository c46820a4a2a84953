"""Actions in the core's form, and in the environment's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.models.networks.spaces import action_choices, box_actions, float32_bounds

INT32, FLOAT32 = np.dtype(np.int32), np.dtype(np.float32)


class ActionForm:
    """The form of a space's actions.

    Attributes:
        size: K, the numbers of an action.
        choices: `[K]` int32, the number of choices of each, which the core counts from 0; None if continuous.
        dtype: the core's, int32 or float32.

    Raises:
        TypeError: the space is not supported.
    """

    def __init__(self, space: spaces.Space[Any]):
        self.space = space
        choices, starts = action_choices(space)
        self.choices = np.array(choices, INT32) if choices else None
        self.shape = tuple(space.shape or ())
        self.size = len(choices) or math.prod(self.shape)
        self.dtype = INT32 if choices else FLOAT32
        self._start = np.array(starts, np.int64) if any(starts) else None

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The bounds of a continuous action, `[K]` float32 each."""
        assert isinstance(self.space, spaces.Box)
        low, high = float32_bounds(self.space)
        return low.ravel(), high.ravel()

    def for_environment(self, actions: np.ndarray) -> np.ndarray:
        """Converts the core's actions `[..., K]` to the space's, `[..., *shape]` of int64 or the space's dtype."""
        space, shape = self.space, (*actions.shape[:-1], *self.shape)
        if isinstance(space, spaces.Box):
            return box_actions(space, actions.reshape(shape))
        counted = actions.astype(np.int64) if self._start is None else actions + self._start
        return counted.reshape(shape)
