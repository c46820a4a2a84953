"""Where the C core's sources lie: physics and lanes are compiled outside the core too."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The folder that holds `operant.h`, `core/` and `envs/`: in a wheel beside this file, in a checkout at its top."""
    here = Path(__file__).resolve().parent
    installed = here / "native"
    return installed if installed.is_dir() else here.parents[1] / "native"
