"""Converts actions to the core's dtypes, and makes the errors for invalid actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded

from operant._native import ffi, lib
from operant.messages import EngineError
from operant.spec import EnvSpec

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class ActionReader:
    """Converts and checks the actions of one batch.

    `shape` is that of all actions; `wide` and `narrow` are the dtypes that the core reads in place, with their codes.
    `counts` is the number of choices of a discrete action, `[A]` if it has several components.
    """

    def __init__(self, spec: EnvSpec, num_envs: int):
        self.env_id = spec.id
        self.agents = spec.agents
        self.discrete = bool(spec.actions)
        # NumPy's kinds of dtypes that are converted. Gymnasium's tasks on an engine take bools, too.
        self.kinds = "iub" if self.discrete else "fiub" if spec.engine else "fiu"
        self.counts = np.array(spec.actions)
        self.shape = (num_envs, *spec.action_shape)
        self.wide: tuple[Any, Any] = (_INT64, lib.OPERANT_INT64) if self.discrete else (_FLOAT64, lib.OPERANT_FLOAT64)
        self.narrow: tuple[Any, Any] = (_INT32, lib.OPERANT_INT32) if self.discrete else (_FLOAT32, lib.OPERANT_FLOAT32)

    def convert(self, actions: Any, shape: tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
        """Converts actions to a contiguous array of the wide or narrow dtype; returns it with the dtype's code."""
        array, shape = np.asarray(actions), shape or self.shape
        if array.shape != shape:
            value = f" {actions!r}" if array.ndim == 0 else ""
            raise ValueError(f"actions{value} have shape {array.shape}, but {self.env_id} needs {shape}")
        if array.dtype.kind not in self.kinds:
            needed = "int32 or int64" if self.discrete else "float32 or float64"
            raise ValueError(f"actions have dtype {array.dtype}, but {self.env_id} needs {needed}")
        if array.dtype == np.uint64:
            array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))  # out of range either way
        dtype, code = self.narrow if array.dtype == self.narrow[0] else self.wide
        return np.ascontiguousarray(array, dtype), code

    def check(self, actions: Any, rows: np.ndarray) -> np.ndarray:
        """Converts actions for the environments `rows`; raises the error that a step would raise."""
        array, _ = self.convert(actions, (len(rows), *self.shape[1:]))
        bad = (array < 0) | (array >= self.counts) if self.discrete else ~np.isfinite(array)
        if bad.any():
            first = int(np.argwhere(bad)[0][0])
            raise self.invalid(array[first], int(rows[first]))
        return array

    def invalid(self, value: Any, index: int, outcome: str = "nothing was stepped") -> ValueError:
        """The exception for an invalid action of row `index`."""
        allowed = self.allowed()
        actor = f"environment {index}"
        if self.agents:
            actor = f"{self.agents[index % len(self.agents)]} of environment {index // len(self.agents)}"
        return ValueError(f"action {value} of {actor} must be {allowed}; {outcome}")

    def allowed(self) -> str:
        """The condition on an action, as a message states it."""
        if not self.discrete:
            return "finite"
        if self.counts.ndim:
            return f"integers, each at least 0 and below its own of {self.counts.tolist()}"
        return f"an integer in [0, {self.counts})"

    def episode_over(self, environment: int) -> ResetNeeded:
        """The exception for a step of an environment after its episode's end."""
        alone = self.shape[0] == max(1, len(self.agents))
        remedy = "call reset()" if alone else "reset it with options={'reset_mask': mask}"
        return ResetNeeded(f"the episode of environment {environment} is over: {remedy} before the next step")

    def failure(self, handle: Any, status: int, actions: Any = None) -> Exception:
        """The exception for a status other than OPERANT_OK; `handle` is None after close."""
        if handle is None:
            return ClosedEnvironmentError("the environment is closed: make a new one")
        if status == lib.OPERANT_BAD_ACTION:
            index = lib.operant_culprit(handle)
            return self.invalid(actions[index], index)
        if status == lib.OPERANT_NOT_RESET:
            return ResetNeeded(
                "reset the whole environment before the first step or masked reset, and in a process that was forked "
                "during a step"
            )
        if status == lib.OPERANT_FINISHED:
            return self.episode_over(lib.operant_culprit(handle) // max(1, len(self.agents)))
        if status == lib.OPERANT_BUSY:
            return RuntimeError("another thread is inside this environment: give each thread its own, or take turns")
        if status == lib.OPERANT_ENGINE_FAILED:
            text = ffi.string(lib.operant_engine_message(handle)).decode(errors="replace")
            return EngineError(
                f"{self.env_id} met a fatal error of its engine and cannot go on: {text}: make a new one"
            )
        if status == lib.OPERANT_NO_MEMORY:
            return MemoryError("out of memory")
        return ValueError(f"the core refused the call (status {status})")
