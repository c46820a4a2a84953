"""Spaces as numbers and arrays, for a checkpoint of a model whose environment is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """Returns a space that SB3's PPO takes as what a checkpoint can hold.

    Raises:
        TypeError: it is another space.
    """
    kind = type(space).__name__
    if isinstance(space, spaces.Box):
        return {"kind": kind, "low": space.low, "high": space.high}
    if isinstance(space, spaces.Discrete):
        return {"kind": kind, "n": int(space.n), "start": int(space.start), "dtype": np.dtype(space.dtype).name}
    if isinstance(space, spaces.MultiDiscrete):
        start = getattr(space, "start", np.zeros_like(space.nvec))  # gymnasium 0.29 has no start
        return {"kind": kind, "nvec": space.nvec, "start": start}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": kind, "n": space.n if isinstance(space.n, int) else list(space.shape)}
    if isinstance(space, spaces.Dict):
        return {"kind": kind, "parts": [[name, describe_space(part)] for name, part in space.spaces.items()]}
    raise TypeError(f"no checkpoint holds the space {space}")


def read_space(described: dict[str, Any]) -> spaces.Space[Any]:
    """Returns the space that `describe_space` described; raises a ValueError for anything else."""
    kind = described["kind"]
    if kind == "Box":
        low, high = described["low"], described["high"]
        return spaces.Box(low, high, dtype=low.dtype.type)
    if kind == "Discrete":
        dtype: dict[str, Any] = {"dtype": np.dtype(described.get("dtype", "int64")).type}
        if dtype["dtype"] is np.int64:  # the only one of older releases of gymnasium
            dtype = {}
        return spaces.Discrete(described["n"], start=described["start"], **dtype)
    if kind == "MultiDiscrete":
        nvec = np.asarray(described["nvec"])
        start = np.asarray(described.get("start", 0))
        begins: dict[str, Any] = {"start": start} if start.any() else {}
        return spaces.MultiDiscrete(nvec, nvec.dtype.type, **begins)
    if kind == "MultiBinary":
        return spaces.MultiBinary(described["n"])
    if kind == "Dict":
        return spaces.Dict({name: read_space(part) for name, part in described["parts"]})
    raise ValueError(f"{kind!r:.40} is no space")
