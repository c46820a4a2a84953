"""Gymnasium's CliffWalking, put into a state of ours to draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv


class CliffWalking(CliffWalkingEnv):
    """`state` is row and column."""

    @property
    def state(self) -> np.ndarray:
        return np.array(divmod(int(self.s), self.shape[1]), np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        row, column = (int(value) for value in values)
        self.s = row * self.shape[1] + column
