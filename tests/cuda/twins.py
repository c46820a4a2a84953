"""The same environments twice, on the CPU and on the emulated GPU, and comparisons of the two."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from support import actions_for

from operant.catalog import CATALOG, MULTIAGENT
from operant.environments.cuda_vector import CudaVectorEnv
from operant.environments.vector import OperantVectorEnv, make_vector_env

SPECS = {
    spec.header: spec for each in (*CATALOG.values(), *MULTIAGENT.values()) for spec in (each, *each.variants.values())
}
IDS = (*CATALOG, *MULTIAGENT)
N = 67  # not a multiple of any vector's width, nor of a GPU's block


def twins(env_id: str, num_envs: int = N, **options: Any) -> tuple[Any, OperantVectorEnv]:
    """A `CudaVectorEnv` on the emulated device, and an `OperantVectorEnv` with the same arguments."""
    mine = make_vector_env(env_id, num_envs, device="emulated", **options)
    assert type(mine) is CudaVectorEnv
    return mine, OperantVectorEnv(env_id, num_envs, **options)


def same(mine: Any, other: Any) -> None:
    """Asserts that tensors and arrays, or tuples of them, have equal dtypes, shapes and bits."""
    if isinstance(other, tuple):
        assert len(mine) == len(other)
        for part, its in zip(mine, other, strict=True):
            same(part, its)
        return
    assert isinstance(mine, torch.Tensor)
    array = mine.numpy()
    assert array.dtype == other.dtype and array.shape == other.shape
    assert array.tobytes() == other.tobytes(), f"{array}\n!=\n{other}"


def same_results(mine: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Asserts that two results of `step` or `reset` are equal, including infos."""
    for part, its in zip(mine[:-1], other[:-1], strict=True):
        same(part, its)
    same_infos(mine[-1], other[-1])


def same_infos(mine: dict[str, Any], other: dict[str, Any]) -> None:
    """Asserts that infos are equal; the device's lack `prob`, and have entries about episodes' ends in every step."""
    other = {name: value for name, value in other.items() if name not in ("prob", "_prob")}
    assert set(other) <= set(mine)
    for name in [name for name in mine if name.startswith("_")]:
        same(mine[name], other.get(name, np.zeros(len(mine[name]), np.bool_)))
    if "action_mask" in other:
        same(mine["action_mask"], other["action_mask"])
    if "episode" in other:
        for name in ("r", "l"):
            assert mine["episode"][name].tolist() == other["episode"][name].tolist()
    if "final_obs" in other:
        ended = other["_final_obs"]
        final = mine["final_obs"]
        rows = (torch.stack(final, dim=-1) if isinstance(final, tuple) else final).numpy()
        expected = np.stack([np.asarray(row, rows.dtype) for row in other["final_obs"][ended]])
        assert rows[ended].tobytes() == expected.tobytes() and not rows[~ended].any()
        same_infos(mine["final_info"], other["final_info"])


def play(mine: Any, other: OperantVectorEnv, steps: int, seed: int = 0, dtype: Any = None) -> int:
    """Steps both with the same random actions and returns the number of ended episodes; resets them in mode "Disabled".

    Asserts that every result, and finally every number of the state, is the same.
    """
    random, ended = np.random.default_rng(seed), 0
    disabled = other.metadata["autoreset_mode"].value == "Disabled"
    for actions in actions_for(other.single_action_space, random, (steps, other.num_envs)):
        given = actions if dtype is None else actions.astype(dtype)
        results = other.step(given)
        same_results(mine.step(torch.from_numpy(given)), results)
        for part, its in zip(mine.finished_episodes(), other.finished_episodes(), strict=True):
            same(part, its)
        over = results[2] | results[3]
        ended += int(over.sum())
        if disabled and over.any():
            expected = other.reset(options={"reset_mask": over})
            same_results(mine.reset(options={"reset_mask": torch.from_numpy(over)}), expected)
    same(mine.episode_returns, other.episode_returns)
    same(mine.episode_lengths, other.episode_lengths)
    assert mine.get_state().tobytes() == other.get_state().tobytes()
    mine.check()
    return ended
