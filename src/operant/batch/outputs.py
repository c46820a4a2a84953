"""The step path: the arrays that `step` returns, and the call that fills them. mypyc compiles this module.

Arrays are reused only when nothing outside holds them any more.

A slot is the arrays of one step: its results, or the final observations or statistics of ended episodes.
`OutputRing.take` returns a slot whose arrays have no other references, counting views and tensors made of them, and
makes a new slot otherwise: arrays that a caller keeps are never overwritten. Two slots suffice for ordinary code, which
holds the last results while it asks for the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from sys import getrefcount
from typing import Any, Generic, TypeVar

import numpy as np

MakeOutput = Callable[[Any, list[int], str], tuple[Any, Any, Any]]

LINE = 64  # bytes: slots begin on cache lines
STAGGER = 5 * LINE  # between arrays, so that they do not fall on the same cache sets
SLOTS = 2
SMALL = 64  # numbers
MOST_VIEWS = 1 << 16  # of final observations that a slot keeps: about 8 MB


class Reusable:
    """Arrays that are handed out again once nothing outside holds them."""

    def is_free(self) -> bool:
        """True if nothing outside holds the arrays or views of them; they may then have been cleared."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled: copy its arrays, or the batch")


class Slot(Reusable):
    """One set of results: observations of `observation_type`, rewards `[N]`, terminated and truncated `[N]` bool.

    They lie in one block of memory. `make_output` turns the memory and its four offsets into the core's output struct,
    and pointers to the first reward and the first terminated flag, which `Batch` reads when it steps a single
    environment. `idle` is the number of references to the arrays while nothing outside holds any.
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
        self.idle = self.references()

    def references(self) -> int:
        observations: int = getrefcount(self.observations)
        rewards: int = getrefcount(self.rewards)
        terminated: int = getrefcount(self.terminated)
        truncated: int = getrefcount(self.truncated)
        return observations + rewards + terminated + truncated

    def is_free(self) -> bool:
        return self.references() <= self.idle


class FinalSlot(Reusable):
    """The final observations of the rows whose episode ended: `array`, `[R]` objects, None in other rows.

    Its objects are views of a block of memory, `[*D]` each. They are kept and used again, because making a view takes
    longer than copying an observation. `view_memory(array)` returns the bytes of the array's memory, without a copy.
    """

    def __init__(
        self,
        num_rows: int,
        observation_shape: tuple[int, ...],
        observation_type: Any,
        view_memory: Callable[[Any], Any],
    ):
        self.shape = observation_shape
        self.dtype: Any = np.dtype(observation_type)
        self.array: Any = np.empty(num_rows, object)
        self.memory: Any = view_memory(self.array)
        self.cleared = bytearray(self.memory)
        self.rows: Any = np.empty(0, np.int64)  # the rows that are not None
        self.make_views(0)
        self.idle: int = 0
        self.idle = getrefcount(self.array)

    def make_views(self, count: int) -> None:
        """Replaces the views by `count` new ones."""
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        memory = bytearray(count * size)  # as in Slot: a view of a view then holds the view, not the block
        self.block: Any = np.ndarray((count, *self.shape), self.dtype, buffer=memory)
        self.views: list[Any] = [
            np.ndarray(self.shape, self.dtype, buffer=memory, offset=k * size) for k in range(count)
        ]
        self.objects: Any = np.empty(count, object)
        self.objects[:] = self.views
        self.view_idle: int = 0
        self.view_idle = self.view_references(min(count, 1))

    def view_references(self, count: int) -> int:
        references: int = sum(map(getrefcount, islice(self.views, count)))
        return references

    def is_free(self) -> bool:
        if getrefcount(self.array) > self.idle:
            return False
        self.array[self.rows] = None
        if self.cleared != self.memory:  # the caller has written into another row
            return False
        used: int = min(len(self.rows), len(self.views))
        return self.view_references(used) <= used * self.view_idle

    def put(self, rows: Any, observations: Any) -> None:
        """Sets `array[rows[k]]` to a copy of `observations[k]`, `[K, *D]`; if not arrays, to these objects."""
        count: int = len(rows)
        self.rows = rows
        if count > MOST_VIEWS or self.shape == () or not isinstance(observations, np.ndarray):
            self.array[rows] = np.fromiter(observations, object, count)
            return
        if count > len(self.views):
            self.make_views(min(len(self.array), MOST_VIEWS, count + count // 4 + 16))
        self.block[:count] = observations
        self.array[rows] = self.objects[:count]


class StatisticsSlot(Reusable):
    """The statistics of the episodes that ended, 0 in other rows: returns, lengths, seconds and ended, `[R]` each.

    `make_struct(returns, lengths, seconds, ended)` makes the core's operant_statistics.
    """

    def __init__(self, num_rows: int, make_struct: Callable[[Any, Any, Any, Any], Any]):
        self.returns: Any = np.empty(num_rows, np.float64)
        self.lengths: Any = np.empty(num_rows, np.int64)
        self.seconds: Any = np.empty(num_rows, np.float64)
        self.ended: Any = np.empty(num_rows, np.bool_)
        self.struct: Any = make_struct(self.returns, self.lengths, self.seconds, self.ended)
        self.idle: int = 0
        self.idle = self.references()

    def references(self) -> int:
        returns: int = getrefcount(self.returns)
        lengths: int = getrefcount(self.lengths)
        seconds: int = getrefcount(self.seconds)
        ended: int = getrefcount(self.ended)
        return returns + lengths + seconds + ended

    def is_free(self) -> bool:
        return self.references() <= self.idle


S = TypeVar("S", bound=Reusable)


class OutputRing(Generic[S]):
    """Hands out slots.

    `reuse` says when slots are reused: "counted" (when nothing refers to their arrays), "fresh" (never) or "fixed"
    (always: there is one slot).
    """

    def __init__(self, make_slot: Callable[[], S], reuse: str):
        self.make_slot: Callable[[], S] = make_slot
        self.fixed: bool = reuse == "fixed"
        self.fresh: bool = reuse == "fresh"
        self.slots: list[S] = [make_slot() for _ in range(1 if self.fixed else SLOTS)]
        self.turn: int = 0

    def __reduce__(self) -> Any:
        raise TypeError("OutputRing cannot be copied or pickled: copy the batch")

    def take(self) -> S:
        """The slot to write next."""
        if self.fixed:
            return self.slots[0]
        self.turn = 1 - self.turn
        slot = self.slots[self.turn]
        if self.fresh or not slot.is_free():
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
        ring: OutputRing[Slot],
        step: Any,
        handle: Any,
        from_buffer: Any,
        shape: tuple[int, ...],
        wide: tuple[Any, int],
        narrow: tuple[Any, int],
        convert: Callable[[Any], tuple[Any, int]],
        fail: Callable[[Any, int, Any], Exception],
    ):
        self.ring: OutputRing[Slot] = ring
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

    def __reduce__(self) -> Any:
        raise TypeError("Stepper cannot be copied or pickled: copy the batch")

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
