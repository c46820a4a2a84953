"""What training needs around the algorithms: logs, run directories, checkpoints. Names are loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.utils.checkpoint import CheckpointError as CheckpointError
    from operant.utils.checkpoint import CheckpointFolder as CheckpointFolder
    from operant.utils.checkpoint import load_checkpoint as load_checkpoint
    from operant.utils.checkpoint import save_checkpoint as save_checkpoint
    from operant.utils.logger import Logger as Logger
    from operant.utils.normalizer import RewardNormalizer as RewardNormalizer
    from operant.utils.normalizer import RunningNormalizer as RunningNormalizer
    from operant.utils.run_directory import RunDirectory as RunDirectory
    from operant.utils.run_directory import RunError as RunError

_LAZY = {
    "CheckpointError": "checkpoint",
    "CheckpointFolder": "checkpoint",
    "Logger": "logger",
    "RewardNormalizer": "normalizer",
    "RunDirectory": "run_directory",
    "RunError": "run_directory",
    "RunningNormalizer": "normalizer",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'operant.utils' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"operant.utils.{_LAZY[name]}"), name)
