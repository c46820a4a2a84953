"""Gymnasium's Taxi, put into a state of ours to draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.taxi import TaxiEnv


class Taxi(TaxiEnv):
    """`state` is row, column, passenger, destination and whether the passenger is yet to be fickle."""

    @property
    def state(self) -> np.ndarray:
        return np.array([*self.decode(int(self.s)), self.fickle_step], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        *place, fickle = (int(value) for value in values)
        self.s = self.encode(*place)  # type: ignore[no-untyped-call]
        self.fickle_step = fickle == 1
        self.taxi_orientation = 0  # as after a reset: it follows from the last action, if that was a move
