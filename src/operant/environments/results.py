"""Results: the results of one environment's resets and steps in the form of Gymnasium's class."""

from __future__ import annotations

from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.engines.batch import EngineBatch
from operant.environments.attributes import Attributes
from operant.environments.chances import Chances
from operant.environments.engine_infos import EngineInfos
from operant.environments.spaces import ActionMasks


class Results:
    """Steps a batch of one, and gives numbers the types that they have in the reference class.

    Observations become ints and tuples of ints, rewards what the descriptor lists, and infos hold `prob` and
    `action_mask`. A class of its own, because attributes of `OperantEnv` are slower to read: it has a `__getattr__`.
    """

    def __init__(self, batch: Batch, attributes: Attributes):
        spec = batch.spec
        self._batch = batch
        self._attributes = attributes
        self._is_discrete, self._is_tuple = spec.observation_kind == "Discrete", spec.observation_kind == "Tuple"
        self._numpy_rewards = batch.exact and spec.numpy_rewards
        self.masks = ActionMasks(spec.action_masks) if spec.action_masks else None
        self._chances = Chances(batch, attributes) if spec.chances else None
        self._engine_infos = EngineInfos(batch) if isinstance(batch, EngineBatch) else None
        self._rewards: dict[float, Any] | None = None
        self.plain = not (
            self._is_discrete or self._is_tuple or self._numpy_rewards or spec.rewards or self._engine_infos is not None
        )
        self.refresh()

    def refresh(self) -> None:
        """Reads what depends on parameters again."""
        if self._chances is not None:
            self._chances.refresh()
        if self._batch.spec.rewards:
            self._rewards = {float(self._batch.real.type(each)): each for each in self._attributes.rewards()}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps once; see `OperantEnv.step`."""
        observation, reward, terminated, truncated, infos = self._batch.step_one(action)
        if self._rewards is not None:
            reward = self._rewards.get(reward, reward)
        elif self._numpy_rewards:
            reward = np.float64(reward)
        if self._chances is not None:
            infos["prob"] = self._chances.of_one()
        if self.masks is not None:
            infos["action_mask"] = self.masks.look_up(observation)
        if self._engine_infos is not None:
            infos = self._engine_infos.of_one(np.asarray(action).dtype)
        return self.observed(observation), reward, terminated, truncated, infos

    def begin(self, observation: np.ndarray) -> tuple[Any, dict[str, Any]]:
        """The results of a reset to this observation, `[*D]`."""
        infos: dict[str, Any] = {}
        if self._chances is not None:
            infos["prob"] = self._batch.spec.reset_chance
        if self.masks is not None:
            infos["action_mask"] = self.masks.look_up(observation)
        if self._engine_infos is not None:
            infos = self._engine_infos.of_one()
        return self.observed(observation), infos

    def observed(self, observation: np.ndarray) -> Any:
        """An observation as the reference class returns it: an int if Discrete, a tuple of ints if Tuple."""
        if self._is_discrete:
            return observation.item()
        return tuple(observation.tolist()) if self._is_tuple else observation
