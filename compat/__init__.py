"""operant.compat: one short adapter for each library; each imports its framework and nobody imports it.

    from operant.compat.sb3 import OperantVecEnv

A module whose framework is missing says which extra installs it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def framework(module: str, extra: str) -> ModuleType:
    """Imports a framework's module, or raises an ImportError that names the extra of operant which installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        name = module.partition(".")[0]
        if missing.name is None or missing.name.partition(".")[0] != name:
            raise
        raise ImportError(
            f"operant.compat.{extra} needs {name}, which is not installed: pip install 'operant[{extra}]'", name=name
        ) from None
