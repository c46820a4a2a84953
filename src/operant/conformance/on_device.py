"""Plays a CudaBatch and returns its trajectory as NumPy arrays, for comparison with the CPU."""

from __future__ import annotations

import numpy as np
import torch

from operant.cuda.batch import CudaBatch


def play(batch: CudaBatch, actions: np.ndarray, every_state: bool = False) -> tuple[np.ndarray, ...]:
    """Resets a batch with seed 0, and steps it with `actions[t]`.

    Returns observations `[T + 1, R, *D]`, rewards, terminated and truncated `[T, R]`, and snapshots: `[T + 1, N]` with
    `every_state`, else only the last, `[1, N]`.
    """
    batch.seed(0)
    outputs, states = [batch.reset()], [batch.get_state()]
    for row in actions:
        outputs.append(batch.step(torch.from_numpy(row).to(batch.device)))
        if every_state:
            states.append(batch.get_state())
    batch.check()

    def column(name: str, first: int = 1) -> np.ndarray:
        array: np.ndarray = torch.stack([getattr(output, name) for output in outputs[first:]]).cpu().numpy()
        return array

    snapshots = np.stack(states if every_state else [batch.get_state()])
    return column("observations", 0), column("rewards"), column("terminated"), column("truncated"), snapshots
