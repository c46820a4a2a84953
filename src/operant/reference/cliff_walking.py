"""Gymnasium's CliffWalking with a `state`, so that it can draw ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv


class CliffWalking(CliffWalkingEnv):
    """Gymnasium's class with a `state`, `[2]` float64: row and column."""

    @property
    def state(self) -> np.ndarray:
        return np.array(divmod(int(self.s), self.shape[1]), np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        row, column = (int(value) for value in values)
        self.s = row * self.shape[1] + column
