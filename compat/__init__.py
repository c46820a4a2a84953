"""operant.compat: adapters, one for each library; an adapter imports its own framework.

    from operant.compat.sb3 import OperantVecEnv

If the framework is missing, the ImportError names the extra that installs it.
"""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType


def framework(module: str, extra: str, at_least: str = "0") -> ModuleType:
    """Imports a framework's module.

    Raises:
        ImportError: the framework is missing, or its major and minor version are below `at_least`. The text names the
            extra of operant that installs it.
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
    """The major and minor version: [2, 7] for "2.7.0a1"."""
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
