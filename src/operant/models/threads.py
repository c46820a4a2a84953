"""How many threads PyTorch computes with.

Small networks on several threads are a little faster on an idle machine, and many times slower on a busy one, where the
threads wait for each other. So one is taken unless the network is large and more are measured to be clearly faster.
"""

from __future__ import annotations

import os
import statistics
import time

import torch

from operant.models.networks import ActorCritic

SMALL = 100_000  # parameters
CLEARLY = 1.3  # times as fast
ROWS, REPEATS = 2048, 5


def choose_threads(policy: ActorCritic, rows: int) -> int:
    """One for a small network; else one, or all that this process may run on if an update is clearly faster so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or sum(parameter.numel() for parameter in policy.parameters()) < SMALL:
        return 1
    before = torch.get_num_threads()
    inputs = torch.zeros(1, min(rows, ROWS), *policy.layout.shape, dtype=_dtype(policy))
    seconds = {count: _measure(policy, inputs, count) for count in (1, cores)}
    torch.set_num_threads(before)
    return cores if seconds[1] > CLEARLY * seconds[cores] else 1


def _measure(policy: ActorCritic, inputs: torch.Tensor, threads: int) -> float:
    torch.set_num_threads(threads)
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        _, values, _ = policy(inputs if policy.recurrent else inputs[0])
        torch.autograd.grad(values.sum(), [p for p in policy.parameters() if p.requires_grad], allow_unused=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _dtype(policy: ActorCritic) -> torch.dtype:
    return torch.from_numpy(__import__("numpy").empty(0, policy.layout.dtype)).dtype
