"""Small Gymnasium environments, and vector envs of them."""

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Countdown(gym.Env):
    """Observes the number of its steps; ends after `steps`, terminated or truncated. Every reward is 1."""

    observation_space = spaces.Box(0, np.inf, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, steps=3, truncates=False):
        self.steps, self.truncates = steps, truncates

    def reset(self, *, seed=None, options=None):
        self.made = 0
        return np.float32([0]), {}

    def step(self, action):
        self.made += 1
        over = self.made == self.steps
        return np.float32([self.made]), 1.0, over and not self.truncates, over and self.truncates, {}


class Nested(gym.Env):
    """Has Dict and Tuple observations, two choices at once, and a mask that forbids one random action."""

    observation_space = spaces.Dict(
        parts=spaces.Tuple([spaces.Discrete(3, start=1), spaces.Box(-1, 1, (2,), np.float64)]),
        action_mask=spaces.MultiBinary(5),
    )
    action_space = spaces.MultiDiscrete([2, 3])
    forbidden_taken = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.made = 0
        return self._observe(), {}

    def step(self, action):
        Nested.forbidden_taken += not (self.mask[action[0]] and self.mask[2 + action[1]])
        self.made += 1
        return self._observe(), float(action[1] == 1), False, self.made == 7, {}

    def _observe(self):
        self.mask = np.ones(5, np.int8)
        self.mask[self.np_random.integers(5)] = 0
        parts = (self.np_random.integers(3) + 1, self.np_random.uniform(-1, 1, 2))
        return {"parts": parts, "action_mask": self.mask}


class Recall(gym.Env):
    """Shows 1 or -1 at first, then 0; the reward is 1 if the third action matches the first observation."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.made, self.cue = 0, int(self.np_random.integers(2))
        return np.float32([2 * self.cue - 1]), {}

    def step(self, action):
        self.made += 1
        over = self.made == 3
        return np.float32([0]), float(over and action == self.cue), over, False, {}


def vector(*makers):
    """Makes a vector env of the environments of these makers."""
    return gym.vector.SyncVectorEnv(makers, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)
