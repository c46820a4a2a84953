"""Moments: mean and variance of each feature of float32 batches `[N, D]`, computed in C.

Batches are NumPy arrays or torch tensors on the CPU, C-contiguous. Results have the same bits on every instruction set
(`isa`) and for any number of threads (`workers`). An invalid argument raises a ValueError that names it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operant._native import ffi, lib
from operant.rollout.arguments import FLOAT32, as_numpy, check_status, isa_name, outputs, pointer_to, worker_count


class Moments:
    """Running mean and variance of `features` = D numbers per row.

    Attributes:
        mean: `[D]` float64.
        squares: `[D]` float64, the sum of squared deviations from the mean.
    """

    def __init__(self, features: int):
        if features < 1:
            raise ValueError(f"features={features} must be at least 1")
        self.mean, self.squares = np.zeros(features), np.zeros(features)
        self._core = ffi.new("operant_moments *")
        self._core.features = features
        self._core.mean = ffi.from_buffer("double[]", self.mean)
        self._core.squares = ffi.from_buffer("double[]", self.squares)

    @property
    def count(self) -> float:
        """The number of rows so far."""
        return float(self._core.count)

    @count.setter
    def count(self, count: float) -> None:
        self._core.count = count

    @property
    def variance(self) -> np.ndarray:
        """The population variance, `[D]` float64; 1 before the first row."""
        return self.squares / self.count if self.count else np.ones_like(self.squares)

    def update(self, batch: Any, *, workers: int = 1, isa: str | None = None) -> None:
        """Adds the rows of `batch` `[N, D]`, by the merge of Chan, Golub & LeVeque (1983)."""
        held: list[Any] = []
        rows, pointer = self._rows(batch, held)
        check_status(lib.operant_update_moments(self._core, pointer, rows, isa_name(isa), worker_count(workers)), isa)

    def merge(self, other: Moments) -> None:
        """Adds another's rows, as if its batches had been given to this one."""
        if other.count:
            total, difference = self.count + other.count, other.mean - self.mean
            self.squares += other.squares + difference**2 * (self.count * other.count / total)
            self.mean += difference * (other.count / total)
            self.count = total

    def standardize(
        self,
        batch: Any,
        *,
        epsilon: float,
        clip: float,
        centred: bool = True,
        out: Any = None,
        isa: str | None = None,
    ) -> np.ndarray:
        """(batch - mean) / sqrt(variance + epsilon), clipped to [-clip, clip]: `[N, D]` float32; `out` may be `batch`.

        Computed in float64 with one rounding at the end. With centred=False the mean is not subtracted.
        """
        held: list[Any] = []
        rows, pointer = self._rows(batch, held)
        results, pointers = outputs(
            ("out",), None if out is None else (out,), (rows, len(self.mean)), held, in_place=True
        )
        status = lib.operant_standardize(self._core, pointer, rows, epsilon, clip, centred, isa_name(isa), *pointers)
        check_status(status, isa)
        return results[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count, "mean": self.mean, "squares": self.squares}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(len(state["mean"]))  # type: ignore[misc]  # the core points into arrays of its own copy
        self.mean[:], self.squares[:], self.count = state["mean"], state["squares"], state["count"]

    def _rows(self, batch: Any, held: list[Any]) -> tuple[int, Any]:
        array = as_numpy("batch", batch)
        rows = len(array) if array.ndim else 0
        return rows, pointer_to("float[]", "batch", array, (rows, len(self.mean)), FLOAT32, held)
