"""Reads and writes TOML files: descriptors of users' environments, configurations of training runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from operant.files.atomic import write_atomically

DEEPEST = 20  # tables and lists within each other


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        ValueError: the file cannot be read or is not TOML; the text names the path and the line.
        ModuleNotFoundError: tomli is missing, on Python 3.10.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))  # editors on Windows begin with a mark
        _check_depth(table)
        return table
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist") from None
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
    except RecursionError:
        raise ValueError(f"{path} cannot be read: its values are nested too deeply") from None


def _check_depth(table: dict[str, Any]) -> None:
    """Raises a RecursionError for values in which functions that call themselves would get lost."""
    level: list[Any] = [table]
    for _ in range(DEEPEST):
        parts = (part for value in level for part in (value.values() if isinstance(value, dict) else value))
        level = [part for part in parts if isinstance(part, dict | list)]
    if level:
        raise RecursionError


def write_toml(path: str | os.PathLike[str], config: dict[str, Any]) -> None:
    """Writes `config` as TOML. Keys whose value is None are omitted, because TOML has no None."""
    import tomli_w

    write_atomically(path, tomli_w.dumps(_without_none(config)).encode())


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
