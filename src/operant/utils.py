"""Tools around the algorithms: loggers, normalisers, run directories, checkpoints. Names are loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.rollout.normalizer import RewardNormalizer as RewardNormalizer
    from operant.rollout.normalizer import RunningNormalizer as RunningNormalizer
    from operant.runs.checkpoint import CheckpointError as CheckpointError
    from operant.runs.checkpoint import CheckpointFolder as CheckpointFolder
    from operant.runs.checkpoint import load_checkpoint as load_checkpoint
    from operant.runs.checkpoint import save_checkpoint as save_checkpoint
    from operant.runs.logger import Logger as Logger
    from operant.runs.run_directory import RunDirectory as RunDirectory
    from operant.runs.run_directory import RunError as RunError
    from operant.runs.terminal_logger import TUILogger as TUILogger

_LAZY = {
    "CheckpointError": "runs.checkpoint",
    "CheckpointFolder": "runs.checkpoint",
    "Logger": "runs.logger",
    "RewardNormalizer": "rollout.normalizer",
    "RunDirectory": "runs.run_directory",
    "RunError": "runs.run_directory",
    "RunningNormalizer": "rollout.normalizer",
    "TUILogger": "runs.terminal_logger",
    "load_checkpoint": "runs.checkpoint",
    "save_checkpoint": "runs.checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'operant.utils' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"operant.{_LAZY[name]}"), name)
