"""The checks of `send` and `recv`."""

from __future__ import annotations

from typing import Any

import numpy as np


def sent_ids(env_ids: Any, num_envs: int, begun: bool) -> np.ndarray:
    """Returns the ids as int64 `[K]`; None stands for all.

    Raises:
        ValueError: they are no vector of integers, one is out of range, or given twice.
        RuntimeError: no episode has begun.
    """
    ids = np.arange(num_envs) if env_ids is None else np.asarray(env_ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or len(ids) == 0:
        raise ValueError(f"env_ids must be a non-empty vector of ints, not {env_ids!r}")
    bad = ids[(ids < 0) | (ids >= num_envs)]
    if len(bad):
        raise ValueError(f"env_id {bad[0]} is outside [0, {num_envs})")
    if not begun:
        raise RuntimeError("send before async_reset: call async_reset first, there is no episode to step")
    ids = ids.astype(np.int64)
    given = np.zeros(num_envs, np.bool_)
    given[ids] = True
    if np.count_nonzero(given) != len(ids):
        raise ValueError("env_ids contains an id twice: an environment takes one action at a time")
    return ids


def check_stepping(pending: int, batch_size: int) -> None:
    """Raises RuntimeError if fewer than `batch_size` environments are stepping, for which `recv` would wait."""
    if pending < batch_size:
        raise RuntimeError(f"recv would wait forever: {pending} environments are stepping, but batch_size={batch_size}")
