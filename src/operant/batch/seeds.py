"""Checks seeds, and converts them to the core's form: 32-bit words, least significant first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def seed_words(seed: int, num_envs: int) -> np.ndarray:
    """The seeds `seed + i` as 32-bit words, least significant first: `[N, W]` uint32."""
    if seed + num_envs < 1 << 63:
        return np.arange(seed, seed + num_envs, dtype="<u8").view("<u4").reshape(num_envs, 2)
    return words_of([seed + i for i in range(num_envs)])


def words_of(seeds: Sequence[int]) -> np.ndarray:
    """Seeds as 32-bit words, least significant first: `[N, W]` uint32, where the largest seed needs W words."""
    width = max(1, max((seed.bit_length() + 31) // 32 for seed in seeds))
    return np.frombuffer(b"".join(seed.to_bytes(4 * width, "little") for seed in seeds), "<u4").reshape(
        len(seeds), width
    )


def check_seed(seed: object) -> int:
    """Returns a seed as an int; raises a TypeError or ValueError that names an invalid one."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed {seed!r} must be an int, not {type(seed).__name__}")
    if seed < 0:
        raise ValueError(f"seed {seed} must not be negative")
    return int(seed)
