"""The numbers of an observation that are inputs of the networks, and its mask, by their place in its row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.environments.layout import Layout, Leaf
from operant.models.networks.spaces import MASK, is_image

DTYPES = ("float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool")
"""The dtypes of numbers that the core reads."""


@dataclass(frozen=True)
class Part:
    """`count` numbers from byte `offset` of a row on: inputs, or with `choices` each a one-hot vector from `start`."""

    dtype: np.dtype[Any]
    offset: int
    count: int
    choices: int = 0
    start: int = 0

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.count * max(self.choices, 1)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Reads the numbers `[N, count]` of rows `[N, bytes]` uint8, a view."""
        return rows[:, self.offset : self.offset + self.count * self.dtype.itemsize].view(self.dtype)


def input_parts(layout: Layout) -> list[Part]:
    """Lists the inputs of a policy in the order of `models.networks.extractors`, without the mask and empty parts."""
    leaves = (leaf for leaf in layout.leaves() if leaf.keys != (MASK,) and 0 not in leaf.shape)
    return [part for leaf in leaves for part in _parts(leaf)]


def mask_part(layout: Layout) -> Part | None:
    """Returns the place of the mask, or None if observations have none."""
    leaves = [leaf for leaf in layout.leaves() if leaf.keys == (MASK,)]
    return Part(leaves[0].dtype, leaves[0].start, math.prod(leaves[0].shape)) if leaves else None


def why_unreadable(layout: Layout) -> str | None:
    """Names the part of an observation that the core cannot read, or returns None if it can read all."""
    for leaf in layout.leaves():
        if is_image(leaf.space):
            return f"the image {leaf.path}, {leaf.space}"
        if leaf.dtype.name not in DTYPES:
            return f"{leaf.path} of {leaf.dtype.name} (the core reads {', '.join(DTYPES)})"
    return None


def _parts(leaf: Leaf) -> list[Part]:
    space = leaf.space
    if isinstance(space, spaces.Discrete):
        return [Part(leaf.dtype, leaf.start, 1, int(space.n), int(space.start))]
    if isinstance(space, spaces.MultiDiscrete):
        start = getattr(space, "start", np.zeros_like(space.nvec))  # gymnasium 0.29 has no start
        return _categories(leaf, space.nvec.ravel().tolist(), start.ravel().tolist())
    return [Part(leaf.dtype, leaf.start, math.prod(leaf.shape))]


def _categories(leaf: Leaf, choices: Sequence[int], starts: Sequence[int]) -> list[Part]:
    """Makes a part of each run of numbers with the same choices."""
    parts: list[Part] = []
    for k, (number, start) in enumerate(zip(choices, starts, strict=True)):
        last = parts[-1] if parts else None
        if last is not None and (last.choices, last.start) == (number, start):
            parts[-1] = Part(leaf.dtype, last.offset, last.count + 1, number, start)
        else:
            parts.append(Part(leaf.dtype, leaf.start + k * leaf.dtype.itemsize, 1, number, start))
    return parts
