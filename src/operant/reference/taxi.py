"""Gymnasium's Taxi with a `state`, so that it can draw ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.taxi import TaxiEnv


class Taxi(TaxiEnv):
    """Gymnasium's class with a `state`, `[5]` float64: row, column, passenger, destination and `fickle_step`."""

    @property
    def state(self) -> np.ndarray:
        return np.array([*self.decode(int(self.s)), self.fickle_step], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        *place, fickle = (int(value) for value in values)
        self.s = self.encode(*place)  # type: ignore[no-untyped-call]
        self.fickle_step = fickle == 1
