"""Where the C core's sources lie: physics and lanes are compiled outside the core too."""

from __future__ import annotations

from pathlib import Path


def native_folder() -> Path:
    """The folder that holds `operant.h`, `core/` and `envs/`: in a wheel in the package, in a checkout at its top."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "native"
    return installed if installed.is_dir() else package.parents[1] / "native"
