"""Rollouts for PPO in the core: played in it, or step by step in anybody's vector environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.messages import NotCopyable, integer
from operant.models.collection.sources import CpuEnvironments, NativeEnvironments
from operant.models.native.trainer import Rollout, Trainer

EPISODES = 100  # the reported return averages this many recent episodes
MOST_DRAWS = 1 << 31  # draws above are those of `predict`


class Rollouts(NotCopyable, ABC):
    """Collects rollouts of T steps; episodes continue across them."""

    instead = "save the algorithm with save(path)"

    environments: CpuEnvironments

    def __init__(self, trainer: Trainer):
        self.trainer = trainer

    @abstractmethod
    def collect(self) -> Rollout | None:
        """Collects the next T steps; returns them, or None if they are in the trainer's memory."""

    @property
    @abstractmethod
    def episode_count(self) -> int:
        """The number of episodes that have ended."""

    @property
    def draw(self) -> int:
        """The number of the next draw of actions."""
        return self.trainer.state.draw

    @abstractmethod
    def recent(self) -> tuple[list[float], list[int]]:
        """The returns and lengths of the last 100 ended episodes, the oldest first."""

    @abstractmethod
    def observations(self) -> np.ndarray:
        """The observations at which the next rollout begins, `[N, *layout.shape]`, a copy."""

    @abstractmethod
    def starts(self) -> np.ndarray:
        """True where the next step is the first of an episode, `[N]` bool."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any], draw: int) -> None:
        """Continues from the part "collector" of an algorithm's state."""

    def episode_metrics(self) -> dict[str, float]:
        """Counts all ended episodes, and averages the last 100; the averages are NaN if no episode has ended."""
        returns, lengths = self.recent()
        return {"episodes": self.episode_count, "episode_return": _mean(returns), "episode_length": _mean(lengths)}


class CoreRollouts(Rollouts):
    """Rollouts in a batch of the core: one call plays all T steps.

    Raises:
        ValueError: the batch is exact.
    """

    environments: NativeEnvironments

    def __init__(self, trainer: Trainer, environments: NativeEnvironments, seed: int | None):
        super().__init__(trainer)
        self.environments, self.batch = environments, environments.batch
        if self.batch.exact:
            raise ValueError("rollouts hold float32 rewards: make the batch with precision='float32'")
        environments.begin(seed)

    def collect(self) -> None:
        self.trainer.collect(self.batch)

    @property
    def episode_count(self) -> int:
        return self.trainer.state.episodes

    def recent(self) -> tuple[list[float], list[int]]:
        state = self.trainer.state
        places = _places(state.episodes, min(state.episodes, EPISODES))
        return state.returns[places].tolist(), state.lengths[places].tolist()

    def observations(self) -> np.ndarray:
        return self.environments.rows(self.batch.observe().observations).copy()

    def starts(self) -> np.ndarray:
        starts: np.ndarray = self.batch.episode_lengths == 0
        return starts

    def restore(self, state: Mapping[str, Any], draw: int) -> None:
        returns, lengths, count = _episodes(state)
        self.environments.load_state_dict(state["environments"])
        core = self.trainer.state
        places = _places(count, len(returns))
        core.returns[places], core.lengths[places] = returns, lengths
        core.episodes, core.draw = count, draw


class SteppedRollouts(Rollouts):
    """Rollouts in any vector environment."""

    def __init__(self, trainer: Trainer, environments: CpuEnvironments, seed: int | None):
        super().__init__(trainer)
        self.environments, self.buffer = environments, environments.allocate(trainer.steps)
        form, shape = trainer.form, (trainer.steps, trainer.rows, trainer.form.size)
        b = self.buffer
        self.rollout = Rollout(
            observations=b.observations,
            actions=np.zeros(shape, form.dtype),
            log_probs=b.log_probs,
            rewards=b.rewards,
            terminated=b.terminated,
            truncated=b.truncated,
            final_values=b.final_values,
        )
        self._bounded = np.empty(shape[1:], form.dtype)
        self._returns: deque[float] = deque(maxlen=EPISODES)
        self._lengths: deque[int] = deque(maxlen=EPISODES)
        self._count = 0
        self._starts = np.ones(trainer.rows, np.bool_)
        environments.reset(seed, b)

    def collect(self) -> Rollout:
        trainer, buffer, rollout, bounded = self.trainer, self.buffer, self.rollout, self._bounded
        buffer.roll()
        for t in range(trainer.steps):
            trainer.act(trainer.state.draw, buffer.observations[t], rollout.actions[t], buffer.log_probs[t], bounded)
            trainer.state.draw += 1
            buffer.actions[t] = trainer.form.for_environment(bounded)
            episodes = self.environments.step(buffer, t)
            if episodes is None:
                continue
            self._returns.extend(episodes.returns.tolist())
            self._lengths.extend(episodes.lengths.tolist())
            self._count += len(episodes.returns)
            if len(episodes.truncated):
                values = trainer.values(episodes.final_observations, episodes.truncated)
                buffer.final_values[t, episodes.truncated] = values
        self._starts = buffer.terminated[-1] | buffer.truncated[-1]
        return rollout

    @property
    def episode_count(self) -> int:
        return self._count

    def recent(self) -> tuple[list[float], list[int]]:
        return list(self._returns), list(self._lengths)

    def observations(self) -> np.ndarray:
        observations: np.ndarray = self.buffer.observations[-1].copy()
        return observations

    def starts(self) -> np.ndarray:
        return self._starts.copy()

    def restore(self, state: Mapping[str, Any], draw: int) -> None:
        returns, lengths, self._count = _episodes(state)
        self._returns, self._lengths = deque(returns, EPISODES), deque(lengths, EPISODES)
        self.environments.load_state_dict(state["environments"])
        self.trainer.state.draw = draw


def make_rollouts(trainer: Trainer, environments: CpuEnvironments, seed: int | None) -> Rollouts:
    """Resets the environments, with a seed if there is one, and makes their rollouts."""
    if isinstance(environments, NativeEnvironments):
        return CoreRollouts(trainer, environments, seed)
    return SteppedRollouts(trainer, environments, seed)


def _mean(numbers: list[float] | list[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else float("nan")


def _places(count: int, last: int) -> np.ndarray:
    """Where the core keeps the last episodes of `count`."""
    places: np.ndarray = np.arange(count - last, count) % EPISODES
    return places


def _episodes(state: Mapping[str, Any]) -> tuple[list[float], list[int], int]:
    """Returns the last returns and lengths, and the number of all episodes.

    Raises:
        TypeError, ValueError: a checkpoint's numbers cannot be those.
    """
    count = integer("episodes", state["episodes"], 0)
    returns = [float(each) for each in _numbers(state["returns"])]
    lengths = [int(each) for each in _numbers(state["lengths"])]
    if len(returns) != len(lengths) or len(returns) != min(count, EPISODES):
        raise ValueError(f"{len(returns)} returns and {len(lengths)} lengths are not the last of {count} episodes")
    return returns, lengths, count


def _numbers(values: Any) -> list[float]:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise TypeError(f"{values!r:.40} is not a list of numbers")
    return values
