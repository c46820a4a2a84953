"""Memory-v0 in plain Python."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

SIDE = 120  # of a frame, pixels
BLANK, FRAME, QUESTION = (238, 238, 238), (170, 170, 170), (250, 215, 120)
CUES = {-1.0: (70, 120, 180), 1.0: (200, 80, 70)}


class Memory(gymnasium.Env[np.ndarray, np.int64]):
    """Recall after a delay which of two cues was shown.

    The first observation shows the cue, -1 or 1 with equal probability. Then `delay` observations show nothing, and one
    asks the question. The next action is the answer, 0 for -1 and 1 for 1: the reward is 1 if it is right, and the
    episode ends. All other rewards are 0. Observations are `[2]` float32: the cue (0 if hidden) and the question.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012 - Gymnasium's class attribute
    observation_space = spaces.Box(
        np.array([-1.0, 0.0], np.float32), np.array([1.0, 1.0], np.float32), dtype=np.float32
    )
    action_space = spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.delay = 8.0
        self.cue, self.time = 1.0, 0.0

    @property
    def state(self) -> np.ndarray:
        """`[2]` float64: the cue, and the number of steps since it was shown."""
        return np.array([self.cue, self.time])

    @state.setter
    def state(self, values: Any) -> None:
        self.cue, self.time = (float(value) for value in values)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Shows a new cue."""
        super().reset(seed=seed)
        self.cue = -1.0 if self.np_random.random() < 0.5 else 1.0
        self.time = 0.0
        return self._observe(), {}

    def _asks(self) -> bool:
        return self.time > self.delay

    def step(self, action: int | np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step of the delay, or the answer."""
        asked = self._asks()
        right = (1.0 if action == 1 else -1.0) == self.cue
        self.time += 1.0
        return self._observe(), 1.0 if asked and right else 0.0, asked, False, {}

    def _observe(self) -> np.ndarray:
        return np.array([self.cue if self.time == 0 else 0.0, 1.0 if self._asks() else 0.0], np.float32)

    def render(self) -> np.ndarray:
        """A frame `[120, 120, 3]` uint8: blue or red for the cue, yellow for the question, else grey."""
        colour = QUESTION if self._asks() else CUES[self.cue] if self.time == 0 else BLANK
        frame = np.empty((SIDE, SIDE, 3), np.uint8)
        frame[:] = FRAME
        frame[8:-8, 8:-8] = colour
        return frame
