"""Chooses how many threads PyTorch computes with.

Small networks on several threads are a little faster on an idle machine, and many times slower on a busy one, where the
threads wait for each other. So one is taken unless the network is large and more are measured to be clearly faster.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SMALL = 100_000  # parameters
CLEARLY = 1.3  # times as fast
REPEATS = 5


def choose_threads(parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
    """One for a small network; else all cores of this process, if they compute a gradient clearly faster than one.

    `compute` returns tensors of the network, whose sum is differentiated by `parameters`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or sum(parameter.numel() for parameter in parameters) < SMALL:
        return 1
    before = torch.get_num_threads()
    seconds = {count: _measure(parameters, compute, count) for count in (1, cores)}
    torch.set_num_threads(before)
    return cores if seconds[1] > CLEARLY * seconds[cores] else 1


def _measure(parameters: Sequence[Tensor], compute: Callable[[], Tensor], threads: int) -> float:
    """The median seconds that one gradient takes."""
    torch.set_num_threads(threads)
    needed = [parameter for parameter in parameters if parameter.requires_grad]
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        torch.autograd.grad(compute().sum(), needed, allow_unused=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
