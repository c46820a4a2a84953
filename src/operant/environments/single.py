"""OperantEnv: a batch of one as a `gymnasium.Env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import logger

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.environments.opening import open_batch
from operant.environments.parameters import reset_overrides
from operant.environments.rendering import Renderer, check_render_mode, flat_state, render_modes
from operant.environments.spaces import ActionMasks, scalars
from operant.spec import EnvSpec, spans


class OperantEnv(gymnasium.Env[Any, Any]):
    """One environment, stepped by the same core as the vector form and with the same results.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1"; for your own header its path, or its registered id.
        precision: "float32": the fast build. "float64": Gymnasium's trajectories, bit for bit from the same seeds; the
            environment then draws from `np_random`, as Gymnasium's classes do.
        isa: forces an instruction set; results do not depend on it.
        params: physical parameters by name (`operant list --params`).
        randomize: parameters to draw for every episode: {"gravity": (8.0, 12.0)}.
        render_mode: "rgb_array", "human" or None.
        **options: Gymnasium's own constructor arguments: `sutton_barto_reward`, `g`, `goal_velocity`.

    The time limit is Gymnasium's `TimeLimit`, which `gymnasium.make` adds.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 30}  # noqa: RUF012 - Gymnasium's class attribute

    def __init__(
        self,
        env_id: str,
        *,
        precision: str = "float32",
        isa: str | None = None,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        render_mode: str | None = None,
        **options: Any,
    ):

        def make(spec: EnvSpec, **how: Any) -> Batch:
            self.render_mode = check_render_mode(spec, render_mode)
            return Batch(spec, 1, precision=precision, autoreset="Disabled", isa=isa, **how)

        opened = open_batch(
            env_id,
            type(self),
            make,
            options,
            params=params,
            randomize=randomize,
            max_episode_steps=-1,  # TimeLimit truncates
            for_one_agent="gymnasium.make",
        )
        spec, self._batch = opened.spec, opened.batch
        self.metadata = {"render_modes": render_modes(spec), "render_fps": spec.render_fps}
        self.observation_space, self.action_space = opened.observation_space, opened.action_space
        self.renderer = Renderer(self._batch, self.render_mode, 1)
        self._step, self._exact = self._batch.step_one, self._batch.exact
        self._ahead = False  # the core has drawn numbers since `np_random` was last synchronised with it
        self._shared = False  # other code may draw from `np_random`
        self._masks = ActionMasks(spec.action_masks) if spec.action_masks else None
        self._seeded = False
        self._is_array = spec.observation_kind in ("Box", "MultiDiscrete")

    @property
    def batch(self) -> Batch:
        """The batch of one that steps this environment."""
        return self._batch

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode; returns the observation and the info, as `step` does.

        Args:
            seed: restarts the random numbers; None continues them.
            options: the environment's reset bounds, for this reset.
        """
        overrides = reset_overrides(self._batch, options or {})
        if seed is not None:
            seed = check_seed(seed)
        if seed is None:
            self._catch_up()
        super().reset(seed=seed)
        if self._exact:
            self._batch.set_generator(self._generator())
        elif seed is not None:
            self._batch.seed(seed)
        elif not self._seeded:
            self._batch.seed(int(self._generator().integers(1 << 62)))
        self._seeded = True
        self._batch.reset(None, overrides)
        self._ahead = self._exact
        self._catch_up()
        self.renderer.last_actions = None
        self.renderer.look()
        if self.render_mode == "human":
            self.render()
        observation = self._observation()
        return observation, self._infos(observation)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps once: returns observation, reward, terminated, False (TimeLimit truncates) and an info.

        The observation has the observation space's shape and dtype; if Discrete it is an int64, if Tuple a tuple of
        ints. The info holds an `action_mask` if the descriptor has masks, and is empty otherwise.

        Raises:
            ValueError: an action outside the action space's range, or not finite. Nothing moved.
            ResetNeeded: before the first reset, or after the episode terminated.
        """
        observation, reward, terminated = self._step_exactly(action) if self._exact else self._step(action)
        if self.render_mode is not None:
            self.renderer.follow([action])
            if self.render_mode == "human":
                self.render()
        if self._is_array:
            return observation, reward, terminated, False, {}
        observation = scalars(self._batch.spec, observation)
        return observation, reward, terminated, False, self._infos(observation)

    def _step_exactly(self, action: Any) -> tuple[np.ndarray, float, bool]:
        """Steps the exact build, keeping it in step with `np_random` if other code may draw from that."""
        if self._shared and self._seeded:
            self._batch.set_generator(self._generator())
        results = self._step(action)
        self._ahead = True
        if self._shared:
            self._catch_up()
        return results

    @property
    def np_random(self) -> np.random.Generator:
        """Gymnasium's generator. In the exact build the environment draws from it too."""
        self._catch_up()
        self._shared = True
        return self._generator()

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random, self._np_random_seed = value, -1
        self._ahead, self._shared = False, True

    def _generator(self) -> np.random.Generator:
        """`np_random` for internal use, without marking it as shared."""
        return super().np_random

    def _catch_up(self) -> None:
        """Sets `np_random` to the state of the core's generator."""
        if self._ahead:
            self._batch.get_generator(self._generator())
            self._ahead = False

    def _infos(self, observation: Any) -> dict[str, Any]:
        return {} if self._masks is None else {"action_mask": self._masks.look_up(observation)}

    def _observation(self) -> Any:
        return scalars(self._batch.spec, self._batch.observe().observations[0])

    @property
    def state(self) -> np.ndarray:
        """The physical state: `[S]` float64, arrays flattened, in the descriptor's order. Assign to set it."""
        return flat_state(self._batch.spec, self._batch.get_state()[0])

    @state.setter
    def state(self, values: Any) -> None:
        spec, record = self._batch.spec, self._batch.get_state()
        numbers = np.asarray(values)
        if numbers.shape != (spec.state_size,):
            raise ValueError(f"the state of {spec.id} is {spec.state_size} numbers, not an array {numbers.shape}")
        for part, span in spans(spec.state):
            record[part.name] = numbers[span].reshape(part.shape)
        record["finished"] = False
        self._batch.set_state(record)

    def get_state(self) -> np.ndarray:
        """A snapshot of the complete state, as a structured array of one record; see `OperantVectorEnv.get_state`."""
        return self._batch.get_state()

    def set_state(self, snapshot: np.ndarray | np.void) -> Any:
        """Restores a snapshot; returns the observation, as `step` does."""
        self._batch.set_state(snapshot)
        self._seeded = True
        self._ahead = self._exact
        self._catch_up()
        return self._observation()

    def render(self) -> Any:
        """Draws a frame `[H, W, 3]` uint8 with Gymnasium's renderer; with "human" it shows a window, returns None."""
        if self.render_mode is None:
            logger.warn('render() without a render_mode: give one, as in make(id, render_mode="rgb_array")')
            return None
        frames = self.renderer.frames()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Frees the core's memory and the window."""
        self.renderer.close()
        self._batch.close()
