"""operant.compat: one short adapter for each library; each imports its framework and nobody imports it.

    from operant.compat.sb3 import OperantVecEnv

A module whose framework is missing says which extra installs it.
"""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType


def framework(module: str, extra: str, at_least: str = "0") -> ModuleType:
    """Imports a framework's module, or raises an ImportError that names the extra of operant which installs it.

    So it does if the framework's `__version__` is below `at_least`, of which major and minor count.
    """
    name = module.partition(".")[0]
    try:
        found = import_module(module)
        version = getattr(import_module(name), "__version__", at_least)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != name:
            raise
        raise ImportError(
            f"operant.compat.{extra} needs {name}, which is not installed: pip install 'operant[{extra}]'", name=name
        ) from None
    if _minor(version) < _minor(at_least):
        raise ImportError(
            f"operant.compat.{extra} needs {name} {at_least} or newer, not {version}: pip install -U 'operant[{extra}]'"
        )
    return found


def _minor(version: str) -> list[int]:
    """[2, 7] of "2.7.0a1"."""
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
