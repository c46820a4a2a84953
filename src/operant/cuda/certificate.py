"""Certificates of a GPU: the hash of native/core/certificate.c over a `CudaBatch`'s trajectory."""

from __future__ import annotations

import ctypes
from contextlib import closing
from typing import Any

import numpy as np
import torch

from operant.cuda.arguments import HashArguments
from operant.cuda.batch import CudaBatch
from operant.cuda.engine import Program
from operant.spec import EnvSpec

ENVS, STEPS, EPISODE = 67, 400, 60  # of certificate.c
BASIS = 0xCBF29CE484222325  # of 64-bit FNV-1a
PROGRAM = Program(
    "certificate",
    '#include "cuda/prelude.h"\n#include "cuda/certificate.h"\n',
    {"OPERANT_HASH_BYTES": ctypes.sizeof(HashArguments)},
)


def cuda_trajectory_hash(spec: EnvSpec, device: Any = "cuda") -> int:
    """FNV-1a over the same trajectory as `trajectory_hash`, on a device; equal bits give an equal hash."""
    with closing(CudaBatch(spec, ENVS, device=device, max_episode_steps=EPISODE)) as batch:
        kernels = batch.engine.load(PROGRAM)
        value = torch.tensor([BASIS - (1 << 64)], device=batch.device)  # the same 64 bits as an int64
        batch.seed(0)
        parts = [batch.reset().observations]
        actions = torch.from_numpy(drawn_actions(spec, batch.num_rows)).to(batch.device)
        for t in range(STEPS):
            parts += batch.step(actions[t])[:4]
        for part in parts:
            kernels.launch("operant_hash", 1, HashArguments(part.data_ptr(), part.nbytes, value.data_ptr()))
        batch.check()
        return int(value.item()) % (1 << 64)


def drawn_actions(spec: EnvSpec, rows: int) -> np.ndarray:
    """The trajectory's actions, drawn by splitmix64: `[T, R]` or `[T, R, A]`, int64 or float32."""
    shape = (STEPS, rows, *spec.action_shape)
    size = len(spec.action_counts or spec.action_bounds)
    drawn = splitmix64(STEPS * rows * size).reshape(STEPS, rows, size) >> np.uint64(32)
    if spec.actions:
        return (drawn % np.array(spec.action_counts, np.uint64)).astype(np.int64).reshape(shape)
    numbers: np.ndarray = (drawn % np.uint64(4097)).astype(np.float32) / np.float32(1024) - np.float32(2)
    return numbers.reshape(shape)


def splitmix64(count: int) -> np.ndarray:
    """The first numbers of Steele, Lea & Flood's splitmix64 from state 1: `[count]` uint64."""
    z: np.ndarray = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z
