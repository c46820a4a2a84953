"""Finds the C core's sources, which users' headers are compiled with."""

from __future__ import annotations

from pathlib import Path


def native_folder() -> Path:
    """The folder with `operant.h`, `core/` and `envs/`: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "native"
    return installed if installed.is_dir() else package.parents[1] / "native"
