"""The arrays that `step` and `reset` return: reused only when nobody outside holds them any more.

A slot is one block of memory with four arrays over it. `OutputRing.take` hands out a slot whose arrays nobody else
references, views and tensors made of them included, and makes a new one otherwise: what a caller keeps is never written
again. Two slots suffice for ordinary code, which holds the last results while it asks for the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

MakeOutput = Callable[[Any, list[int], str], tuple[Any, Any, Any]]

LINE = 64  # bytes: slots begin on cache lines
STAGGER = 5 * LINE  # between arrays, so that they do not fall on the same cache sets
SLOTS = 2


class Slot:
    """One set of results: observations float32, rewards `[N]`, terminated and truncated `[N]` bool.

    `make_output` turns the memory and its four offsets into what the core is told, and two cells to read a batch of one
    from. `idle` is the number of references to the arrays while nobody outside holds any.
    """

    __slots__ = (
        "idle",
        "observations",
        "output",
        "reward_cell",
        "rewards",
        "terminated",
        "terminated_cell",
        "truncated",
    )

    def __init__(self, observation_shape: tuple[int, ...], num_envs: int, reward_type: Any, make_output: MakeOutput):
        shapes: list[tuple[int, ...]] = [observation_shape, (num_envs,), (num_envs,), (num_envs,)]
        types = [np.dtype(np.float32), np.dtype(reward_type), np.dtype(np.bool_), np.dtype(np.bool_)]
        sizes = [
            (int(np.prod(shape)) * dtype.itemsize + LINE - 1) // LINE * LINE + STAGGER
            for shape, dtype in zip(shapes, types, strict=True)
        ]
        block = np.empty(sum(sizes) + LINE, np.uint8)
        start = -block.__array_interface__["data"][0] % LINE
        offsets = [start + sum(sizes[:k]) for k in range(4)]
        # Over a memoryview, not an ndarray: a view of an array then holds that array, not the block under all four.
        memory = memoryview(block)  # type: ignore[arg-type]  # NumPy declares the buffer protocol for 3.12 only
        arrays = [
            np.ndarray(shape, dtype, buffer=memory, offset=offset)
            for shape, dtype, offset in zip(shapes, types, offsets, strict=True)
        ]
        self.output, self.reward_cell, self.terminated_cell = make_output(memory, offsets, types[1].name)
        self.observations, self.rewards, self.terminated, self.truncated = arrays
        arrays.clear()
        self.idle: int = 0
        self.idle = references(self)


def references(slot: Slot) -> int:
    """How many references there are to a slot's arrays."""
    count: int = getrefcount(slot.observations) + getrefcount(slot.rewards)
    count += getrefcount(slot.terminated) + getrefcount(slot.truncated)
    return count


class OutputRing:
    """Hands out slots. `policy` is "counted" (reuse what nobody holds), "fresh" (never reuse) or "fixed" (one slot)."""

    def __init__(self, make_slot: Callable[[], Slot], policy: str):
        self.make_slot: Callable[[], Slot] = make_slot
        self.policy: str = policy
        self.slots: list[Slot] = [make_slot() for _ in range(1 if policy == "fixed" else SLOTS)]
        self.turn: int = 0

    def take(self) -> Slot:
        """The slot to write next."""
        if self.policy == "fixed":
            return self.slots[0]
        self.turn = 1 - self.turn
        slot: Slot = self.slots[self.turn]
        if self.policy == "fresh" or references(slot) > slot.idle:
            slot = self.make_slot()
            self.slots[self.turn] = slot
        return slot


def trustworthy_policy(copy: bool) -> str:
    """The ring's policy for `copy`, given whether this interpreter's reference counts can be relied on."""
    if not copy:
        return "fixed"
    gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    return "counted" if sys.implementation.name == "cpython" and gil_enabled else "fresh"
