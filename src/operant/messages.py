"""Errors that name the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def unknown(kind: str, value: object, known: Iterable[str]) -> str:
    """The message for a name that does not exist, with the nearest that does."""
    names = sorted(known)
    near = difflib.get_close_matches(str(value), names, n=1)
    return f"unknown {kind} {value!r}{f': did you mean {near[0]!r}?' if near else ''} (known: {', '.join(names)})"


def whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name}={value} must be from {low} to {high}")
    return int(value)
