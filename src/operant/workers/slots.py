"""Slots: where in shared memory a step writes its observations, so that the caller may keep them without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from operant.messages import NotCopyable
from operant.workers.block import INSTEAD, copied, mapped, rows_of


class Slots(NotCopyable):
    """The sets of observation arrays in a block, of which each step fills one that nobody holds.

    The last one is never handed out. It is filled while the caller holds all others, and then copied; and by
    environments that step in the background, whose rows are copied as they are received.

    Args:
        slots: arrays, or dicts and tuples of them.
        copy: False hands out the only slot again and again.
    """

    instead = INSTEAD

    def __init__(self, slots: Sequence[Any], copy: bool):
        self._slots = slots
        self._copy = copy
        self.last = len(slots) - 1
        self._counted = [list(_arrays(slot)) for slot in slots[: self.last]]
        self._idle = [_references(arrays) for arrays in self._counted]

    def free(self) -> int:
        """The index of a slot to fill."""
        for index, arrays in enumerate(self._counted):
            if _references(arrays) <= self._idle[index]:
                return index
        return self.last

    def take(self, index: int) -> Any:
        """Returns observations `[N, ...]` of a slot for the caller to keep."""
        slot = self._slots[index]
        if index == self.last:
            return copied(slot) if self._copy else slot
        return mapped(_view, slot)

    def rows(self, rows: np.ndarray) -> Any:
        """Copies rows `[K, ...]` of the last slot."""
        return rows_of(self._slots[self.last], rows)


def _references(arrays: list[np.ndarray]) -> int:
    return sum(map(getrefcount, arrays))


def _arrays(slot: Any) -> Iterator[np.ndarray]:
    """The arrays in dicts and tuples."""
    if isinstance(slot, np.ndarray):
        yield slot
    else:
        for part in slot.values() if isinstance(slot, dict) else slot:
            yield from _arrays(part)


def _view(array: np.ndarray) -> np.ndarray:
    """A view, so that the slot's array keeps its shape and stays writeable whatever the caller does to the view."""
    return array.view()
