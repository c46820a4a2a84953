"""Writes TOML files of configurations; `operant.toml` reads them."""

from __future__ import annotations

import os
from typing import Any

from operant.utils.atomic import write_atomically


def write_toml(path: str | os.PathLike[str], config: dict[str, Any]) -> None:
    """Writes `config` as TOML, which has no None: such keys are left out."""
    import tomli_w

    write_atomically(path, tomli_w.dumps(_without_none(config)).encode())


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
