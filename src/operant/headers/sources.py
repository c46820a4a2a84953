"""Finds the C core's sources, which users' headers are compiled with."""

from __future__ import annotations

from pathlib import Path


def native_folder() -> Path:
    """The folder with `operant.h`, `core/` and `envs/`: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "native"
    return installed if installed.is_dir() else package.parents[1] / "native"


def built_in_header(name: str) -> str:
    """The path of a built-in environment's header in `native_folder()`."""
    path = f"envs/{name}.h"
    return path if (native_folder() / path).is_file() else f"envs/variants/{name}.h"
