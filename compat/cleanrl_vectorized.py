"""CleanRLVectorizedEnv: anybody's environments in worker processes, with infos that suit CleanRL's scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from operant.compat.cleanrl_infos import FinalInfo
from operant.environments.vector_base import AutoresetMode
from operant.workers.vector import VectorizedEnv


class CleanRLVectorizedEnv(VectorizedEnv):
    """The environments of some functions, with the results of `gymnasium.vector.SyncVectorEnv` in mode SAME_STEP.

    The infos of steps in which episodes ended can also be read as in gymnasium 0.29: `final_info` is a `FinalInfo`, and
    `final_obs` is there as `final_observation` too.

    Args:
        env_fns: functions that make the environments, with their wrappers.
        workers, **options: those of `operant.vectorize`.

    Raises:
        ValueError: another autoreset mode is asked for.
    """

    def __init__(
        self, env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]], workers: int | str = "auto", **options: Any
    ):
        mode = AutoresetMode(options.pop("autoreset_mode", AutoresetMode.SAME_STEP))
        if mode != AutoresetMode.SAME_STEP:
            self.closed = True  # Gymnasium closes environments that raised in their constructor
            raise ValueError(f"autoreset_mode={mode.value!r}: CleanRL's loops need SAME_STEP; omit it")
        super().__init__(env_fns, workers, autoreset_mode=mode, **options)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment as `VectorizedEnv.step`; adds 0.29's forms to the infos of episodes that ended."""
        *results, infos = super().step(actions)
        if "final_obs" in infos:
            infos["final_info"] = FinalInfo(infos["final_info"])
            infos["final_observation"] = infos["final_obs"].copy()
            infos["_final_observation"] = infos["_final_obs"].copy()
        return (*results, infos)
