"""Finds the environments that a call of EnvPool's `reset` selects.

ids = chosen(env_id, options, num_envs)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operant.messages import unknown


def chosen(env_id: Any, options: dict[str, Any], num_envs: int) -> np.ndarray | None:
    """The environments selected by `env_id` (`[K]` int) or options["reset_mask"] (`[N]` bool); None for all.

    Raises:
        ValueError: another option; both of them; no environment, one twice, or one out of range.
    """
    for name in options.keys() - {"reset_mask"}:
        raise ValueError(unknown("reset option of EnvPool", name, ["reset_mask"]))
    mask = options.get("reset_mask")
    if mask is not None:
        if env_id is not None:
            raise ValueError("env_id and options['reset_mask'] both select environments: give one of them")
        if np.shape(mask) != (num_envs,) or np.asarray(mask).dtype != np.bool_ or not np.any(mask):
            raise ValueError(f"options['reset_mask']={mask!r} must be [{num_envs}] bool, at least one of them True")
        env_id = np.flatnonzero(mask)
    if env_id is None:
        return None
    ids = np.atleast_1d(env_id)
    if ids.dtype.kind not in "iu" or len(ids) == 0 or np.isin(np.arange(num_envs), ids).sum() != ids.size:
        raise ValueError(f"env_id={env_id!r} must have at least one id from 0 to {num_envs - 1}, and no id twice")
    return ids
