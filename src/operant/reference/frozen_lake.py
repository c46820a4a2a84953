"""Gymnasium's FrozenLake, put into a state and onto a map of ours to draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv


class FrozenLake(FrozenLakeEnv):
    """`state` is row and column. Where a map's parameters have been set as attributes, that map is drawn."""

    @property
    def state(self) -> np.ndarray:
        return np.array(divmod(int(self.s), self.ncol), np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        if hasattr(self, "last_tile"):
            self._lay_map()
        row, column = (int(value) for value in values)
        self.s = row * self.ncol + column

    def _lay_map(self) -> None:
        """The map that the attributes `columns`, `last_tile`, ... describe."""
        given: Any = self  # has the parameters, and a desc that is annotated as what the constructor takes
        columns = int(given.columns)
        packed = [int(getattr(self, f"tiles_{row}")) for row in range((int(given.last_tile) + 1) // columns)]
        desc = np.array([["FHGF"[row >> 2 * column & 3] for column in range(columns)] for row in packed], "S1")
        desc[int(given.start_row), int(given.start_column)] = b"S"
        if desc.shape != given.desc.shape:  # pictures are scaled to the cells when they are loaded
            self.window_surface = self.ice_img = None
        given.desc = desc
        self.nrow, self.ncol = desc.shape
        self.window_size = (min(64 * self.ncol, 512), min(64 * self.nrow, 512))
        self.cell_size = (self.window_size[0] // self.ncol, self.window_size[1] // self.nrow)
