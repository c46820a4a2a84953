"""Fixtures for tests of several adapters."""

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """Uses one thread of torch: its sums then do not depend on the threads, and other tests keep their cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
