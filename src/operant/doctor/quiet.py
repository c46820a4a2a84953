"""Silences warnings that arise when other projects' environments are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium as gym


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Python's warnings and those of Gymnasium's logger, such as those about bounds or old versions."""
    level = gym.logger.min_level
    gym.logger.min_level = gym.logger.ERROR
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gym.logger.min_level = level
