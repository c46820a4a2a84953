"""Reads TOML files, of users' environments and of training runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        ValueError: it cannot be read or is no TOML; the text names the path, and the line.
        ModuleNotFoundError: on Python 3.10, there is no tomli.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist") from None
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
