"""VectorizedVecEnv: anybody's Python environments as a `VecEnv` of Stable-Baselines3, in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.batch.seeds import check_seed
from operant.compat import framework
from operant.environments.attributes import check_rows
from operant.workers import attributes
from operant.workers.plan import MakeEnv
from operant.workers.vectorize import vectorize

framework("stable_baselines3", "sb3", at_least="2.7")
from stable_baselines3.common.env_util import is_wrapped  # noqa: E402
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices  # noqa: E402

_REFUSED = {
    "autoreset_mode": "Stable-Baselines3 needs SAME_STEP",
    "copy": "Stable-Baselines3 keeps observations while it steps",
    "batch_size": "a VecEnv steps in lockstep",
}


class VectorizedVecEnv(VecEnv):
    """N environments of any kind in the workers of `operant.vectorize`, with the results of SB3's `DummyVecEnv`.

        envs = make_vec_env("LunarLander-v3", n_envs=16, vec_env_cls=VectorizedVecEnv)

    Args:
        env: the functions that `make_vec_env` passes, one for each environment; or whatever `operant.vectorize` takes.
        num_envs, workers, **options: those of `operant.vectorize`.

    `step` returns observations `[N, ...]`, rewards `[N]` float32, dones `[N]` bool and a list of N infos, all the
    caller's to keep.

    Raises:
        TypeError: an option that Stable-Baselines3 has no use for.
        As `operant.vectorize`.
    """

    def __init__(
        self,
        env: str | MakeEnv | Sequence[MakeEnv],
        num_envs: int | None = None,
        workers: int | str = "auto",
        **options: Any,
    ):
        for name in _REFUSED.keys() & options.keys():
            raise TypeError(f"VectorizedVecEnv cannot take {name}={options[name]!r}: {_REFUSED[name]}")
        self.vector_env = vectorize(env, num_envs, workers, autoreset_mode="SameStep", **options)
        self.workers = self.vector_env.workers
        spaces = self.vector_env.single_observation_space, self.vector_env.single_action_space
        try:
            super().__init__(self.vector_env.num_envs, *spaces)
            self.metadata = self.get_attr("metadata", 0)[0]
        except BaseException:
            self.vector_env.close()
            raise

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Notes the seeds of the next reset, which count up from `seed`, and returns them; None draws the first."""
        return super().seed(None if seed is None else check_seed(seed))

    def step_async(self, actions: np.ndarray) -> None:
        """Notes the actions for `step_wait`, one for each environment."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps every environment; one whose episode ended has begun its next.

        Returns:
            Observations `[N, ...]` or the arrays of a nested space, rewards `[N]` float32, dones `[N]` bool, and a list
            of N infos as SB3's own classes have them: of an ended episode with `terminal_observation`, and in each
            `TimeLimit.truncated`.
        """
        observations, rewards, terminated, truncated, infos, finals = self.vector_env.step_apart(self._actions)
        for row, final in finals.items():  # where an episode ended, and `infos` has the info of the reset
            self.reset_infos[row], infos[row] = infos[row], final["final_info"]
        for info, cut in zip(infos, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        for row, final in finals.items():
            infos[row]["terminal_observation"] = final["final_obs"]
        return observations, rewards.astype(np.float32), terminated | truncated, infos

    def reset(self) -> Any:
        """Begins an episode in each environment, with the seeds and options that were set; returns the observations."""
        arguments = [
            {"seed": seed} | ({"options": options} if options else {})
            for seed, options in zip(self._seeds, self._options, strict=True)
        ]
        observations, self.reset_infos = self.vector_env.reset_apart(arguments)
        self._reset_seeds()
        self._reset_options()
        return observations

    def close(self) -> None:
        """Ends the workers and closes the environments."""
        self.vector_env.close()

    def has_attr(self, attr_name: str) -> bool:
        """True if every environment has the attribute."""
        return all(self.vector_env.apply(attributes.has, [(attr_name,)] * self.num_envs))

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each environment, or of its wrappers, as SB3's own classes find it."""
        return self._apply(f"get_attr({attr_name!r})", indices, attributes.read, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of each environment's outermost wrapper, as SB3's own classes do."""
        self._apply(f"set_attr({attr_name!r})", indices, setattr, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """The results of a method of each environment, called where the environment lives."""
        return self._apply(f"env_method({method_name!r})", indices, attributes.call, method_name, args, kwargs)

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """True for each environment with a wrapper of this class."""
        return self._apply("env_is_wrapped", indices, is_wrapped, wrapper_class)

    def get_images(self) -> list[np.ndarray | None]:
        """Frames `[H, W, 3]` uint8 of every environment, None each if its render mode is not rgb_array."""
        return self.env_method("render") if self.render_mode == "rgb_array" else [None] * self.num_envs

    def _apply(self, caller: str, indices: VecEnvIndices, function: Any, *args: Any) -> list[Any]:
        rows = check_rows(caller, self._get_indices(indices), self.num_envs).tolist()
        return self.vector_env.apply(function, [args] * len(rows), rows)
