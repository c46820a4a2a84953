"""The block: one piece of memory with the arrays that workers and their caller share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import create_empty_array

from operant.messages import NotCopyable

INSTEAD = "it belongs to a vector environment; make a new one"
NOTE = 1 << 18  # bytes of a worker's note; longer messages travel otherwise
LINE = 64  # bytes of a cache line: no two arrays share one
FIXED = spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary


class Block(NotCopyable):
    """The arrays of N environments in shared memory; both sides make it from the same memory and spaces.

    Attributes:
        actions: arrays `[N, *shape]`, in dicts and tuples if the space is nested.
        slots: the same for observations, several times.
        slot: `[1]` int64, the index of the slot that workers fill.
        rewards: `[N]` float64.
        terminated, truncated: `[N]` bool; both False where an episode began.
        current: `[workers]` int64, the environment that each worker steps, -1 if none; it is read after a fault.
            A cache line each, because they are written often.
        notes: `[workers, NOTE]` uint8, and `lengths`, `[workers]` int64: pickled messages that fit.
    """

    instead = INSTEAD

    def __init__(
        self,
        memory: Any,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        num_envs: int,
        workers: int,
        slots: int,
    ):
        self._memory = memory
        self._used = -np.frombuffer(memory, np.uint8).ctypes.data % LINE
        self.slot = self._take((LINE // 8,), np.int64)[:1]
        self.rewards = self._take((num_envs,), np.float64)
        self.terminated = self._take((num_envs,), np.bool_)
        self.truncated = self._take((num_envs,), np.bool_)
        self.current = self._take((workers, LINE // 8), np.int64)[:, 0]
        self.lengths = self._take((workers, LINE // 8), np.int64)[:, 0]
        self.notes = self._take((workers, NOTE), np.uint8)
        self.slots = [create_empty_array(observation_space, num_envs, self._take) for _ in range(slots)]
        self.actions: Any = create_empty_array(action_space, num_envs, self._take)

    def _take(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        # Not a view of one array: NumPy would let a view of the result refer to that one, and not to the result.
        array: np.ndarray = np.ndarray(shape, dtype, buffer=self._memory, offset=self._used)
        self._used += -(-array.nbytes // LINE) * LINE
        return array


def block_size(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any], num_envs: int, workers: int, slots: int
) -> int:
    """The bytes of memory that a Block needs."""
    total = LINE

    def count(shape: tuple[int, ...], dtype: Any) -> None:
        nonlocal total
        total += -(-math.prod(shape) * np.dtype(dtype).itemsize // LINE) * LINE

    for dtype in (np.float64, np.bool_, np.bool_):
        count((num_envs,), dtype)
    count((1 + 2 * workers, LINE // 8), np.int64)
    count((workers, NOTE), np.uint8)
    for space in (*[observation_space] * slots, action_space):
        create_empty_array(space, num_envs, count)
    return total


def check_fixed(name: str, space: spaces.Space[Any]) -> None:
    """Raises TypeError, naming the part, for a space whose members have no fixed size, such as Text."""
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            check_fixed(f"{name}[{key!r}]", part)
    elif isinstance(space, spaces.Tuple):
        for k, part in enumerate(space.spaces):
            check_fixed(f"{name}[{k}]", part)
    elif not isinstance(space, FIXED):
        raise TypeError(
            f"the space of the {name} is {space}, which has no fixed size: use gymnasium.vector.SyncVectorEnv, or a "
            "wrapper that makes a Box, Discrete, MultiDiscrete or MultiBinary of it"
        )


def mapped(function: Callable[[np.ndarray], Any], arrays: Any) -> Any:
    """Applies a function to every array in dicts and tuples, and keeps the structure."""
    if isinstance(arrays, dict):
        return {key: mapped(function, part) for key, part in arrays.items()}
    if isinstance(arrays, tuple):
        return tuple(mapped(function, part) for part in arrays)
    return function(arrays)


def rows_of(arrays: Any, rows: Any) -> Any:
    """Indexes every array in dicts and tuples."""
    return arrays[rows] if isinstance(arrays, np.ndarray) else mapped(lambda array: array[rows], arrays)


def copied(arrays: Any) -> Any:
    """Copies every array in dicts and tuples."""
    return arrays.copy() if isinstance(arrays, np.ndarray) else mapped(np.ndarray.copy, arrays)


def store(actions: Any, target: Any) -> bool:
    """Copies actions into arrays of the same structure, if shapes and dtypes agree exactly; returns False if not.

    Then nothing is copied, or only some of the arrays.
    """
    if isinstance(target, dict):
        return (
            isinstance(actions, dict)
            and actions.keys() == target.keys()
            and all(store(actions[key], part) for key, part in target.items())
        )
    if isinstance(target, tuple):
        return isinstance(actions, tuple) and len(actions) == len(target) and all(map(store, actions, target))
    if type(actions) is not np.ndarray or actions.dtype != target.dtype or actions.shape != target.shape:
        return False
    np.copyto(target, actions)
    return True
