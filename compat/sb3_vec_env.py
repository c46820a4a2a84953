"""OperantVecEnv: a native batch as a `VecEnv` of Stable-Baselines3.

`sb3_sources` has the ways to make one, and `sb3_infos` its infos.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from operant.batch.seeds import check_seed
from operant.compat import framework
from operant.engines.batch import EngineBatch
from operant.environments.attributes import check_rows
from operant.environments.engine_infos import EngineInfos
from operant.environments.spaces import array_of, array_space
from operant.environments.vector import OperantVectorEnv

framework("stable_baselines3", "sb3", at_least="2.7")
from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices  # noqa: E402

from operant.compat.sb3_infos import RUNNING, describe_ended  # noqa: E402
from operant.compat.sb3_sources import Source, open_source  # noqa: E402


class OperantVecEnv(VecEnv):
    """One native batch as a `VecEnv`, with the statistics of SB3's `Monitor` built in.

    Args:
        env: an id; or the closures that `make_vec_env` passes, which must all make the same environment; or an
            `OperantVectorEnv` with autoreset_mode="SameStep".
        num_envs: N, if `env` is an id.
        **options: those of `OperantVectorEnv`, unless `env` is one.

    `step` returns observations `[N, *D]`, rewards `[N]` float32 and dones `[N]` bool, the caller's to keep, and a list
    of N infos. SB3 does not support Tuple: such observations become MultiDiscrete. If the closures' Monitors have
    files, all environments write into the first one's.
    """

    def __init__(self, env: Source, num_envs: int | None = None, **options: Any):
        self.vector_env: OperantVectorEnv
        self.vector_env, recipe = open_source(env, num_envs, options)
        self.spec = self.vector_env.spec
        batch = self.vector_env.batch
        self._engine_infos = EngineInfos(batch) if isinstance(batch, EngineBatch) else None
        self._writer = recipe.writer if recipe else None
        self._early_resets = recipe is None or recipe.allow_early_resets
        self._resettable = True
        self._start = time.time()
        action_space = recipe.action_space if recipe else self.vector_env.single_action_space
        observation_space = array_space(self.vector_env.single_observation_space)
        super().__init__(self.vector_env.num_envs, observation_space, action_space)
        self.metadata = self.vector_env.metadata

    @property
    def is_plain(self) -> bool:
        """True if nothing but the batch sees a step: no file of Monitor's, no window, and no float64 rewards."""
        return self._writer is None and self.render_mode != "human" and not self.vector_env.batch.exact

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Notes the seeds of the next reset, which count up from `seed`, and returns them; None draws the first."""
        return super().seed(None if seed is None else check_seed(seed))

    def step_async(self, actions: np.ndarray) -> None:
        """Notes the actions for `step_wait`: `[N]` integers if discrete, else `[N, A]` float32 or float64."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps every environment; one that ended has begun its next episode.

        Returns:
            Observations `[N, ...]`, rewards `[N]` float32, dones `[N]` bool, and a list of N infos. That of an ended
            episode has `terminal_observation`, `TimeLimit.truncated` and Monitor's `episode`; all others are one
            read-only dict.

        Raises:
            ValueError: an action out of range, NaN or infinite, or a wrong shape or dtype. Nothing moved.
        """
        batch = self.vector_env.batch
        observations, rewards, terminated, truncated, _ = batch.stepper.step(self._actions)
        reported = self._reported()
        infos: list[dict[str, Any]] = [each | RUNNING for each in reported] or [RUNNING] * self.num_envs
        if batch.last_finished.count:
            ended = describe_ended(batch, terminated, truncated, self._start)
            for row, info in ended.items():
                infos[row] = reported[row] | info if reported else info
            if self._writer is not None:
                self._writer.logger.writerows(info["episode"] for info in ended.values())
                self._writer.file_handler.flush()
        if self.render_mode is not None:
            self.vector_env.renderer.follow(self._actions)
            if self.render_mode == "human":
                self.vector_env.render()
        return observations, np.asarray(rewards, np.float32), terminated | truncated, infos

    def reset(self) -> np.ndarray:
        """Begins an episode in every environment, with the seeds and options that were set.

        Returns:
            Observations `[N, ...]`.

        Raises:
            ValueError: the environments were given different options.
            RuntimeError: an episode is not over, and the Monitor was made with allow_early_resets=False.
        """
        if not self._options or self._options != self._options[:1] * self.num_envs:
            raise ValueError(f"set_options({self._options}): a batch resets all environments with the same options")
        if not self._resettable:
            raise RuntimeError("reset before the episodes are over: make the Monitor with allow_early_resets=True")
        observations = array_of(self.vector_env.reset(seed=self._next_seed(), options=self._options[0])[0])
        self._resettable = self._early_resets
        if self._engine_infos is not None:
            self.reset_infos = self._engine_infos.of_each()
        self._reset_seeds()
        self._reset_options()
        return observations

    def _reported(self) -> list[dict[str, Any]]:
        """The infos that the environments reported in the last step, `[N]`, with an engine; else nothing."""
        infos = self._engine_infos
        return [] if infos is None else infos.of_each(np.asarray(self._actions).dtype)

    def _next_seed(self) -> Any:
        """The seed for the next reset: one int if the seeds are consecutive (faster), the list, or None without any."""
        first = self._seeds[0]
        if first is not None and self._seeds == list(range(first, first + self.num_envs)):
            return first
        return self._seeds if any(seed is not None for seed in self._seeds) else None

    def close(self) -> None:
        """Frees the core's memory, and closes Monitor's file."""
        self.vector_env.close()
        if self._writer is not None:
            self._writer.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each environment, as `OperantVectorEnv.get_attr`; `action_masks` where actions are masked."""
        rows = self._rows(f"get_attr({attr_name!r})", indices)
        if attr_name == "action_masks":
            masks = self.vector_env.action_masks()
            return [partial(masks.__getitem__, row) for row in rows]
        if attr_name in ("action_space", "observation_space"):
            return [getattr(self, attr_name)] * len(rows)
        values: list[Any] = self.vector_env.attributes_of(attr_name, rows)
        return values

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute as `OperantVectorEnv.set_attr`, in the environments of `indices`."""
        self.vector_env.set_attr(attr_name, value, self._rows(f"set_attr({attr_name!r})", indices))

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """The results of a method of each environment: `render`, `action_masks`, or one of Gymnasium's class."""
        if method_name != "render":
            methods = self.get_attr(method_name, indices)
            return [method(*args, **kwargs) for method in methods]
        if args or kwargs:
            raise TypeError(f"env_method('render') takes no arguments, not {[*args, *kwargs]}")
        rows = self._rows("env_method('render')", indices)
        frames = self.get_images()
        if len(frames) != self.num_envs:  # one for each environment, not for each of its agents
            rows = rows // self.vector_env.batch.agents
        if len(rows) and rows.max() >= len(frames):
            raise ValueError(
                f"env_method('render'): only the first {len(frames)} environments are drawn, not {rows.max()}: "
                f"make OperantVecEnv with render_envs={self.num_envs}, or give indices"
            )
        return [frames[row] for row in rows]

    def _rows(self, caller: str, indices: VecEnvIndices) -> np.ndarray:
        rows: np.ndarray = check_rows(caller, self._get_indices(indices), self.num_envs)
        return rows

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """True for each environment if `wrapper_class` is Monitor, whose statistics are built in, else False."""
        return [wrapper_class is Monitor] * len(self._rows("env_is_wrapped", indices))

    def get_images(self) -> list[np.ndarray | None]:
        """Frames `[H, W, 3]` uint8 of the first `render_envs` environments, with render_mode="rgb_array"."""
        return list(self.vector_env.render() or [None] * self.num_envs)
