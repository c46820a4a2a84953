"""Imports torch when it is needed, quickly, or says what to install."""

from __future__ import annotations

import gc
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def has_torch() -> bool:
    """Returns True if torch is installed; does not import it."""
    return find_spec("torch") is not None


def import_with_torch(module: str, what: str) -> ModuleType:
    """Imports a module that imports torch.

    Garbage collection is off meanwhile, because collecting while torch imports would take a fifth of the import time.

    Raises:
        ImportError: torch is not installed; the message says that `what` needs it.
    """
    if not has_torch():
        raise ImportError(f"{what} needs torch: pip install 'operant[torch]'", name="torch")
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()  # never scan torch's objects again
        gc.enable()
