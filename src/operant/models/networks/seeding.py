"""Makes initial weights that a seed determines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Within it torch draws from `seed`, on one thread; afterwards both are as before. None changes nothing.

    The QR decomposition that orthogonal weights are made by rounds differently on another number of threads.
    """
    if seed is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            # Of the CPU alone, where weights are made: `torch.manual_seed` would seed GPUs too.
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
