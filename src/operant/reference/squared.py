"""Squared-v0 in plain Python, with the rules of PufferLib 3.0's ocean/squared/squared.h."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from operant.reference.tiles import paint

SIZE = 11
MIDDLE = SIZE * SIZE // 2
EMPTY, AGENT, TARGET = 0, 1, 2
MOVES = ((0, 0), (1, 0), (-1, 0), (0, -1), (0, 1))  # stay, down, up, left, right: rows and columns
COLOURS = ((6, 24, 24), (0, 187, 187), (187, 0, 0))  # as PufferLib draws them


class SquaredEnv(gymnasium.Env[np.ndarray, Any]):
    """Walk from the middle of a grid to its target, without leaving the grid."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012 - Gymnasium's class attribute

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 2, (SIZE, SIZE), np.uint8)
        self.action_space = spaces.Discrete(5)
        self.patience = 3 * SIZE

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.row = self.column = SIZE // 2
        cell = int(self.np_random.integers(SIZE * SIZE - 1))
        self.target = cell if cell < MIDDLE else cell + 1  # anywhere but in the middle
        self.ticks = 0
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.ticks += 1
        self.row += MOVES[action][0]
        self.column += MOVES[action][1]
        if self.ticks > self.patience or not self._inside():
            return self._observe(), -1.0, True, False, {}
        arrived = self.row * SIZE + self.column == self.target
        return self._observe(), 1.0 if arrived else 0.0, arrived, False, {}

    def render(self) -> np.ndarray:
        """A frame `[352, 352, 3]` uint8."""
        return paint(self._observe(), COLOURS)

    @property
    def state(self) -> np.ndarray:
        """`[4]` float64: row and column of the agent, the target's cell, steps taken."""
        return np.array([self.row, self.column, self.target, self.ticks], np.float64)

    @state.setter
    def state(self, values: np.ndarray) -> None:
        self.row, self.column, self.target, self.ticks = (int(value) for value in values)

    def _inside(self) -> bool:
        return 0 <= self.row < SIZE and 0 <= self.column < SIZE

    def _observe(self) -> np.ndarray:
        """`[11, 11]` uint8; an agent outside the grid is not shown."""
        grid = np.zeros((SIZE, SIZE), np.uint8)
        grid.flat[self.target] = TARGET
        if self._inside():
            grid[self.row, self.column] = AGENT
        return grid
