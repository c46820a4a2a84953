"""CleanRL's line `envs = gym.vector.SyncVectorEnv([make_env(...) for i in range(args.num_envs)])` as one native batch.

    from operant.compat.cleanrl import make_vec_env
    envs = make_vec_env(args.env_id, args.num_envs, args.capture_video, run_name)

Episodes restart in the step that ends them. Scripts for gymnasium 0.29 and for 1.x find the infos that they read.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector.utils import batch_space

from operant.batch import Batch, check_seed
from operant.configuration import configure, constructor_parameters, extremes, find_spec, reset_overrides
from operant.rendering import Renderer
from operant.spaces import action_space, observation_space

_KEYWORDS = ("capture_video", "max_episode_steps", "params", "precision", "randomize", "run_name", "workers")
_REFUSED = {
    "wrappers": "there are no single environments to wrap: put wrappers for vector environments around the result",
    "seed": "reset(seed=...) seeds the episodes, envs.single_action_space.seed(...) what the space samples",
    "autoreset_mode": "CleanRL's loops need SAME_STEP; for another mode use gymnasium.make_vec with an operant id",
}


class FinalInfo(dict[str, Any]):
    """The infos of the episodes that just ended, in both layouts.

    By name, as in gymnasium 1.x: `final_info["episode"]["r"]` (return), `["l"]` (length), `["t"]` (seconds): `[N]`, for
    those of `final_info["_episode"]`. By number and by iteration, as in 0.29: environment i's own info, or None.
    """

    def __iter__(self) -> Any:
        infos = np.full(len(self["_episode"]), None, object)
        kinds = {"r": np.float32, "l": np.int32, "t": np.float64}
        for i in np.flatnonzero(self["_episode"]):
            infos[i] = {"episode": {k: self["episode"][k][i : i + 1].astype(kind) for k, kind in kinds.items()}}
        return iter(infos)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else np.fromiter(self, object)[key]


class CleanRLVectorEnv(gymnasium.vector.VectorEnv):
    """`num_envs` environments as one vector environment that a CleanRL script can train on.

    Args:
        env_id: "CartPole-v1", "operant/CartPole-v1" or "operant:operant/CartPole-v1".
        capture_video: films environment 0 into `videos/{run_name}`: the episodes that gymnasium's RecordVideo picks.
        precision, workers, params, randomize, max_episode_steps, **options: as for `OperantVectorEnv`.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        capture_video: bool = False,
        run_name: str = "run",
        *,
        precision: str = "float32",
        workers: int = 1,
        params: dict[str, Any] | None = None,
        randomize: dict[str, tuple[float, float]] | None = None,
        max_episode_steps: Any = "from spec",
        **options: Any,
    ):
        for name in _REFUSED.keys() & options.keys():
            raise TypeError(f"make_vec_env cannot take {name}={options[name]!r}: {_REFUSED[name]}")
        spec = find_spec(env_id.removeprefix("operant:"))
        limit = spec.max_episode_steps if max_episode_steps == "from spec" else max_episode_steps
        given = constructor_parameters(spec, params, options, _KEYWORDS)
        how: dict[str, Any] = {"precision": precision, "workers": workers, "autoreset": "SameStep"}
        self._batch = Batch(spec, num_envs, max_episode_steps=limit, **how)
        configure(self._batch, given, randomize)
        lows, highs = extremes(self._batch, randomize, given)
        spaces = observation_space(spec, lows, highs), action_space(spec, highs)
        self.single_observation_space, self.single_action_space = spaces
        mode = getattr(gymnasium.vector, "AutoresetMode", None)  # new in gymnasium 1.1
        self.metadata = {"render_fps": spec.render_fps} | ({"autoreset_mode": mode.SAME_STEP} if mode else {})
        self.num_envs = self._batch.num_envs
        self.closed, self.viewer, self.is_vector_env = False, None, True  # gymnasium 0.29 asks for these
        self.observation_space, self.action_space = (batch_space(space, num_envs) for space in spaces)
        self._video: Any = import_module("gymnasium.utils.save_video") if capture_video else None
        self._video_options: dict[str, Any] = {"video_folder": f"videos/{run_name}", "fps": spec.render_fps}
        self._episode_starts, self._episode, self._frames = np.zeros(num_envs), -1, list[Any]()
        self._renderer = Renderer(self._batch, "rgb_array" if capture_video else None, 1)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode everywhere, environment i with `seed + i`: observations `[N, D]` float32, an empty info."""
        overrides = reset_overrides(self._batch, options or {})
        if seed is not None:
            self._batch.seed(check_seed(seed))
        elif not self._batch.ready:
            self._batch.seed_from_entropy()
        slot = self._batch.reset(None, overrides)
        self._episode_starts.fill(time.perf_counter())
        if self._video:
            self._film(True)
        return slot.observations, {}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Observations `[N, D]` float32, the next episode's first where one ended; rewards and flags `[N]`; infos.

        Where episodes ended, these hold `final_info` (a `FinalInfo`) and `final_observation` `[N]`, 1.x's `final_obs`.
        """
        results = self._batch.step(actions)
        if self._batch.last_finished.count:
            self._add_infos(results[4], results[2] | results[3])
        if self._video:
            self._renderer.last_actions = actions
            self._film(bool(results[2][0] or results[3][0]))
        return results

    def _add_infos(self, infos: dict[str, Any], ended: np.ndarray) -> None:
        index, returns, lengths = self._batch.finished()
        final = np.full(self.num_envs, None, object)
        final[index] = np.fromiter(self._batch.final_observations(), object, len(index))
        seconds = np.round(time.perf_counter() - self._episode_starts[index], 6)
        self._episode_starts[index] += seconds
        episode = {"_r": ended, "_l": ended, "_t": ended}
        for key, values in (("r", returns.astype(float)), ("l", lengths), ("t", seconds)):
            episode[key] = np.zeros(self.num_envs, values.dtype)
            episode[key][index] = values
        infos.update(final_info=FinalInfo(episode=episode, _episode=ended), final_obs=final, final_observation=final)
        infos.update(_final_info=ended, _final_obs=ended, _final_observation=ended)

    def _film(self, ended: bool) -> None:
        """Adds a frame of environment 0 to its episode's video; `ended`: the one before is over, and is written."""
        if ended and self._frames:
            self._video.save_video(self._frames, episode_index=self._episode, **self._video_options)
            self._frames = []
        self._episode += ended
        if self._video.capped_cubic_video_schedule(self._episode):
            self._frames.extend(self._renderer.frames() or ())

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the core's memory; a video that is being recorded is written."""
        if self._frames:
            self._film(True)
        self._renderer.close()
        self._batch.close()


make_vec_env = CleanRLVectorEnv
