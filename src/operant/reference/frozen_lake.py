"""Gymnasium's FrozenLake with a `state` and a replaceable map, so that it can draw ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv

from operant.reference.drawn import Drawn


class FrozenLake(Drawn, FrozenLakeEnv):
    """Gymnasium's class with a `state`, `[3]` float64: row, column, drawn outcome.

    A map set through attributes is drawn.
    """

    columns = last_tile = start_row = start_column = 0.0
    tiles_0 = tiles_1 = tiles_2 = tiles_3 = tiles_4 = tiles_5 = tiles_6 = tiles_7 = 0.0

    @property
    def state(self) -> np.ndarray:
        return np.array([*divmod(int(self.s), self.ncol), self.outcome], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        if self.columns:
            self._lay_map()
        row, column, self.outcome = (int(value) for value in values)
        self.s = row * self.ncol + column

    def _lay_map(self) -> None:
        """Replaces the map by the one that the attributes `columns`, `last_tile`, ... describe."""
        given: Any = self  # its `desc` is annotated with the constructor's type
        columns = int(self.columns)
        packed = [int(getattr(self, f"tiles_{row}")) for row in range((int(self.last_tile) + 1) // columns)]
        desc = np.array([["FHGF"[row >> 2 * column & 3] for column in range(columns)] for row in packed], "S1")
        desc[int(self.start_row), int(self.start_column)] = b"S"
        if desc.shape != given.desc.shape:  # loading scales the pictures to the cells: load them again
            self.window_surface = self.ice_img = None
        given.desc = desc
        self.nrow, self.ncol = desc.shape
        self.window_size = (min(64 * self.ncol, 512), min(64 * self.nrow, 512))
        self.cell_size = (self.window_size[0] // self.ncol, self.window_size[1] // self.nrow)
