"""The C kernels of running statistics: mean and variance of each feature of float32 batches `[N, D]`.

Batches are NumPy's arrays or torch's on the CPU, C-contiguous. Results are the same bits on every instruction set
(`isa`) and for any number of threads (`workers`). Bad arguments raise a ValueError that names them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from operant._native import ffi, lib
from operant.kernel_arguments import (
    FLOAT32,
    FLOAT64,
    as_numpy,
    check_status,
    isa_name,
    outputs,
    pointer_to,
    worker_count,
)


def update_moments(
    count: float, mean: np.ndarray, squares: np.ndarray, batch: Any, *, workers: int = 1, isa: str | None = None
) -> float:
    """Takes the rows of `batch` `[N, D]` float32 into running moments, in place; returns the new count.

    `mean` and `squares`, the sum of squared deviations, are `[D]` float64. Merged as Chan, Golub & LeVeque (1983) do.
    """
    held: list[Any] = []
    array = as_numpy("batch", batch)
    rows = pointer_to("float[]", "batch", array, (array.shape[0] if array.ndim else 0, len(mean)), FLOAT32, held)
    moments = ffi.new("operant_moments *")
    moments.features, moments.count = len(mean), count
    moments.mean = pointer_to("double[]", "mean", mean, mean.shape, FLOAT64, held, writeable=True)
    moments.squares = pointer_to("double[]", "squares", squares, mean.shape, FLOAT64, held, writeable=True)
    check_status(lib.operant_update_moments(moments, rows, array.shape[0], isa_name(isa), worker_count(workers)), isa)
    return float(moments.count)


def standardize(
    batch: Any, mean: np.ndarray, scale: np.ndarray, clip: float = math.inf, *, out: Any = None, isa: str | None = None
) -> np.ndarray:
    """(batch - mean) * scale within [-clip, clip], `[N, D]` float32, computed in float64; `out` may be `batch`.

    `batch` is `[N, D]` float32, `mean` and `scale` are `[D]` float64.
    """
    if not clip > 0:
        raise ValueError(f"clip={clip} must be above 0")
    held: list[Any] = []
    array = as_numpy("batch", batch)
    shape = (array.shape[0] if array.ndim else 0, len(mean))
    rows = pointer_to("float[]", "batch", array, shape, FLOAT32, held)
    numbers = [
        pointer_to("double[]", name, value, mean.shape, FLOAT64, held)
        for name, value in (("mean", mean), ("scale", scale))
    ]
    results, pointers = outputs(("out",), None if out is None else (out,), shape, held)
    check_status(lib.operant_standardize(rows, *shape, *numbers, clip, isa_name(isa), *pointers), isa)
    return results[0]
