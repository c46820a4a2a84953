"""EpisodeStatistics: the infos of Gymnasium's `RecordEpisodeStatistics`, made by the core."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from operant._native import ffi
from operant.batch import outputs
from operant.batch.batch import Batch


class EpisodeStatistics:
    """Returns, lengths and durations of a batch's episodes. Pickled, it keeps when the episodes began."""

    def __init__(self, batch: Batch):
        n = batch.num_envs
        self.__setstate__((batch, np.zeros(n), np.empty(n, np.int32), 0))

    def __getstate__(self) -> tuple[Batch, np.ndarray, np.ndarray, int]:
        return self._batch, self._starts, self._restarting, self._watch.count

    def __setstate__(self, state: tuple[Batch, np.ndarray, np.ndarray, int]) -> None:
        self._batch, self._starts, self._restarting, count = state
        self._watch = ffi.new("operant_stopwatch *")
        self._held = ffi.from_buffer("double[]", self._starts), ffi.from_buffer("int32_t[]", self._restarting)
        self._watch.starts, self._watch.restarting = self._held
        self._watch.count = count
        make_slot = functools.partial(outputs.StatisticsSlot, self._batch.num_rows, _statistics)
        self._ring = outputs.OutputRing(make_slot, outputs.choose_reuse(True))

    def begin(self, mask: np.ndarray | None) -> None:
        """Notes that episodes began in the environments of `mask` (`[N]` bool; None: all)."""
        begun = np.ones(self._batch.num_envs, np.bool_) if mask is None else mask
        self._starts[begun] = time.perf_counter()
        restarting = self._restarting[: self._watch.count]
        later = restarting[~begun[restarting]]
        self._restarting[: len(later)] = later
        self._watch.count = len(later)

    def collect(self, infos: dict[str, Any]) -> None:
        """Adds the episodes that ended in the step just made to its infos; call it after every step.

        "episode" holds "r" float64, "l" int64 and "t" float64 seconds, and "_episode" is True where an episode ended;
        `[R]` each, 0 in other rows, and the caller's to keep.
        """
        now, batch = time.perf_counter(), self._batch
        if not batch.last_finished.count:
            batch.time_episodes(self._watch, now, ffi.NULL)
            return
        slot = self._ring.take()
        episode, ended = {"r": slot.returns, "l": slot.lengths, "t": slot.seconds}, slot.ended  # held from here on
        batch.time_episodes(self._watch, now, slot.struct)
        infos["episode"], infos["_episode"] = episode, ended


def _statistics(*arrays: np.ndarray) -> Any:
    """The core's operant_statistics of a slot's arrays, which hold their memory."""
    types = ("double[]", "int64_t[]", "double[]", "uint8_t[]")
    return ffi.new("operant_statistics *", [ffi.from_buffer(*each) for each in zip(types, arrays, strict=True)])
