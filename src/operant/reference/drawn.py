"""The outcomes that Gymnasium's toy text draws, noted for a `state`."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium
from gymnasium.envs.toy_text.utils import categorical_sample

CERTAIN = 3


class Drawn(gymnasium.Env[Any, Any]):
    """Notes in `outcome` which of several transitions a step drew: 3 after a reset, and if there was only one.

    Put it before Gymnasium's class, which has the table `P` and the state `s`.
    """

    outcome = CERTAIN
    P: Any
    s: Any

    def step(self, action: Any) -> Any:
        transitions = self.P[int(self.s)][int(action)]
        chances, generator = [each[0] for each in transitions], copy.deepcopy(self.np_random)
        drawn = int(categorical_sample(chances, generator))
        self.outcome = drawn if len(transitions) > 1 else CERTAIN
        return super().step(action)

    def reset(self, **arguments: Any) -> Any:
        self.outcome = CERTAIN
        return super().reset(**arguments)
