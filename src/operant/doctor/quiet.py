"""Silences the warnings that making other people's environments gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium as gym


@contextmanager
def quiet() -> Iterator[None]:
    """Without Python's warnings and those of Gymnasium's logger: bounds in float32, old versions and the like."""
    level = gym.logger.min_level
    gym.logger.min_level = gym.logger.ERROR
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gym.logger.min_level = level
