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
        return {"kind": kind, "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": kind, "nvec": space.nvec}
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
        return spaces.Discrete(described["n"], start=described["start"])
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(np.asarray(described["nvec"]))
    if kind == "MultiBinary":
        return spaces.MultiBinary(described["n"])
    if kind == "Dict":
        return spaces.Dict({name: read_space(part) for name, part in described["parts"]})
    raise ValueError(f"{kind!r:.40} is no space")
