"""Chooses the number of PyTorch's threads.

On several threads, small networks are slightly faster on an idle machine, but many times slower on a busy one, because
the threads wait for each other. Therefore one thread is used, unless the network is large and a measurement shows that
more threads are clearly faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from operant.workers.choice import available_cores

SMALL = 100_000  # parameters
CLEARLY = 1.3  # times as fast
REPEATS = 5


def choose_threads(parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
    """Returns 1, or for a large network the number of cores, if they compute a gradient clearly faster than one thread.

    `compute` returns an output of the network; its sum is differentiated with respect to `parameters`.
    """
    cores = available_cores()
    if cores == 1 or sum(parameter.numel() for parameter in parameters) < SMALL:
        return 1
    before = torch.get_num_threads()
    seconds = {count: _measure(parameters, compute, count) for count in (1, cores)}
    torch.set_num_threads(before)
    return cores if seconds[1] > CLEARLY * seconds[cores] else 1


def _measure(parameters: Sequence[Tensor], compute: Callable[[], Tensor], threads: int) -> float:
    """Measures the median time of one gradient, in seconds."""
    torch.set_num_threads(threads)
    needed = [parameter for parameter in parameters if parameter.requires_grad]
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        torch.autograd.grad(compute().sum(), needed, allow_unused=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
