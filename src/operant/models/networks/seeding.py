"""Makes initial weights reproducible by a seed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seeds torch and sets it to one thread within the block, and restores both afterwards. None changes nothing.

    One thread is needed because the rounding of orthogonal weights (a QR decomposition) depends on the number of
    threads.
    """
    if seed is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            # Weights are made on the CPU; `torch.manual_seed` would also seed GPUs.
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
