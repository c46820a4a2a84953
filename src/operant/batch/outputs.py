"""The step path: the arrays that `step` returns, and the call that fills them. mypyc compiles this module.

Arrays are reused only when nothing outside holds them any more.

A slot is one block of memory with four arrays in it. `OutputRing.take` returns a slot whose arrays have no other
references, counting views and tensors made of them, and makes a new slot otherwise: arrays that a caller keeps are
never overwritten. Two slots suffice for ordinary code, which holds the last results while it asks for the next.
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
SMALL = 64  # numbers


class Slot:
    """One set of results: observations of `observation_type`, rewards `[N]`, terminated and truncated `[N]` bool.

    `make_output` turns the memory and its four offsets into the core's output struct, and pointers to the first reward
    and the first terminated flag, which `Batch` reads when it steps a single environment. `idle` is the number of
    references to the arrays while nothing outside holds any.
    """

    def __init__(
        self,
        observation_shape: tuple[int, ...],
        observation_type: Any,
        num_envs: int,
        reward_type: Any,
        make_output: MakeOutput,
    ):
        shapes: list[tuple[int, ...]] = [observation_shape, (num_envs,), (num_envs,), (num_envs,)]
        types = [np.dtype(observation_type), np.dtype(reward_type), np.dtype(np.bool_), np.dtype(np.bool_)]
        sizes = [
            (int(np.prod(shape)) * dtype.itemsize + LINE - 1) // LINE * LINE + STAGGER
            for shape, dtype in zip(shapes, types, strict=True)
        ]
        # A bytearray, not an ndarray: NumPy sets a view's `base` to the lowest ndarray. That would be the shared block,
        # so references to the single arrays could not be counted.
        memory = bytearray(sum(sizes) + LINE)
        start = -np.frombuffer(memory, np.uint8).__array_interface__["data"][0] % LINE
        offsets = [start + sum(sizes[:k]) for k in range(4)]
        arrays = [
            np.ndarray(shape, dtype, buffer=memory, offset=offset)
            for shape, dtype, offset in zip(shapes, types, offsets, strict=True)
        ]
        self.output, self.reward_cell, self.terminated_cell = make_output(memory, offsets, types[1].name)
        self.observations, self.rewards, self.terminated, self.truncated = arrays
        arrays.clear()  # the list must not hold references when they are counted
        self.idle: int = 0
        self.idle = references(self)


def references(slot: Slot) -> int:
    """The number of references to a slot's arrays."""
    observations: int = getrefcount(slot.observations)
    rewards: int = getrefcount(slot.rewards)
    terminated: int = getrefcount(slot.terminated)
    truncated: int = getrefcount(slot.truncated)
    return observations + rewards + terminated + truncated


class OutputRing:
    """Hands out slots.

    `reuse` says when slots are reused: "counted" (when nothing refers to their arrays), "fresh" (never) or "fixed"
    (always: there is one slot).
    """

    def __init__(self, make_slot: Callable[[], Slot], reuse: str):
        self.make_slot: Callable[[], Slot] = make_slot
        self.fixed: bool = reuse == "fixed"
        self.fresh: bool = reuse == "fresh"
        self.slots: list[Slot] = [make_slot() for _ in range(1 if self.fixed else SLOTS)]
        self.turn: int = 0

    def take(self) -> Slot:
        """The slot to write next."""
        if self.fixed:
            return self.slots[0]
        self.turn = 1 - self.turn
        slot: Slot = self.slots[self.turn]
        if self.fresh or references(slot) > slot.idle:
            slot = self.make_slot()
            self.slots[self.turn] = slot
        return slot


class Stepper:
    """Steps one batch, with everything it needs at hand.

    `step` is the core's function and `handle` its batch, None once closed. `wide` and `narrow` are the dtypes that the
    core reads in place, with their codes; `convert` turns other actions into one of them or raises.
    `fail(handle, status, actions)` makes the exception; a handle of None means the batch is closed.
    """

    def __init__(
        self,
        ring: OutputRing,
        step: Any,
        handle: Any,
        from_buffer: Any,
        shape: tuple[int, ...],
        wide: tuple[Any, int],
        narrow: tuple[Any, int],
        convert: Callable[[Any], tuple[Any, int]],
        fail: Callable[[Any, int, Any], Exception],
    ):
        self.ring: OutputRing = ring
        self.core_step: Any = step
        self.handle: Any = handle
        self.from_buffer: Any = from_buffer
        self.ndarray: Any = np.ndarray
        self.shape: tuple[int, ...] = shape
        # Copying a few numbers takes less time than making a pointer object to them.
        self.small: bool = int(np.prod(shape)) <= SMALL
        self.wide, self.wide_code = wide
        self.narrow, self.narrow_code = narrow
        self.convert: Callable[[Any], tuple[Any, int]] = convert
        self.fail: Callable[[Any, int, Any], Exception] = fail

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Steps every environment: observations `[N, D]`, rewards, terminated and truncated `[N]`, and an empty info.

        Args:
            actions: `[N]` int32 or int64 if discrete, else `[N, A]` float32 or float64. Anything else is converted.
        """
        code: Any
        if type(actions) is self.ndarray and actions.shape == self.shape:
            dtype: Any = actions.dtype
            if dtype is self.wide:
                code = self.wide_code
            elif dtype is self.narrow:
                code = self.narrow_code
            else:
                actions, code = self.convert(actions)
        else:
            actions, code = self.convert(actions)
        data: Any
        if self.small:
            data = actions.tobytes()
        else:
            try:
                data = self.from_buffer(actions)
            except (ValueError, BufferError):  # not contiguous
                actions = actions.copy()
                data = self.from_buffer(actions)
        handle: Any = self.handle  # held through the call: another thread may close the batch meanwhile
        if handle is None:
            raise self.fail(None, 0, None)
        slot: Slot = self.ring.take()
        # Held from here on, so that another thread's take finds the slot in use.
        results: Any = (slot.observations, slot.rewards, slot.terminated, slot.truncated, {})
        status: int = self.core_step(handle, data, code, slot.output)
        if status != 0:
            raise self.fail(handle, status, actions)
        return results  # type: ignore[no-any-return]


def choose_reuse(copy: bool) -> str:
    """The ring's `reuse`: "fixed" without `copy`, "counted" if this interpreter's reference counts are reliable."""
    if not copy:
        return "fixed"
    gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    return "counted" if sys.implementation.name == "cpython" and gil_enabled else "fresh"
