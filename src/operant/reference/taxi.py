"""Gymnasium's Taxi with a `state`, so that it can draw ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.taxi import TaxiEnv

from operant.reference.drawn import Drawn


class Taxi(Drawn, TaxiEnv):
    """Gymnasium's class with a `state`, `[6]` float64: row, column, passenger, destination, `fickle_step`, outcome."""

    @property
    def state(self) -> np.ndarray:
        return np.array([*self.decode(int(self.s)), self.fickle_step, self.outcome], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        *place, fickle, self.outcome = (int(value) for value in values)
        self.s = self.encode(*place)  # type: ignore[no-untyped-call]
        self.fickle_step = fickle == 1
