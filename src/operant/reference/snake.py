"""Snake-v0 in plain Python: the phone game (Nokia 6110, 1997) on a walled grid of 10 x 10 cells."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from operant.reference.tiles import paint

SIZE = 10
HEAD, BODY, TAIL, FRUIT = range(4)  # channels
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # up, right, down, left: rows and columns; opposites are two apart
START = ((5, 3), (5, 4), (5, 5))  # tail to head
NOWHERE = (-1, -1)
COLOURS = ((16, 24, 16), (96, 208, 96), (48, 144, 72), (32, 112, 64), (224, 64, 64))


class SnakeEnv(gymnasium.Env[np.ndarray, Any]):
    """Eat fruit and grow, without running into a wall or oneself."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - Gymnasium's class attribute

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 1, (SIZE, SIZE, 4), np.uint8)
        self.action_space = spaces.Discrete(4)
        self.fruit_reward, self.death_reward, self.step_reward = 1.0, -1.0, 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.snake = deque(START)
        self.heading = 1
        self._grow_fruit()
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if (action - self.heading) % 4 != 2:  # a snake cannot reverse
            self.heading = int(action)
        row, column = self.snake[-1]
        head = (row + MOVES[self.heading][0], column + MOVES[self.heading][1])
        inside = 0 <= head[0] < SIZE and 0 <= head[1] < SIZE
        if not inside or (head in self.snake and head != self.snake[0]):  # the tail moves away
            return self._observe(), self.step_reward + self.death_reward, True, False, {}
        if head != self.fruit:
            self.snake.popleft()
            self.snake.append(head)
            return self._observe(), self.step_reward, False, False, {}
        self.snake.append(head)
        self._grow_fruit()
        full = len(self.snake) == SIZE * SIZE
        return self._observe(), self.step_reward + self.fruit_reward, full, False, {}

    def render(self) -> np.ndarray:
        """A frame `[320, 320, 3]` uint8."""
        return paint((self._observe() * np.arange(1, 5)).max(axis=-1), COLOURS)

    @property
    def state(self) -> np.ndarray:
        """`[18]` float64: head, tail and fruit as row and column, the heading, the length, and ten rows of cells.

        A row is a number of 30 bits. Bit x is set if the snake is in column x; bits 10 + x and 20 + x, low and high,
        are the direction of its next part towards the head.
        """
        rows = [0] * SIZE
        parts = list(self.snake)
        for (row, column), (next_row, next_column) in itertools.pairwise(parts):
            way = MOVES.index((next_row - row, next_column - column))
            rows[row] |= (way & 1) << (10 + column) | (way >> 1) << (20 + column)
        for row, column in parts:
            rows[row] |= 1 << column
        return np.array([*parts[-1], *parts[0], *self.fruit, self.heading, len(parts), *rows], np.float64)

    @state.setter
    def state(self, values: np.ndarray) -> None:
        numbers = [int(value) for value in values]
        place, head = (numbers[2], numbers[3]), (numbers[0], numbers[1])
        self.fruit, self.heading, rows = (numbers[4], numbers[5]), numbers[6], numbers[8:]
        self.snake = deque([place])
        while place != head:
            row, column = place
            way = (rows[row] >> (10 + column) & 1) | (rows[row] >> (20 + column) & 1) << 1
            place = (row + MOVES[way][0], column + MOVES[way][1])
            self.snake.append(place)

    def _grow_fruit(self) -> None:
        """Puts the fruit on a free cell, all equally likely; nowhere if no cell is free."""
        taken = set(self.snake)
        free = [(row, column) for row in range(SIZE) for column in range(SIZE) if (row, column) not in taken]
        self.fruit = free[int(self.np_random.random() * len(free))] if free else NOWHERE

    def _observe(self) -> np.ndarray:
        """`[10, 10, 4]` uint8, with channels for the head, the rest of the snake, its tail, and the fruit."""
        grid = np.zeros((SIZE, SIZE, 4), np.uint8)
        for row, column in self.snake:
            grid[row, column, BODY] = 1
        row, column = self.snake[-1]
        grid[row, column] = (1, 0, 0, 0)
        row, column = self.snake[0]
        grid[row, column, TAIL] = 1
        if self.fruit != NOWHERE:
            row, column = self.fruit
            grid[row, column, FRUIT] = 1
        return grid
