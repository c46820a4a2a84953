"""Gymnasium spaces of an environment, from its descriptor and its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from operant.spec import Bound, EnvSpec


def _resolve(bound: Bound, extremes: Mapping[str, float]) -> float:
    if isinstance(bound, tuple):
        name, factor = bound
        return extremes[name] * factor
    return bound


def observation_space(
    spec: EnvSpec, lows: Mapping[str, float], highs: Mapping[str, float]
) -> gymnasium.spaces.Space[Any]:
    """The space of one agent's observations, of the descriptor's kind; a Box has the observation's shape.

    `lows` and `highs` hold each parameter's smallest and largest value in the batch.
    """
    low, high = observation_bounds(spec, lows, highs)
    if spec.observation_kind == "Box":
        dtype, shape = np.dtype(spec.observation_dtype), spec.observation_shape
        low, high = (bound.astype(dtype).reshape(shape) for bound in (low, high))
        return gymnasium.spaces.Box(low, high, dtype=dtype.type)
    counts = (high + 1).astype(np.int64)
    if spec.observation_kind == "Discrete":
        return gymnasium.spaces.Discrete(counts[0])
    if spec.observation_kind == "MultiDiscrete":
        return gymnasium.spaces.MultiDiscrete(counts.reshape(spec.observation_shape))
    return gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(count) for count in counts])


def observation_bounds(
    spec: EnvSpec, lows: Mapping[str, float], highs: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest value of every number that an agent observes: `[D]` float64 each."""
    low = [_resolve(part.low, highs if _grows_down(part.low) else lows) for part in spec.observation]
    high = [_resolve(part.high, highs) for part in spec.observation]
    sizes = [part.size for part in spec.observation]
    return np.repeat(np.array(low, np.float64), sizes), np.repeat(np.array(high, np.float64), sizes)


def columns(observations: np.ndarray) -> tuple[np.ndarray, ...]:
    """Splits observations `[N, D]` of kind "Tuple" into D arrays `[N]`, views, as Gymnasium batches them."""
    return tuple(observations.T)


def array_of(observations: Any) -> np.ndarray:
    """Batched observations as one array: the parts of a tuple side by side, `[N, D]`."""
    array: np.ndarray = np.stack(observations, axis=-1) if isinstance(observations, tuple) else observations
    return array


def array_space(space: gymnasium.spaces.Space[Any]) -> gymnasium.spaces.Space[Any]:
    """The space of observations as the core writes them, in one array: a Tuple of Discrete becomes a MultiDiscrete."""
    if not isinstance(space, gymnasium.spaces.Tuple):
        return space
    return gymnasium.spaces.MultiDiscrete([int(part.n) for part in space.spaces])  # type: ignore[attr-defined]


def boxed(space: gymnasium.spaces.Space[Any]) -> gymnasium.spaces.Box:
    """`array_space` as a Box: integers have the bounds 0 and their highest value, int64, `[1]` if Discrete."""
    if isinstance(space, gymnasium.spaces.Box):
        return space
    whole = array_space(space)
    counts = whole.n if isinstance(whole, gymnasium.spaces.Discrete) else whole.nvec  # type: ignore[attr-defined]
    high = np.atleast_1d(counts) - 1
    return gymnasium.spaces.Box(np.zeros_like(high), high, dtype=np.int64)


class ActionMasks:
    """Gymnasium's info "action_mask": which actions have an effect, looked up by a Discrete observation."""

    def __init__(self, masks: Sequence[Sequence[bool]]):
        self.actions = len(masks[0])
        # NumPy copies whole words several times faster than rows of bytes.
        rows = np.zeros((len(masks), -(-self.actions // 8) * 8), np.int8)
        rows[:, : self.actions] = masks
        self._words = rows.view(np.uint64)

    def look_up(self, observations: Any) -> np.ndarray:
        """The masks of observations `[...]` int64, or of an int: `[..., actions]` int8."""
        masks: np.ndarray = self._words.take(observations, axis=0).view(np.int8)[..., : self.actions]
        return masks


def _grows_down(bound: Bound) -> bool:
    return isinstance(bound, tuple) and bound[1] < 0


def action_space(spec: EnvSpec, highs: Mapping[str, float]) -> gymnasium.spaces.Space[Any]:
    """The space of one agent's actions: Discrete(n), MultiDiscrete([n, ...]), or Box `[A]` float32."""
    if isinstance(spec.actions, tuple):
        return gymnasium.spaces.MultiDiscrete(list(spec.actions))
    if spec.actions:
        return gymnasium.spaces.Discrete(spec.actions)
    low = [_resolve(bounds[0], highs) for bounds in spec.action_bounds]
    high = [_resolve(bounds[1], highs) for bounds in spec.action_bounds]
    return gymnasium.spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)
