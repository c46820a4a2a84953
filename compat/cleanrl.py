"""Vector environments in place of CleanRL's `gym.vector.SyncVectorEnv([make_env(...) for i in range(args.num_envs)])`.

    from operant.compat.cleanrl import make_vec_env, vectorize
    envs = make_vec_env(args.env_id, args.num_envs, args.capture_video, run_name)  # one native batch
    envs = vectorize([make_env(...) for i in range(args.num_envs)])  # any environments, in worker processes

Episodes restart in the step that ends them. The infos suit scripts for gymnasium 0.29 and for 1.x.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector.utils import batch_space

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.compat.cleanrl_film import Film
from operant.compat.cleanrl_infos import describe_ended
from operant.compat.cleanrl_sync import SyncMethods
from operant.engines.batch import open_cpu_batch
from operant.environments.engine_attributes import open_attributes
from operant.environments.engine_rendering import open_renderer
from operant.environments.opening import open_batch
from operant.environments.parameters import reset_overrides
from operant.environments.spaces import array_space
from operant.messages import unknown
from operant.spec import EnvSpec

if TYPE_CHECKING:
    from operant.compat.cleanrl_vectorized import CleanRLVectorizedEnv

_REFUSED = {
    "wrappers": "there are no single environments to wrap: put wrappers for vector environments around the result",
    "seed": "use reset(seed=...) for the episodes and envs.single_action_space.seed(...) for samples of the space",
    "autoreset_mode": "CleanRL's loops need SAME_STEP; for another mode use gymnasium.make_vec with an operant id",
    "render_mode": "capture_video=True films environment 0",
}


class CleanRLVectorEnv(SyncMethods, gymnasium.vector.VectorEnv):  # type: ignore[misc]  # not found by mypy
    """`num_envs` environments as one vector environment that a CleanRL script can train on.

    With several agents, `envs.num_envs` and all N below count rows: agent k of environment i is row i * agents + k.

    Args:
        env_id: "CartPole-v1", "operant/CartPole-v1" or "operant:operant/CartPole-v1".
        capture_video: records environment 0 into `videos/{run_name}`, in the episodes that gymnasium's RecordVideo
            records.
        precision, workers, params, randomize, max_episode_steps, **options: as for `OperantVectorEnv`.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        capture_video: bool = False,
        run_name: str = "run",
        *,
        precision: str | None = None,
        workers: int = 1,
        params: dict[str, Any] | None = None,
        randomize: dict[str, tuple[float, float]] | None = None,
        max_episode_steps: int | None = None,
        **options: Any,
    ):
        self.closed = True  # until the constructor succeeds: Gymnasium closes environments that raised in it
        for name in _REFUSED.keys() & options.keys():
            raise TypeError(f"make_vec_env cannot take {name}={options[name]!r}: {_REFUSED[name]}")

        def make(spec: EnvSpec, **how: Any) -> Batch:
            return open_cpu_batch(spec, num_envs, precision=precision, workers=workers, autoreset="SameStep", **how)

        opened = open_batch(
            env_id, type(self), make, options, params=params, randomize=randomize, max_episode_steps=max_episode_steps
        )
        spec, self.batch = opened.spec, opened.batch
        self._attributes = open_attributes(self.batch, opened.given, open_renderer(self.batch, None, 1))
        spaces = array_space(opened.observation_space), opened.action_space
        self.num_envs = self.batch.num_rows
        self.single_observation_space, self.single_action_space = spaces
        self.observation_space, self.action_space = (batch_space(space, self.num_envs) for space in spaces)
        mode = getattr(gymnasium.vector, "AutoresetMode", None)  # new in gymnasium 1.1
        self.metadata = {"render_fps": spec.render_fps} | ({"autoreset_mode": mode.SAME_STEP} if mode else {})
        self._film = Film(self.batch, f"videos/{run_name}") if capture_video else None
        self._episode_starts = np.zeros(self.num_envs)
        self.viewer, self.is_vector_env = None, True  # gymnasium 0.29 asks for these
        self.closed = False

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode in every environment; environment i gets `seed + i`.

        Returns observations `[N, D]` of the space's dtype and an empty info.
        """
        known = dict(self.batch.spec.reset_options)
        for name in (options or {}).keys() - known.keys():
            remedy = ": make_vec_env resets all; use gymnasium.make_vec" if name == "reset_mask" else ""
            raise ValueError(f"{unknown(f'reset option of {self.batch.spec.id}', name, known)}{remedy}")
        overrides = reset_overrides(self.batch, options or {})
        if seed is not None:
            self.batch.seed(check_seed(seed))
        elif not self.batch.ready:
            self.batch.seed_from_entropy()
        slot = self.batch.reset(None, overrides)
        self._episode_starts.fill(time.perf_counter())
        if self._film:
            self._film.look(begins=True)
        return slot.observations, {}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment: returns observations `[N, D]`, rewards and flags `[N]`, and infos.

        Where an episode ended, the observation is the first of the next episode. The infos then hold `final_info` and
        `final_observation` `[N]`; under gymnasium 1.x also `final_obs`, and `final_info` is a `FinalInfo`.
        """
        results = self.batch.step(actions)
        _, _, terminated, truncated, infos = results
        if self.batch.last_finished.count:
            index, returns, lengths = self.batch.finished()
            seconds = np.round(time.perf_counter() - self._episode_starts[index], 6)
            self._episode_starts[index] += seconds
            episode = {"r": returns.astype(float), "l": lengths, "t": seconds}
            infos.update(describe_ended(terminated | truncated, index, episode, self.batch.final_observations()))
        if self._film:
            self._film.look(bool(terminated[0] or truncated[0]), actions)
        return results

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the core's memory, and writes a video that is being recorded."""
        if self._film:
            self._film.close()
        self.batch.close()


make_vec_env = CleanRLVectorEnv


def vectorize(
    env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]], workers: int | str = "auto", **options: Any
) -> CleanRLVectorizedEnv:
    """Makes a vector environment of anybody's environments, stepped in worker processes.

    Args:
        env_fns: CleanRL's functions, `[make_env(...) for i in range(args.num_envs)]`, with their wrappers.
        workers, **options: those of `operant.vectorize`.

    Raises:
        ImportError: gymnasium is older than 1.1.
    """
    from operant.compat.cleanrl_vectorized import CleanRLVectorizedEnv

    return CleanRLVectorizedEnv(env_fns, workers, **options)
