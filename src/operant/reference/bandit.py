"""Bandit-v0 in plain Python."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from operant.reference.normal import normal

ARMS = 10

HEIGHT, WIDTH = 200, 320  # of a frame, pixels
BACKGROUND, AXIS, BAR, PULLED, REWARD = (250, 250, 250), (120, 120, 120), (93, 139, 176), (243, 156, 18), (44, 62, 80)


class Bandit(gymnasium.Env[np.ndarray, np.int64]):
    """Ten slot machines: the testbed of Sutton & Barto (2018), section 2.3.

    A reset draws every arm's mean from a normal distribution (`mean`, `mean_deviation`). A step draws the reward from a
    normal distribution around the mean of the pulled arm (`reward_deviation`). Observations are `[11]` float32: the
    last reward and, one-hot, its arm; zeros before the first pull. Only the time limit ends an episode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 - Gymnasium's class attribute
    observation_space = spaces.Box(
        np.array([-np.inf] + [0.0] * ARMS, np.float32), np.array([np.inf] + [1.0] * ARMS, np.float32), dtype=np.float32
    )
    action_space = spaces.Discrete(ARMS)

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.mean, self.mean_deviation, self.reward_deviation = 0.0, 1.0, 1.0
        self.means = [0.0] * ARMS
        self.reward, self.arm = 0.0, -1

    @property
    def state(self) -> np.ndarray:
        """`[12]` float64: the arms' means, the last reward, the last arm (-1 before the first pull)."""
        return np.array([*self.means, self.reward, self.arm], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        *means, reward, arm = (float(value) for value in values)
        self.means, self.reward, self.arm = means, reward, int(arm)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draws ten new arms."""
        super().reset(seed=seed)
        self.means = [normal(self.np_random, self.mean, self.mean_deviation) for _ in range(ARMS)]
        self.reward, self.arm = 0.0, -1
        return self._observe(), {}

    def step(self, action: int | np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Pulls an arm."""
        self.arm = int(action)
        self.reward = normal(self.np_random, self.means[self.arm], self.reward_deviation)
        return self._observe(), self.reward, False, False, {}

    def _observe(self) -> np.ndarray:
        observation = np.zeros(1 + ARMS, np.float32)
        observation[0] = self.reward
        if self.arm >= 0:
            observation[1 + self.arm] = 1.0
        return observation

    def render(self) -> np.ndarray:
        """A frame `[200, 320, 3]` uint8: the arms' means as bars around 0, the last reward as a line at its arm."""
        frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        frame[:] = BACKGROUND
        pitch = WIDTH // ARMS
        for arm, mean in enumerate(self.means):
            top, bottom = sorted((_row(mean), HEIGHT // 2))
            frame[top:bottom, arm * pitch + 5 : (arm + 1) * pitch - 5] = PULLED if arm == self.arm else BAR
        frame[HEIGHT // 2] = AXIS
        if self.arm >= 0:
            row = _row(self.reward)
            frame[row - 1 : row + 2, self.arm * pitch : (self.arm + 1) * pitch] = REWARD
        return frame


def _row(value: float) -> int:
    """The pixel row of a value; 4 is at the top, and values beyond are clipped to the border."""
    return int(np.clip(HEIGHT / 2 - value / 4 * HEIGHT / 2, 1, HEIGHT - 2))
