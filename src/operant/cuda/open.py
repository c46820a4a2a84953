"""Opens the engine that runs kernels on a device."""

from __future__ import annotations

import os
from typing import Any

from operant.cuda.engine import Engine
from operant.messages import unknown


def open_engine(device: Any) -> Engine:
    """The engine of "cuda", "cuda:1", "emulated", or a `torch.device`.

    Raises:
        ValueError: the device is unknown.
        CudaError: the GPU, or a package that it needs, is missing.
    """
    name = os.fspath(device) if isinstance(device, str) else str(device)
    if name == "emulated":
        from operant.cuda.emulated import EmulatedEngine

        return EmulatedEngine()
    kind, numbered, index = name.partition(":")
    if kind != "cuda" or (numbered and not index.isdigit()):
        raise ValueError(unknown("device", name, ("cpu", "cuda", "cuda:1", "emulated")))
    from operant.cuda.nvidia import nvidia_engine

    return nvidia_engine(int(index) if index else None)
