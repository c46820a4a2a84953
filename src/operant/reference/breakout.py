"""Breakout-v0 in plain Python, with MinAtar's rules (Young & Tian 2019, minatar/environments/breakout.py)."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from operant.reference.tiles import paint

SIZE = 10
PADDLE, BALL, TRAIL, BRICK = range(4)  # channels
FIRST_BRICKS, BRICK_ROWS = 1, 3  # the bricks lie in rows 1, 2 and 3
STAY, LEFT, RIGHT = range(3)
COURSES = ((-1, -1), (-1, 1), (1, 1), (1, -1))  # the ball's directions: up left, up right, down right, down left
MIRRORED_AT_A_WALL = (1, 0, 3, 2)
MIRRORED_UPWARDS = (3, 2, 1, 0)  # at a brick, the ceiling or the paddle's middle
REVERSED = (2, 3, 0, 1)  # at the paddle's edge
COLOURS = ((20, 20, 28), (96, 160, 255), (255, 255, 255), (120, 120, 128), (208, 112, 56))


class BreakoutEnv(gymnasium.Env[np.ndarray, Any]):
    """Keep a ball in play with a paddle, and break bricks with it.

    `sticky_actions` is the probability of repeating the last action instead of the one given.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - Gymnasium's class attribute

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 1, (SIZE, SIZE, 4), np.uint8)
        self.action_space = spaces.Discrete(3)
        self.sticky_actions = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        from_the_right = int(self.np_random.integers(2))
        self.ball = (3, 9 if from_the_right else 0)
        self.course = 3 if from_the_right else 2
        self.trail = self.ball
        self.paddle = 4
        self.strike = False
        self.last_action = STAY
        self.bricks = np.ones((BRICK_ROWS, SIZE), np.bool_)
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self.sticky_actions > 0 and self.np_random.random() < self.sticky_actions:
            action = self.last_action
        self.last_action = int(action)
        if action == LEFT:
            self.paddle = max(self.paddle - 1, 0)
        elif action == RIGHT:
            self.paddle = min(self.paddle + 1, SIZE - 1)

        self.trail = self.ball
        row, column = self.ball[0] + COURSES[self.course][0], self.ball[1] + COURSES[self.course][1]
        if not 0 <= column < SIZE:
            column = min(max(column, 0), SIZE - 1)
            self.course = MIRRORED_AT_A_WALL[self.course]
        reward, struck, lost = 0.0, False, False
        if row < 0:
            row = 0
            self.course = MIRRORED_UPWARDS[self.course]
        elif self._is_brick(row, column):
            struck = True
            if not self.strike:  # in the step after a strike, the ball passes through bricks
                reward = 1.0
                self.bricks[row - FIRST_BRICKS, column] = False
                row = self.trail[0]
                self.course = MIRRORED_UPWARDS[self.course]
        elif row == SIZE - 1:
            if not self.bricks.any():
                self.bricks[:] = True
            if self.trail[1] == self.paddle:
                row = self.trail[0]
                self.course = MIRRORED_UPWARDS[self.course]
            elif column == self.paddle:
                row = self.trail[0]
                self.course = REVERSED[self.course]
            else:
                lost = True
        self.strike = struck
        self.ball = (row, column)
        return self._observe(), reward, lost, False, {}

    def render(self) -> np.ndarray:
        """A frame `[320, 320, 3]` uint8; the ball hides its trail."""
        seen = self._observe() * np.array([1, 5, 3, 4])
        grid = seen.max(axis=-1)
        return paint(np.where(grid == 5, 2, grid), COLOURS)

    @property
    def state(self) -> np.ndarray:
        """`[9]` float64: row and column of the ball, row and column of its trail, and five more numbers.

        These are the course, the paddle's column, 1 if the ball struck a brick in the last step, the last action, and
        the bricks as bits 10 * (row - 1) + column of one number.
        """
        flags = int(sum(1 << k for k, brick in enumerate(self.bricks.flat) if brick))
        return np.array(
            [*self.ball, *self.trail, self.course, self.paddle, self.strike, self.last_action, flags], np.float64
        )

    @state.setter
    def state(self, values: np.ndarray) -> None:
        numbers = [int(value) for value in values]
        self.ball, self.trail = (numbers[0], numbers[1]), (numbers[2], numbers[3])
        self.course, self.paddle, self.strike, self.last_action = numbers[4], numbers[5], bool(numbers[6]), numbers[7]
        flags = [numbers[8] >> k & 1 for k in range(BRICK_ROWS * SIZE)]
        self.bricks = np.array(flags, np.bool_).reshape(BRICK_ROWS, SIZE)

    def _is_brick(self, row: int, column: int) -> bool:
        return FIRST_BRICKS <= row < FIRST_BRICKS + BRICK_ROWS and bool(self.bricks[row - FIRST_BRICKS, column])

    def _observe(self) -> np.ndarray:
        """`[10, 10, 4]` uint8, with channels for the paddle, the ball, the ball's last position, and the bricks."""
        grid = np.zeros((SIZE, SIZE, 4), np.uint8)
        grid[FIRST_BRICKS : FIRST_BRICKS + BRICK_ROWS, :, BRICK] = self.bricks
        grid[SIZE - 1, self.paddle, PADDLE] = 1
        grid[(*self.trail, TRAIL)] = 1
        grid[(*self.ball, BALL)] = 1
        return grid
