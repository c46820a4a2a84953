"""OperantEnv: a batch of one as a `gymnasium.Env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import logger

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.engines.batch import EngineBatch, open_cpu_batch
from operant.environments.attributes import HasAttributes
from operant.environments.engine_attributes import open_attributes
from operant.environments.engine_rendering import open_renderer
from operant.environments.opening import open_batch
from operant.environments.parameters import reset_overrides
from operant.environments.rendering import check_render_mode, flat_state, render_modes
from operant.environments.results import Results
from operant.messages import mapping
from operant.spec import EnvSpec, spans


class OperantEnv(HasAttributes, gymnasium.Env[Any, Any]):
    """One environment, stepped by the same core as the vector form and with the same results.

    It has the attributes and methods of Gymnasium's class, except those for drawing: `env.unwrapped.gravity = 3.7`
    changes the physics as it does there. Our names of parameters are attributes, too.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1"; for your own header its path, or its registered id.
        precision: "float32": the fast build. "float64": Gymnasium's trajectories, bit for bit from the same seeds; the
            environment then draws from `np_random`, as Gymnasium's classes do. None: "float32", for MuJoCo's tasks
            "float64"; their "float32" changes what is returned, not the physics.
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
        precision: str | None = None,
        isa: str | None = None,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        render_mode: str | None = None,
        **options: Any,
    ):

        def make(spec: EnvSpec, **how: Any) -> Batch:
            self.render_mode = check_render_mode(spec, render_mode)
            return open_cpu_batch(spec, 1, precision=precision, autoreset="Disabled", isa=isa, **how)

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
        self.renderer = open_renderer(self._batch, self.render_mode, 1)
        self._exact = self._batch.has_generators  # the batch draws from `np_random`
        self._shared = False  # other code may draw from `np_random`
        self._seeded = False
        attributes = open_attributes(self._batch, opened.given, self.renderer, self)
        self._results = Results(self._batch, attributes)
        self._step = self._batch.step_one if self._results.plain else self._results.step
        self._run: Any = None  # `_step`, if a step has nothing else to look at
        self._loans = {}
        self._attributes = attributes
        self._unwatch()

    def __getattr__(self, name: str) -> Any:
        if name == "action_masks" and "_results" in self.__dict__ and self._results.masks is not None:
            return self._action_masks
        return super().__getattr__(name)

    def _action_masks(self) -> np.ndarray:
        """The actions that have an effect now, `[actions]` bool: `action_masks()` of sb3-contrib, where masks exist."""
        assert self._results.masks is not None
        return self._results.masks.look_up(self._batch.observe().observations[0]).astype(np.bool_)

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
        overrides = reset_overrides(self._batch, mapping("options", options))
        if seed is not None:
            seed = check_seed(seed)
        self._settle()
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
        if self._exact:
            self._batch.get_generator(self._generator())
        self._unwatch()
        self.renderer.last_actions = None
        self.renderer.look()
        if self.render_mode == "human":
            self.render()
        return self._results.begin(self._batch.observe().observations[0])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps once: returns observation, reward, terminated, False (TimeLimit truncates) and an info.

        The observation has the observation space's shape and dtype; if Discrete it is an int, if Tuple a tuple of
        ints. Gymnasium's toy text has infos: `prob`, and Taxi's `action_mask`. Others are empty.

        Raises:
            ValueError: an action outside the action space's range, or not finite. Nothing moved.
            ResetNeeded: before the first reset, or after the episode terminated.
        """
        run = self._run
        if run is not None:
            return run(action)  # type: ignore[no-any-return]
        self._settle()
        self._unwatch()
        shared = self._exact and self._shared
        if shared and self._seeded:
            self._batch.set_generator(self._generator())
        results = self._step(action)
        if shared:
            self._batch.get_generator(self._generator())
        if self.render_mode is not None:
            self.renderer.follow([action])
            if self.render_mode == "human":
                self.render()
        return results

    def _watch(self) -> None:
        """Makes the next step look at `np_random` and at what was lent."""
        self._run = None

    def _unwatch(self) -> None:
        watched = self.render_mode is not None or (self._exact and self._shared)
        self._run = None if watched else self._step

    def _changed(self) -> None:
        self._results.refresh()

    @property
    def np_random(self) -> np.random.Generator:
        """Gymnasium's generator. In the exact build the environment draws from it too."""
        self._catch_up()
        self._shared = True
        self._watch()
        return self._generator()

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random, self._np_random_seed = value, -1
        self._shared = True
        self._watch()

    def _generator(self) -> np.random.Generator:
        """`np_random` for internal use, without marking it as shared."""
        return super().np_random

    def _catch_up(self) -> None:
        """Sets `np_random` to the state of the core's generator, unless every step does."""
        if self._exact and self._seeded and not self._shared:
            self._batch.get_generator(self._generator())

    def _observation(self) -> Any:
        return self._results.observed(self._batch.observe().observations[0])

    @property
    def state(self) -> Any:
        """The physical state in the form of Gymnasium's `state`; otherwise `[S]` float64. Assign to set it.

        Arrays are flattened, in the descriptor's order. Before the first reset Gymnasium's is None.
        """
        if "state" in self._attributes:
            return self._read("state")
        return flat_state(self._batch.spec, self._batch.get_state()[0])

    @state.setter
    def state(self, values: Any) -> None:
        if "state" in self._attributes:
            self._assign("state", values)
            return
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
        self._settle()
        return self._batch.get_state()

    def set_state(
        self, snapshot: np.ndarray | np.void | None = None, qvel: np.ndarray | None = None, *, qpos: Any = None
    ) -> Any:
        """Restores a snapshot; returns the observation, as `step` does.

        MuJoCo's tasks also take Gymnasium's arguments, positions `[nq]` and velocities `[nv]`, the first as `qpos` too.
        """
        if isinstance(self._batch, EngineBatch) and (qpos is not None or qvel is not None):
            for name, given in (("qpos", snapshot if qpos is None else qpos), ("qvel", qvel)):
                if given is None:
                    raise ValueError(f"{name} is missing: set_state takes qpos and qvel, or a snapshot")
            self._batch.place(np.asarray(snapshot if qpos is None else qpos), np.asarray(qvel))
            return self._observation()
        self._batch.set_state(snapshot)
        self._loans.clear()
        self._attributes.forget()
        self._changed()
        self._seeded = True
        if self._exact:
            self._batch.get_generator(self._generator())
        return self._observation()

    def render(self) -> Any:
        """Draws a frame `[H, W, 3]` uint8 with Gymnasium's renderer; with "human" it shows a window, returns None."""
        if self.render_mode is None:
            logger.warn('render() without a render_mode: give one, as in make(id, render_mode="rgb_array")')
            return None
        self._settle()
        frames = self.renderer.frames()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Frees the core's memory and the window."""
        self.renderer.close()
        self._batch.close()
