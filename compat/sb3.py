"""operant.compat.sb3: environments of operant as one `VecEnv` of Stable-Baselines3.

from operant.compat.sb3 import OperantVecEnv
envs = make_vec_env("operant/CartPole-v1", n_envs=1024, vec_env_cls=OperantVecEnv)
envs = OperantVecEnv("operant/CartPole-v1", 1024, workers=2)
"""

from __future__ import annotations

import time
from typing import Any, NoReturn

import numpy as np

from operant.batch import unknown
from operant.compat import framework

framework("stable_baselines3", "sb3", at_least="2.7")
from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices  # noqa: E402

from operant.compat.sb3_sources import Source, open_source  # noqa: E402


class Running(dict[str, Any]):
    """The one info of all environments whose episode goes on: read-only, for each of them would show a change."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("environments whose episode goes on share this info: replace it, infos[i] = {**infos[i], ...}")

    __setitem__ = update = setdefault = __ior__ = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # a copy is the copier's own


RUNNING = Running({"TimeLimit.truncated": False})
SHARED = ("action_space", "metadata", "observation_space", "render_mode", "spec")


class OperantVecEnv(VecEnv):
    """One native batch as a `VecEnv`, with the statistics of SB3's `Monitor` built in.

    Args:
        env: an id; or the closures that `make_vec_env` passes, which must all make the same environment; or a vector
            environment of operant with autoreset_mode="SameStep".
        num_envs: N, where `env` is an id.
        **options: those of `OperantVectorEnv`, where `env` is not one.

    `step` returns observations `[N, D]` float32, rewards `[N]` float32 and dones `[N]` bool, the caller's to keep, and
    a list of N infos. With a Monitor's file, all environments write into that of the first closure.
    """

    def __init__(self, env: Source, num_envs: int | None = None, **options: Any):
        self.vector_env, recipe = open_source(env, num_envs, options)
        self.spec = self.vector_env.spec
        self._writer = recipe.writer if recipe else None
        self._resettable, self._early_resets = True, recipe is None or recipe.allow_early_resets
        self._start = time.time()
        action_space = recipe.action_space if recipe else self.vector_env.single_action_space
        super().__init__(self.vector_env.num_envs, self.vector_env.single_observation_space, action_space)
        self.metadata = self.vector_env.metadata

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        batch = self.vector_env._batch
        observations, rewards, terminated, truncated, _ = batch.stepper.step(self._actions)
        infos: list[dict[str, Any]] = [RUNNING] * self.num_envs
        if batch.last_finished.count:
            self._describe_ended(infos, terminated, truncated)
        if self.render_mode is not None:
            self.vector_env._renderer.last_actions = self._actions
            if self.render_mode == "human":
                self.vector_env.render()
        return observations, np.asarray(rewards, np.float32), terminated | truncated, infos

    def _describe_ended(self, infos: list[dict[str, Any]], terminated: np.ndarray, truncated: np.ndarray) -> None:
        batch, seconds = self.vector_env._batch, round(time.time() - self._start, 6)
        index, returns, lengths = batch.finished()
        limited, finals, rows = truncated[index] & ~terminated[index], batch.final_observations(), index.tolist()
        totals = np.round(returns.astype(np.float64), 6).tolist()  # ten times as fast as Python's round, one by one
        for i, total, length, cut, final in zip(rows, totals, lengths.tolist(), limited.tolist(), finals, strict=True):
            episode = {"r": total, "l": length, "t": seconds}
            infos[i] = {"TimeLimit.truncated": cut, "episode": episode, "terminal_observation": final}
        if self._writer is not None:
            self._writer.logger.writerows(infos[i]["episode"] for i in rows)
            self._writer.file_handler.flush()

    def reset(self) -> np.ndarray:
        if not self._options or self._options != self._options[:1] * self.num_envs:
            raise ValueError(f"set_options({self._options}): a batch resets all environments with the same options")
        if not self._resettable:
            raise RuntimeError("reset before the episodes are over: make the Monitor with allow_early_resets=True")
        first = self._seeds[0]
        counted = first is not None and self._seeds == list(range(first, first + self.num_envs))
        seed = first if counted else None if self._seeds == [None] * self.num_envs else self._seeds
        observations: np.ndarray = self.vector_env.reset(seed=seed, options=self._options[0])[0]
        self._resettable = self._early_resets
        self._reset_seeds()
        self._reset_options()
        return observations

    def close(self) -> None:
        self.vector_env.close()
        if self._writer is not None:
            self._writer.close()

    def _parameter(self, name: str) -> str:
        """The physical parameter that we or Gymnasium's class call so; AttributeError if there is none."""
        parts = self.vector_env._batch.spec.parameters
        names: dict[Any, str] = {alias: p.name for p in parts for alias in (p.option, p.attribute, p.name) if alias}
        if name not in names:
            raise AttributeError(unknown("attribute", name, names))
        return names[name]

    def _environments(self, indices: VecEnvIndices) -> list[int]:
        return [row // self.vector_env._batch.agents for row in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """A physical parameter of each environment, by our name or Gymnasium's; or one of SHARED."""
        environments = self._environments(indices)
        if attr_name in SHARED:
            return [getattr(self if "space" in attr_name else self.vector_env, attr_name)] * len(environments)
        return list(self.vector_env.parameter(self._parameter(attr_name))[environments].tolist())

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets a physical parameter: a number, or without `indices` one for each environment, whose agents share it."""
        batch, name = self.vector_env._batch, self._parameter(attr_name)
        if name in batch._ranges:
            raise ValueError(f"{attr_name} is drawn anew for every episode: take it out of randomize to set it")
        if indices is not None:
            values = self.vector_env.parameter(name).astype(np.float64)
            values[self._environments(indices)] = value
            value = values
        batch.set_parameter(name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """The frames of `render`; AttributeError for any other method."""
        if method_name != "render":
            raise AttributeError(f"env_method({method_name!r}): there are no single environments to call; see get_attr")
        return list(self.vector_env.render() or ())

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def get_images(self) -> list[np.ndarray | None]:
        """Frames `[H, W, 3]` uint8 of the first `render_envs` environments, with render_mode="rgb_array"."""
        return list(self.vector_env.render() or [None] * self.num_envs)
