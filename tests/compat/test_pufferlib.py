"""OperantPufferEnv on a stand-in for PufferLib's base class, under this environment's Gymnasium and NumPy.

PufferLib 3.0.0 cannot be installed with them: it pins Gymnasium 0.29.1 and NumPy 1, and builds on few machines. The
same tests run on its real modules in `own_environment/pufferlib`, with tests of its vector backends and trainer.
"""

import sys
import warnings
from importlib.util import find_spec
from types import ModuleType

import gymnasium
import numpy as np
import pytest
from gymnasium.vector.utils import batch_space


class StandIn:
    """A stand-in for PufferLib 3.0's `PufferEnv`, whose constructor binds the buffers."""

    def __init__(self, buf=None):
        n, observation, action = self.num_agents, self.single_observation_space, self.single_action_space
        assert n >= 1
        assert isinstance(observation, gymnasium.spaces.Box)
        assert isinstance(action, gymnasium.spaces.Discrete | gymnasium.spaces.MultiDiscrete | gymnasium.spaces.Box)
        assert not hasattr(self, "observation_space") and not hasattr(self, "action_space")
        made = {
            "observations": np.zeros((n, *observation.shape), observation.dtype),
            "rewards": np.zeros(n, np.float32),
            "terminals": np.zeros(n, bool),
            "truncations": np.zeros(n, bool),
            "masks": np.ones(n, bool),
            "actions": np.zeros((n, *action.shape), np.int32 if action.shape == () else action.dtype),
        }
        for name in made:
            setattr(self, name, (made if buf is None else buf)[name])
        self.observation_space, self.action_space = batch_space(observation, n), batch_space(action, n)
        self.agent_ids = np.arange(n)


if find_spec("pufferlib") is None:
    warnings.warn("PufferLib is not installed here: its base class is a stand-in", stacklevel=1)
    stand_in = ModuleType("pufferlib")
    vars(stand_in).update(__version__=3.0, PufferEnv=StandIn)
    sys.modules["pufferlib"] = stand_in

pytest.register_assert_rewrite("puffer_cases")
from puffer_cases import *  # noqa: E402, F403
